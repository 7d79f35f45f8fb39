// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: what the bounds of pathologies.h say of a report.
#include "attnscope/diagnosis.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "report/pathologies.h"

namespace attnscope {
namespace {

using internal::Bound;
using internal::kPathologies;
using internal::PathologyInfo;
using internal::Relation;

// Where a verdict is about, and what was measured there.
struct Place {
  int64_t layer;
  int64_t head;  // -1: the layer as a whole
  const MetricValues& values;
};

// How far beyond its bound, relative to the bound; infinitely where the bound is zero or either is infinite.
double Excess(const Verdict& verdict) {
  const double excess = std::abs(verdict.value - verdict.bound) / std::abs(verdict.bound);
  return std::isnan(excess) ? std::numeric_limits<double>::infinity() : excess;
}

std::string Digits(double value, int precision) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::general, precision);
  return {text, end.ptr};
}

// Value and bound with the fewest digits, at least four, that tell them apart.
std::pair<std::string, std::string> DistinctDigits(double value, double bound) {
  constexpr int kEnough = std::numeric_limits<double>::max_digits10;
  int precision = 4;
  while (precision < kEnough && Digits(value, precision) == Digits(bound, precision)) ++precision;
  return {Digits(value, precision), Digits(bound, precision)};
}

std::string Message(const Verdict& verdict, Relation relation) {
  const auto [value, bound] = DistinctDigits(verdict.value, verdict.bound);
  std::string text = std::string(NameOf(verdict.severity)) + ": " + std::string(NameOf(verdict.pathology)) +
                     " in layer " + std::to_string(verdict.layer);
  if (verdict.head >= 0) text += ", head " + std::to_string(verdict.head);
  text += ": " + std::string(InfoOf(verdict.metric).name) + " " + value;
  return text + (relation == Relation::kAbove ? " is above " : " is below ") + bound;
}

// The worst verdict of the bounds that one place crosses for one pathology, if it crosses any.
void DiagnosePathology(const PathologyInfo& info, const Thresholds& thresholds, const Place& place,
                       std::vector<Verdict>* verdicts) {
  Verdict worst;
  worst.severity = Severity::kHealthy;
  Relation relation = Relation::kAbove;
  for (const Bound& bound : info.bounds) {
    if (bound.severity < worst.severity || !bound.crossed.Holds(thresholds, place.values)) continue;
    if (bound.where && !bound.where->Holds(thresholds, place.values)) continue;
    Verdict found;
    found.pathology = info.pathology;
    found.severity = bound.severity;
    found.layer = place.layer;
    found.head = place.head;
    found.metric = bound.crossed.metric;
    found.value = place.values[found.metric];
    found.bound = bound.crossed.Number(thresholds, place.values);
    if (found.severity == worst.severity && Excess(found) <= Excess(worst)) continue;
    worst = found;
    relation = bound.crossed.relation;
  }
  if (worst.severity == Severity::kHealthy) return;
  worst.message = Message(worst, relation);
  verdicts->push_back(std::move(worst));
}

void DiagnosePlace(const Thresholds& thresholds, const Place& place, std::vector<Verdict>* verdicts) {
  for (const PathologyInfo& info : kPathologies) {
    if (place.head >= 0 && !info.per_head) continue;
    DiagnosePathology(info, thresholds, place, verdicts);
  }
}

bool IsWorse(const Verdict& a, const Verdict& b) {
  const auto key = [](const Verdict& v) {
    return std::tuple(-static_cast<int>(v.severity), -Excess(v), v.layer, v.head, v.pathology);
  };
  return key(a) < key(b);
}

}  // namespace

std::string_view NameOf(Pathology pathology) { return internal::InfoOf(pathology).name; }

std::string_view NameOf(Severity severity) {
  switch (severity) {
    case Severity::kHealthy:
      return "healthy";
    case Severity::kWarning:
      return "warning";
    case Severity::kCritical:
      break;
  }
  return "critical";
}

std::vector<Verdict> Diagnose(const Report& report, const Thresholds& thresholds) {
  std::vector<Verdict> verdicts;
  for (const LayerReport& layer : report.layers) {
    DiagnosePlace(thresholds, {layer.layer, -1, layer.stats.layer}, &verdicts);
    for (size_t h = 0; h < layer.stats.heads.size(); ++h) {
      DiagnosePlace(thresholds, {layer.layer, static_cast<int64_t>(h), layer.stats.heads[h]}, &verdicts);
    }
  }
  std::sort(verdicts.begin(), verdicts.end(), IsWorse);
  return verdicts;
}

Severity WorstSeverity(std::span<const Verdict> verdicts) {
  Severity worst = Severity::kHealthy;
  for (const Verdict& verdict : verdicts) worst = std::max(worst, verdict.severity);
  return worst;
}

}  // namespace attnscope

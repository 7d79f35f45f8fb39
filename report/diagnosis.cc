// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: each pathology is a list of bounds, and each bound names one metric, one side and one severity. What a
// bound needs beside its metric (a number of keys, a second condition) decides only whether it is put on the list.
#include "attnscope/diagnosis.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace attnscope {
namespace {

// Where a verdict is about, and what was measured there.
struct Place {
  int64_t layer;
  int64_t head;  // -1: the layer as a whole
  const MetricValues& values;
};

enum class Side : uint8_t { kAbove, kBelow };

// False where the value or the bound is NaN.
bool Crosses(double value, Side side, double bound) { return side == Side::kAbove ? value > bound : value < bound; }

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

std::string Message(const Verdict& verdict, Side side) {
  const auto [value, bound] = DistinctDigits(verdict.value, verdict.bound);
  std::string text = std::string(NameOf(verdict.severity)) + ": " + std::string(NameOf(verdict.pathology)) +
                     " in layer " + std::to_string(verdict.layer);
  if (verdict.head >= 0) text += ", head " + std::to_string(verdict.head);
  text += ": " + std::string(InfoOf(verdict.metric).name) + " " + value;
  return text + (side == Side::kAbove ? " is above " : " is below ") + bound;
}

// Keeps the worst of the bounds that one place crosses for one pathology.
class Candidate {
 public:
  Candidate(Pathology pathology, const Place& place) : place_(place) {
    verdict_.pathology = pathology;
    verdict_.severity = Severity::kHealthy;
    verdict_.layer = place.layer;
    verdict_.head = place.head;
  }

  void Check(Severity severity, Metric metric, Side side, double bound) {
    Verdict found = verdict_;
    found.severity = severity;
    found.metric = metric;
    found.value = place_.values[metric];
    found.bound = bound;
    if (!Crosses(found.value, side, bound) || severity < verdict_.severity) return;
    if (severity == verdict_.severity && Excess(found) <= Excess(verdict_)) return;
    verdict_ = found;
    side_ = side;
  }

  void AppendTo(std::vector<Verdict>* verdicts) {
    if (verdict_.severity == Severity::kHealthy) return;
    verdict_.message = Message(verdict_, side_);
    verdicts->push_back(std::move(verdict_));
  }

 private:
  const Place& place_;
  Verdict verdict_;
  Side side_ = Side::kAbove;
};

void CheckOneHotCollapse(const Thresholds& bounds, const Place& place, Candidate* candidate) {
  candidate->Check(Severity::kCritical, Metric::kMaxRowWeight, Side::kAbove, bounds.one_hot_max_row_weight_critical);
  candidate->Check(Severity::kCritical, Metric::kNormalizedEntropy, Side::kBelow,
                   bounds.one_hot_normalized_entropy_critical);
  candidate->Check(Severity::kWarning, Metric::kMaxRowWeight, Side::kAbove, bounds.one_hot_max_row_weight_warning);
  if (place.values[Metric::kKeys] >= bounds.one_hot_effective_rank_min_keys) {
    candidate->Check(Severity::kWarning, Metric::kEffectiveRank, Side::kBelow, bounds.one_hot_effective_rank_warning);
  }
}

void CheckSinkCollapse(const Thresholds& bounds, const Place& place, Candidate* candidate) {
  candidate->Check(Severity::kCritical, Metric::kSinkMass, Side::kAbove, bounds.sink_mass_critical);
  // NaN, which no value crosses, if the number of keys is missing.
  candidate->Check(Severity::kCritical, Metric::kColEntropy, Side::kBelow,
                   bounds.sink_col_entropy_share_critical * std::log(place.values[Metric::kKeys]));
  candidate->Check(Severity::kWarning, Metric::kSinkMass, Side::kAbove, bounds.sink_mass_warning);
}

void CheckUniformAttention(const Thresholds& bounds, const Place& place, Candidate* candidate) {
  const double uniform_top5 = 5.0 / place.values[Metric::kKeys];
  if (place.values[Metric::kTop5] < bounds.uniform_top5_factor_critical * uniform_top5) {
    candidate->Check(Severity::kCritical, Metric::kNormalizedEntropy, Side::kAbove,
                     bounds.uniform_normalized_entropy_critical);
  }
  candidate->Check(Severity::kWarning, Metric::kNormalizedEntropy, Side::kAbove,
                   bounds.uniform_normalized_entropy_warning);
}

void CheckVanishingLayer(const Thresholds& bounds, const Place&, Candidate* candidate) {
  candidate->Check(Severity::kCritical, Metric::kResidualRatio, Side::kBelow, bounds.vanishing_residual_ratio_critical);
  candidate->Check(Severity::kWarning, Metric::kResidualRatio, Side::kBelow, bounds.vanishing_residual_ratio_warning);
}

void CheckExplodingUpdate(const Thresholds& bounds, const Place&, Candidate* candidate) {
  candidate->Check(Severity::kCritical, Metric::kResidualRatio, Side::kAbove, bounds.exploding_residual_ratio_critical);
  candidate->Check(Severity::kWarning, Metric::kResidualRatio, Side::kAbove, bounds.exploding_residual_ratio_warning);
}

void CheckSaturatedSoftmax(const Thresholds& bounds, const Place&, Candidate* candidate) {
  candidate->Check(Severity::kCritical, Metric::kSaturationRatio, Side::kAbove, bounds.saturation_ratio_critical);
  candidate->Check(Severity::kWarning, Metric::kSaturationRatio, Side::kAbove, bounds.saturation_ratio_warning);
}

// The bound is a number of rows, as the value is. NaN or infinities in a residual stream leave no ratio to be judged.
void CheckBadNumbers(const Thresholds& bounds, const Place& place, Candidate* candidate) {
  candidate->Check(Severity::kCritical, Metric::kInvalidRows, Side::kAbove,
                   bounds.invalid_row_share_critical * place.values[Metric::kRows]);
  candidate->Check(Severity::kWarning, Metric::kInvalidRows, Side::kAbove, 0.0);
  if (!place.values.Has(Metric::kResidualRatio)) {
    candidate->Check(Severity::kCritical, Metric::kInfiniteResiduals, Side::kAbove, 0.0);
  }
}

struct PathologyInfo {
  Pathology pathology;
  std::string_view name;
  bool per_head;
  void (*check)(const Thresholds& bounds, const Place& place, Candidate* candidate);
};

// In the order of the enumeration.
constexpr std::array kPathologies = {
    PathologyInfo{Pathology::kOneHotCollapse, "one-hot collapse", true, &CheckOneHotCollapse},
    PathologyInfo{Pathology::kSinkCollapse, "sink collapse", true, &CheckSinkCollapse},
    PathologyInfo{Pathology::kUniformAttention, "uniform attention", true, &CheckUniformAttention},
    PathologyInfo{Pathology::kVanishingLayer, "vanishing layer", false, &CheckVanishingLayer},
    PathologyInfo{Pathology::kExplodingUpdate, "exploding update", false, &CheckExplodingUpdate},
    PathologyInfo{Pathology::kSaturatedSoftmax, "saturated softmax", true, &CheckSaturatedSoftmax},
    PathologyInfo{Pathology::kBadNumbers, "bad numbers", true, &CheckBadNumbers},
};

void DiagnosePlace(const Thresholds& thresholds, const Place& place, std::vector<Verdict>* verdicts) {
  for (const PathologyInfo& info : kPathologies) {
    if (place.head >= 0 && !info.per_head) continue;
    Candidate candidate(info.pathology, place);
    info.check(thresholds, place, &candidate);
    candidate.AppendTo(verdicts);
  }
}

bool IsWorse(const Verdict& a, const Verdict& b) {
  const auto key = [](const Verdict& v) {
    return std::tuple(-static_cast<int>(v.severity), -Excess(v), v.layer, v.head, v.pathology);
  };
  return key(a) < key(b);
}

}  // namespace

std::string_view NameOf(Pathology pathology) { return kPathologies[static_cast<size_t>(pathology)].name; }

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

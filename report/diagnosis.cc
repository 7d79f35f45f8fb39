// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: what the bounds of pathologies.h say of a report, and where they can say nothing.
#include "attnscope/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "report/metric_range.h"
#include "report/pathologies.h"
#include "report/verdict_text.h"

namespace attnscope {
namespace {

using internal::Bound;
using internal::Evidence;
using internal::kPathologies;
using internal::MetricRange;
using internal::PathologyInfo;
using internal::Subject;

// Where a verdict is about, and what was measured there.
struct Place {
  int64_t layer;
  int64_t head;               // -1: the layer as a whole
  const MetricValues& given;  // as the report has them
  MetricValues values;        // to be judged: without bad numbers, and with what follows from others
};

// How far beyond its bound, relative to the bound; infinitely where the bound is zero or either is infinite.
double Excess(const Verdict& verdict) {
  const double excess = std::abs(verdict.value - verdict.bound) / std::abs(verdict.bound);
  return std::isnan(excess) ? std::numeric_limits<double>::infinity() : excess;
}

bool IsWorse(const Verdict& a, const Verdict& b) {
  const auto key = [](const Verdict& v) {
    return std::tuple(-static_cast<int>(v.severity), -Excess(v), v.layer, v.head, v.pathology);
  };
  return key(a) < key(b);
}

// The end of a metric's range that a value is beyond; NaN that was given is beyond any.
std::optional<double> BeyondRange(const MetricInfo& info, const MetricValues& values) {
  if (values.IsGivenAsNaN(info.metric)) return std::numeric_limits<double>::quiet_NaN();
  const double value = values[info.metric];
  const MetricRange range = internal::RangeOf(info);
  const bool any_sums = internal::DependsOnSums(info) && values[Metric::kUnnormalizedRows] > 0.0;
  if (any_sums && std::isfinite(value)) return std::nullopt;
  if (value < range.low) return std::ceil(range.low) + 0.0;  // without the room for rounding
  if (value > range.high) return std::floor(range.high);
  return std::nullopt;
}

Place MakePlace(int64_t layer, int64_t head, const MetricValues& given, const Thresholds& thresholds) {
  Place place = {layer, head, given, given};
  MetricValues& values = place.values;
  for (const MetricInfo& info : AllMetrics()) {
    if (BeyondRange(info, given)) values[info.metric] = std::numeric_limits<double>::quiet_NaN();
  }
  // Trainers' logs have these instead.
  if (!values.Has(Metric::kSinkMass)) {
    const double queries = internal::RowsOfMatrix(values);
    values[Metric::kSinkMass] = values[Metric::kMaxColSum] / (std::isnan(queries) ? internal::Keys(values) : queries);
  }
  if (!values.Has(Metric::kNormalizedEntropy)) {
    // The least that it can be, which is enough for a verdict but not for the want of one.
    const double least = values[Metric::kEntropy] / internal::LogKeys(values);
    if (least > thresholds.uniform_normalized_entropy_warning) values[Metric::kNormalizedEntropy] = least;
  }
  return place;
}

Verdict VerdictAt(const Place& place, Pathology pathology, Severity severity, Metric metric) {
  Verdict verdict;
  verdict.pathology = pathology;
  verdict.severity = severity;
  verdict.layer = place.layer;
  verdict.head = place.head;
  verdict.metric = metric;
  return verdict;
}

// Keeps the worse one; of equally bad ones, the first.
void Keep(Verdict found, std::optional<Verdict>* worst) {
  const auto key = [](const Verdict& v) { return std::tuple(v.severity, Excess(v)); };
  if (!*worst || key(found) > key(**worst)) *worst = std::move(found);
}

std::optional<Verdict> WorstOfBounds(const PathologyInfo& info, const Thresholds& thresholds, const Place& place) {
  std::optional<Verdict> worst;
  for (const Bound& bound : info.bounds) {
    if (!bound.IsFor(place.layer)) continue;
    if (!bound.crossed.Holds(thresholds, place.values)) continue;
    if (bound.where && !bound.where->Holds(thresholds, place.values)) continue;
    Verdict found = VerdictAt(place, info.pathology, bound.severity, bound.crossed.metric);
    found.value = bound.crossed.Value(place.values);
    found.bound = bound.crossed.Number(thresholds, place.values);
    found.message = internal::VerdictMessage(found, bound.crossed, place.values);
    Keep(std::move(found), &worst);
  }
  return worst;
}

// What a report gives as NaN or beyond its range.
void KeepBadNumbers(const Place& place, std::optional<Verdict>* worst) {
  for (const MetricInfo& info : AllMetrics()) {
    const std::optional<double> end = BeyondRange(info, place.given);
    if (!end) continue;
    Verdict found = VerdictAt(place, Pathology::kBadNumbers, Severity::kWarning, info.metric);
    found.value = place.given[info.metric];
    found.bound = *end;
    found.message = internal::BadNumberMessage(found);
    Keep(std::move(found), worst);
  }
}

bool HasAnything(const MetricValues& values) {
  return std::any_of(AllMetrics().begin(), AllMetrics().end(), [&](const MetricInfo& info) {
    return values.Has(info.metric) || values.IsGivenAsNaN(info.metric);
  });
}

// "sink_mass is missing"
std::string MissingText(Metric metric, const Place& place) {
  const std::string name(InfoOf(metric).name);
  if (place.given.IsGivenAsNaN(metric) || place.given.Has(metric)) return name + " is a bad number";
  const bool needs_keys = !place.values.Has(Metric::kKeys);
  if (metric == Metric::kSinkMass && needs_keys && place.values.Has(Metric::kMaxColSum)) {
    return name + " is missing, and keys to make it of max_col_sum";
  }
  if (metric == Metric::kNormalizedEntropy && needs_keys && place.values.Has(Metric::kEntropy)) {
    return name + " is missing, and keys to bound it by entropy";
  }
  return name + " is missing";
}

// Why there is too little to judge, or nothing.
std::string LackOfEvidence(const PathologyInfo& info, const Thresholds& thresholds, const Place& place) {
  if (info.subject == Subject::kRows) {
    const double share = place.values[Metric::kUnnormalizedRows] / internal::Rows(place.values);
    if (share > thresholds.unnormalized_row_share_warning) return internal::NoDistributions(share);
  }
  for (const Evidence& evidence : info.evidence) {
    const double amount = evidence.amount(place.values);
    const double least = thresholds.*evidence.least;
    if (amount < least) return internal::TooLittle(amount, least, evidence.what);
  }
  return {};
}

// Why no bound tells whether there is a verdict, or nothing if one does. A critical bound alone does not, unless there
// is no other: what is not critical may still be ill.
std::string LackOfMetrics(const PathologyInfo& info, const Thresholds& thresholds, const Place& place) {
  Severity mildest = Severity::kCritical;
  const auto counts = [&](const Bound& bound) { return bound.IsFor(place.layer) && !bound.crossed.IsOff(thresholds); };
  for (const Bound& bound : info.bounds) {
    if (counts(bound)) mildest = std::min(mildest, bound.severity);
  }
  std::string reason = "its bounds are switched off";
  bool is_first = true;
  for (const Bound& bound : info.bounds) {
    if (bound.severity != mildest || !counts(bound)) continue;
    const bool known = bound.crossed.IsKnown(thresholds, place.values) &&
                       (!bound.where || bound.where->IsKnown(thresholds, place.values));
    if (known) return {};
    if (std::exchange(is_first, false)) reason = MissingText(bound.crossed.metric, place);
  }
  return reason;
}

void JudgePathology(const PathologyInfo& info, const Thresholds& thresholds, const Place& place, bool* is_judged,
                    Diagnosis* out) {
  std::string reason = LackOfEvidence(info, thresholds, place);
  std::optional<Verdict> worst;
  if (reason.empty()) {
    worst = WorstOfBounds(info, thresholds, place);
    if (info.pathology == Pathology::kBadNumbers) KeepBadNumbers(place, &worst);
    const bool in_range = info.pathology == Pathology::kBadNumbers && HasAnything(place.given);
    if (!worst && !in_range) reason = LackOfMetrics(info, thresholds, place);
  }
  if (!reason.empty()) {
    out->unjudged.push_back({info.pathology, place.layer, place.head, std::move(reason)});
    return;
  }
  *is_judged = *is_judged || info.subject != Subject::kInput;
  if (worst) out->verdicts.push_back(*std::move(worst));
}

// True if anything was judged.
bool JudgePlace(const Thresholds& thresholds, const Place& place, Diagnosis* out) {
  bool is_judged = false;
  for (const PathologyInfo& info : kPathologies) {
    if (place.head >= 0 && !info.per_head()) continue;
    JudgePathology(info, thresholds, place, &is_judged, out);
  }
  return is_judged;
}

Diagnosis::Layer JudgeLayer(const LayerReport& layer, const Thresholds& thresholds, Diagnosis* out) {
  const size_t before = out->verdicts.size();
  bool is_judged = JudgePlace(thresholds, MakePlace(layer.layer, -1, layer.stats.layer, thresholds), out);
  // Heads of which nothing was measured are as if they were not there: of a layer whose residual stream alone is.
  const bool has_heads = std::any_of(layer.stats.heads.begin(), layer.stats.heads.end(), HasAnything);
  for (size_t h = 0; has_heads && h < layer.stats.heads.size(); ++h) {
    const auto head = static_cast<int64_t>(h);
    is_judged |= JudgePlace(thresholds, MakePlace(layer.layer, head, layer.stats.heads[h], thresholds), out);
  }
  const Outcome healthy = is_judged ? Outcome::kHealthy : Outcome::kNotJudged;
  return {layer.layer, out->verdicts.size() > before ? Outcome::kIll : healthy, is_judged};
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

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHealthy:
      return "healthy";
    case Outcome::kIll:
      return "ill";
    case Outcome::kNotJudged:
      break;
  }
  return "not judged";
}

Diagnosis Judge(const Report& report, const Thresholds& thresholds) {
  Diagnosis diagnosis;
  for (const LayerReport& layer : report.layers) {
    diagnosis.layers.push_back(JudgeLayer(layer, thresholds, &diagnosis));
    diagnosis.is_judged |= diagnosis.layers.back().is_judged;
  }
  std::sort(diagnosis.verdicts.begin(), diagnosis.verdicts.end(), IsWorse);
  if (diagnosis.is_judged) diagnosis.outcome = Outcome::kHealthy;
  if (!diagnosis.verdicts.empty()) diagnosis.outcome = Outcome::kIll;
  return diagnosis;
}

std::vector<Verdict> Diagnose(const Report& report, const Thresholds& thresholds) {
  return Judge(report, thresholds).verdicts;
}

Severity WorstSeverity(std::span<const Verdict> verdicts) {
  Severity worst = Severity::kHealthy;
  for (const Verdict& verdict : verdicts) worst = std::max(worst, verdict.severity);
  return worst;
}

}  // namespace attnscope

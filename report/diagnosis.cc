// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: what the bounds of pathologies.h say of a report, and where they can say nothing.
#include "attnscope/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "attnscope/baseline.h"
#include "report/beyond_range.h"
#include "report/departure.h"
#include "report/metrics_of.h"
#include "report/pathologies.h"
#include "report/place.h"
#include "report/tightened.h"
#include "report/verdict_text.h"

namespace attnscope {
namespace {

using internal::Bound;
using internal::kPathologies;
using internal::PastPlace;
using internal::PathologyInfo;
using internal::Place;
using internal::Subject;

// What a baseline's median is ill of: layer, head, pathology.
using Usual = std::map<std::tuple<int64_t, int64_t, Pathology>, Severity>;

// What a report is judged by.
struct Rules {
  const Thresholds& thresholds;
  const Baseline* baseline;  // null: none
  Usual usual;
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
  internal::ForEachMetric(place.given, [&](const MetricInfo& info) {
    const std::optional<double> end = internal::BeyondRange(info, place.given);
    if (!end) return;
    Verdict found = VerdictAt(place, Pathology::kBadNumbers, Severity::kWarning, info.metric);
    found.value = place.given[info.metric];
    found.bound = *end;
    found.message = internal::BadNumberMessage(found);
    Keep(std::move(found), worst);
  });
}

// "sink_mass is missing"
std::string MissingText(Metric metric, const Place& place) {
  if (place.values.Has(metric) && internal::RowsThatSee(place.values) == 0.0) return "no row may see a key";
  const auto& of_distributions = internal::kOfDistributions;
  if (std::find(of_distributions.begin(), of_distributions.end(), metric) != of_distributions.end() &&
      internal::SinkTakesEntropy(place.given)) {
    return internal::SinkTakes(place.given[Metric::kNullMass]);
  }
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

// Why a verdict may be a worse one, or nothing: the metric of a harsher bound is beyond it, and the one that tells
// where it counts is missing.
std::string LackOfWorse(const PathologyInfo& info, const Thresholds& thresholds, const Place& place,
                        Severity severity) {
  for (const Bound& bound : info.bounds) {
    if (bound.severity <= severity || !bound.IsFor(place.layer) || !bound.where) continue;
    if (!bound.crossed.Holds(thresholds, place.values) || place.values.Has(bound.where->metric)) continue;
    return MissingText(bound.where->metric, place) + ": it may be critical";
  }
  return {};
}

// Whether the baseline is ill of the same, and as badly.
bool IsUsual(const Verdict& verdict, const Usual& usual) {
  const auto found = usual.find({verdict.layer, verdict.head, verdict.pathology});
  return found != usual.end() && found->second >= verdict.severity;
}

// `past`: what the place is compared with; null without a baseline.
void JudgePathology(const PathologyInfo& info, const Rules& rules, const Place& place, const PastPlace* past,
                    bool* is_judged, Diagnosis* out) {
  std::string reason = LackOfEvidence(info, rules.thresholds, place.values);
  std::optional<Verdict> worst;
  if (info.subject == Subject::kPast) {
    worst = WorstDeparture(rules.thresholds, place, *past, &reason);
  } else if (reason.empty()) {
    worst = WorstOfBounds(info, rules.thresholds, place);
    if (info.pathology == Pathology::kBadNumbers) KeepBadNumbers(place, &worst);
    const bool in_range = info.pathology == Pathology::kBadNumbers && internal::HasAnything(place.given);
    if (!worst && !in_range) reason = LackOfMetrics(info, rules.thresholds, place);
  }
  if (!reason.empty()) {
    out->unjudged.push_back({info.pathology, place.layer, place.head, std::move(reason)});
    return;
  }
  *is_judged = *is_judged || info.subject != Subject::kInput;
  if (!worst) return;
  reason = LackOfWorse(info, rules.thresholds, place, worst->severity);
  if (!reason.empty()) out->unjudged.push_back({info.pathology, place.layer, place.head, std::move(reason)});
  const bool is_usual = past != nullptr && past->median != nullptr && IsUsual(*worst, rules.usual);
  (is_usual ? out->as_in_baseline : out->verdicts).push_back(*std::move(worst));
}

// True if anything was judged.
bool JudgePlace(const Rules& rules, const Place& place, const PastPlace* past, Diagnosis* out) {
  bool is_judged = false;
  for (const PathologyInfo& info : kPathologies) {
    if (place.head >= 0 && !info.per_head()) continue;
    if (info.subject == Subject::kPast && past == nullptr) continue;
    JudgePathology(info, rules, place, past, &is_judged, out);
  }
  return is_judged;
}

Diagnosis::Layer JudgeLayer(const LayerReport& layer, const Rules& rules, Diagnosis* out) {
  const size_t before = out->verdicts.size();
  PastPlace past;
  const PastPlace* const compared = rules.baseline == nullptr ? nullptr : &past;
  if (compared != nullptr) past = internal::PastOfLayer(layer, *rules.baseline);
  bool is_judged =
      JudgePlace(rules, internal::MakePlace(layer.layer, -1, layer.stats.layer, rules.thresholds), compared, out);
  // Heads of which nothing was measured are as if they were not there: of a layer whose residual stream alone is.
  const bool has_heads = std::any_of(layer.stats.heads.begin(), layer.stats.heads.end(), internal::HasAnything);
  for (size_t h = 0; has_heads && h < layer.stats.heads.size(); ++h) {
    const auto head = static_cast<int64_t>(h);
    if (compared != nullptr) past = internal::PastOfHead(layer, h, *rules.baseline);
    const Place place = internal::MakePlace(layer.layer, head, layer.stats.heads[h], rules.thresholds);
    is_judged |= JudgePlace(rules, place, compared, out);
  }
  const Outcome healthy = is_judged ? Outcome::kHealthy : Outcome::kNotJudged;
  return {layer.layer, out->verdicts.size() > before ? Outcome::kIll : healthy, is_judged};
}

Diagnosis JudgeBy(const Rules& rules, const Report& report) {
  Diagnosis diagnosis;
  for (const LayerReport& layer : report.layers) {
    diagnosis.layers.push_back(JudgeLayer(layer, rules, &diagnosis));
    diagnosis.is_judged |= diagnosis.layers.back().is_judged;
  }
  std::sort(diagnosis.verdicts.begin(), diagnosis.verdicts.end(), IsWorse);
  std::sort(diagnosis.as_in_baseline.begin(), diagnosis.as_in_baseline.end(), IsWorse);
  if (diagnosis.is_judged) diagnosis.outcome = Outcome::kHealthy;
  if (!diagnosis.verdicts.empty()) diagnosis.outcome = Outcome::kIll;
  return diagnosis;
}

// By the bounds themselves too, as stricter ones may leave less that can be judged.
Usual UsualOf(const Baseline& baseline, const Thresholds& thresholds) {
  constexpr double kMargin = 0.1;
  Usual usual;
  for (const Thresholds& bounds : {thresholds, internal::Tightened(thresholds, kMargin)}) {
    for (const Verdict& verdict : JudgeBy({bounds, nullptr, {}}, baseline.median).verdicts) {
      if (verdict.pathology == Pathology::kBadNumbers) continue;
      Severity& severity = usual[{verdict.layer, verdict.head, verdict.pathology}];
      severity = std::max(severity, verdict.severity);
    }
  }
  return usual;
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

Diagnosis Judge(const Report& report, const Thresholds& thresholds, const Baseline* baseline) {
  return JudgeBy({thresholds, baseline, baseline == nullptr ? Usual() : UsualOf(*baseline, thresholds)}, report);
}

std::vector<Verdict> Diagnose(const Report& report, const Thresholds& thresholds, const Baseline* baseline) {
  return Judge(report, thresholds, baseline).verdicts;
}

Severity WorstSeverity(std::span<const Verdict> verdicts) {
  Severity worst = Severity::kHealthy;
  for (const Verdict& verdict : verdicts) worst = std::max(worst, verdict.severity);
  return worst;
}

}  // namespace attnscope

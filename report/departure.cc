// SPDX-License-Identifier: Apache-2.0
#include "report/departure.h"

#include <algorithm>
#include <cmath>

#include "report/compared_metrics.h"
#include "report/verdict_text.h"

namespace attnscope::internal {
namespace {

PastPlace NoPast(std::string reason) { return {.reason = std::move(reason)}; }

std::string Heads(size_t count) { return std::to_string(count) + (count == 1 ? " head" : " heads"); }

// Why a metric cannot be compared. `is_missing`: because it is not there, as most metrics are somewhere.
struct Obstacle {
  std::string reason = {};
  bool is_missing = false;
};

Obstacle ObstacleOf(const ComparedMetric& compared, const Thresholds& thresholds, const MetricValues& now,
                    const MetricValues& then) {
  const std::string name(attnscope::InfoOf(compared.metric).name);
  if (!now.Has(compared.metric)) return {name + " is missing", true};
  if (!then.Has(compared.metric)) return {name + " is missing in the baseline", true};
  const PathologyInfo& like = InfoOf(compared.like);
  if (std::string lack = LackOfEvidence(like, thresholds, now); !lack.empty()) return {std::move(lack)};
  if (const std::string lack = LackOfEvidence(like, thresholds, then); !lack.empty()) return {"the baseline " + lack};
  const double factor = Keys(now) / Keys(then);
  if (compared.depends_on_keys && (factor > kComparableKeys || factor < 1.0 / kComparableKeys)) {
    return {OtherKeys(Keys(now), Keys(then))};
  }
  return {};
}

// How far a value is from the baseline's, in spreads, and what a spread is.
struct Distance {
  double center;
  double spread;
  double spreads;
};

Distance DistanceOf(const ComparedMetric& compared, const MetricValues& now, const PastPlace& past) {
  const double scaled = compared.ToScale(now[compared.metric]);
  const double center = compared.ToScale((*past.median)[compared.metric]);
  const double spread = std::fmax((*past.spread)[compared.metric], compared.least_spread);
  return {center, spread, scaled == center ? 0.0 : std::abs(scaled - center) / spread};
}

Verdict DepartureAt(const Place& place, const ComparedMetric& compared, const Distance& distance, double value,
                    double threshold, Severity severity) {
  Verdict verdict = VerdictAt(place, Pathology::kLeftBaseline, severity, compared.metric);
  verdict.value = value;
  verdict.baseline = compared.FromScale(distance.center);
  const double side = value > verdict.baseline ? 1.0 : -1.0;
  verdict.bound = compared.FromScale(distance.center + side * threshold * distance.spread);
  verdict.message = DepartureMessage(verdict);
  return verdict;
}

}  // namespace

PastPlace PastOfLayer(const LayerReport& layer, const Baseline& baseline) {
  const LayerReport* const median = baseline.median.Find(layer.layer);
  const LayerReport* const spread = baseline.spread.Find(layer.layer);
  if (median == nullptr || spread == nullptr) return NoPast("the layer is not in the baseline");
  const size_t heads = layer.stats.heads.size();
  const size_t past_heads = median->stats.heads.size();
  if (heads != past_heads && heads != 0 && past_heads != 0) {
    return NoPast("the layer has " + Heads(heads) + ", and " + std::to_string(past_heads) + " in the baseline");
  }
  return {.median = &median->stats.layer, .spread = &spread->stats.layer};
}

PastPlace PastOfHead(const LayerReport& layer, size_t head, const Baseline& baseline) {
  PastPlace past = PastOfLayer(layer, baseline);
  if (past.median == nullptr) return past;
  const std::vector<MetricValues>& medians = baseline.median.Find(layer.layer)->stats.heads;
  const std::vector<MetricValues>& spreads = baseline.spread.Find(layer.layer)->stats.heads;
  if (head >= medians.size() || head >= spreads.size()) return NoPast("the baseline has no heads");
  return {.median = &medians[head], .spread = &spreads[head]};
}

std::optional<Verdict> WorstDeparture(const Thresholds& thresholds, const Place& place, const PastPlace& past,
                                      std::string* reason) {
  *reason = past.reason;
  if (past.median == nullptr) return std::nullopt;
  const PathologyInfo& info = InfoOf(Pathology::kLeftBaseline);
  const auto is_off = [&](const Bound& bound) { return bound.crossed.IsOff(thresholds); };
  if (std::all_of(info.bounds.begin(), info.bounds.end(), is_off)) {
    *reason = "its bounds are switched off";
    return std::nullopt;
  }
  const MetricValues now = SoundValues(place.given);
  std::optional<Verdict> worst;
  double worst_spreads = 0.0;
  bool any = false;
  Obstacle first;
  for (const ComparedMetric& compared : kComparedMetrics) {
    Obstacle obstacle = ObstacleOf(compared, thresholds, now, *past.median);
    if (!obstacle.reason.empty()) {
      if (first.reason.empty() || (first.is_missing && !obstacle.is_missing)) first = std::move(obstacle);
      continue;
    }
    any = true;
    const Distance distance = DistanceOf(compared, now, past);
    if (!(distance.spreads > worst_spreads)) continue;
    // The severest bound comes first.
    for (const Bound& bound : info.bounds) {
      const double threshold = thresholds.*bound.crossed.threshold;
      if (!(distance.spreads > threshold)) continue;
      worst_spreads = distance.spreads;
      worst = DepartureAt(place, compared, distance, now[compared.metric], threshold, bound.severity);
      break;
    }
  }
  if (!any) *reason = first.reason;
  return worst;
}

}  // namespace attnscope::internal

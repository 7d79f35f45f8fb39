// SPDX-License-Identifier: Apache-2.0
#include "render/figures/healthy_range.h"

#include <algorithm>
#include <array>

#include "report/pathologies.h"

namespace attnscope::render {
namespace {

// The metrics whose healthy range is shown, each with the ends that no verdict has.
struct UsualRange {
  Metric metric;
  HealthyRange usual = {};
};
constexpr std::array<UsualRange, 3> kShownRanges = {{
    {Metric::kEffectiveRank, {.high = 50.0}},
    {Metric::kMaxRowWeight, {.low = 0.1}},
    {Metric::kResidualRatio},
}};

// What no bound of a verdict is crossed by. A bound that is NaN is none.
HealthyRange WithinBounds(Metric metric, int64_t layer, const Thresholds& thresholds) {
  HealthyRange range;
  for (const internal::PathologyInfo& pathology : internal::kPathologies) {
    for (const internal::Bound& bound : pathology.bounds) {
      if (bound.crossed.metric != metric || !bound.IsFor(layer)) continue;
      const double number = bound.crossed.Number(thresholds, {});
      if (bound.crossed.relation == internal::Relation::kBelow && number > range.low) range.low = number;
      if (bound.crossed.relation == internal::Relation::kAbove && number < range.high) range.high = number;
    }
  }
  return range;
}

}  // namespace

std::optional<HealthyRange> HealthyRangeOf(Metric metric, int64_t layer, const Thresholds& thresholds) {
  const auto shown = std::find_if(kShownRanges.begin(), kShownRanges.end(),
                                  [&](const UsualRange& range) { return range.metric == metric; });
  if (shown == kShownRanges.end()) return std::nullopt;
  constexpr HealthyRange kUnbounded;
  const HealthyRange bounds = WithinBounds(metric, layer, thresholds);
  if (bounds.low == kUnbounded.low && bounds.high == kUnbounded.high) return std::nullopt;
  if (!(bounds.low < bounds.high)) return std::nullopt;
  HealthyRange range = bounds;
  if (shown->usual.low < bounds.high) range.low = std::max(bounds.low, shown->usual.low);
  if (shown->usual.high > bounds.low) range.high = std::min(bounds.high, shown->usual.high);
  return range;
}

}  // namespace attnscope::render

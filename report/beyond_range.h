// SPDX-License-Identifier: Apache-2.0
//
// Which values of a report are bad numbers. In a header, as figures ask too.
#ifndef ATTNSCOPE_REPORT_BEYOND_RANGE_H_
#define ATTNSCOPE_REPORT_BEYOND_RANGE_H_

#include <cmath>
#include <limits>
#include <optional>

#include "attnscope/metrics.h"
#include "report/evidence.h"
#include "report/metric_range.h"

namespace attnscope::internal {

// What a metric of distributions can be at most, as far as the other values tell: there are so many keys, and queries.
// Unknown: NaN.
inline double MostOf(Metric metric, const MetricValues& values) {
  const double queries = RowsOfMatrix(values);
  switch (metric) {
    case Metric::kEntropy:
    case Metric::kColEntropy:
      return LogKeys(values);
    case Metric::kEffectiveRank:
      return Keys(values);
    case Metric::kMaxColSum:
      return std::isnan(queries) ? Keys(values) : queries;
    default:
      return kUnknown;
  }
}

// The same with room for sums of half precision, which are 1 within 2e-2: an entropy is then beyond by that share.
inline double MostWithRoom(Metric metric, double most) {
  constexpr double kRoom = 0.03;
  return metric == Metric::kEffectiveRank ? std::pow(most, 1.0 + kRoom) * (1.0 + kRoom) : most * (1.0 + kRoom) + kRoom;
}

// The end of a metric's range that a value is beyond; NaN that was given is beyond any.
inline std::optional<double> BeyondRange(const MetricInfo& info, const MetricValues& values) {
  if (values.IsGivenAsNaN(info.metric)) return std::numeric_limits<double>::quiet_NaN();
  const double value = values[info.metric];
  const MetricRange range = RangeOf(info);
  const bool any_sums = DependsOnSums(info) && values[Metric::kUnnormalizedRows] > 0.0;
  if (any_sums && std::isfinite(value)) return std::nullopt;
  if (value < range.low) return std::ceil(range.low) + 0.0;  // without the room for rounding
  if (value > range.high) return std::floor(range.high);
  const double most = MostOf(info.metric, values);
  return most >= 0.0 && value > MostWithRoom(info.metric, most) ? std::optional<double>(most) : std::nullopt;
}

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_BEYOND_RANGE_H_

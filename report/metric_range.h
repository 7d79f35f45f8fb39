// SPDX-License-Identifier: Apache-2.0
//
// Which values a metric can have. Others are no measurement, whoever gave them.
#ifndef ATTNSCOPE_REPORT_METRIC_RANGE_H_
#define ATTNSCOPE_REPORT_METRIC_RANGE_H_

#include <limits>

#include "attnscope/metrics.h"

namespace attnscope::internal {

struct MetricRange {
  double low;
  double high;
};

// From the table of metrics: shares are from 0 to 1, and nothing is negative but logits. The range is wider than exact
// arithmetic's by what rows of half precision may be off, whose sums count as 1 within 2e-2.
constexpr MetricRange RangeOf(const MetricInfo& info) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kLargest = std::numeric_limits<double>::max();
  constexpr double kRounding = 0.03;
  for (const Metric logit : {Metric::kLogitMean, Metric::kLogSumExp, Metric::kMaxLogit}) {
    if (info.metric == logit) return {-kInfinity, kInfinity};
  }
  if (info.is_count) return {0.0, kLargest};
  if (info.scale == MetricScale::kShare) return {-kRounding, 1.0 + kRounding};
  if (info.metric == Metric::kEffectiveRank) return {1.0 - kRounding, kLargest};
  // No finite gradient has an infinite norm.
  if (info.metric == Metric::kGradientNorm) return {0.0, kLargest};
  // A residual stream that is zero has infinite ratios, and logits may overflow.
  if (info.group != MetricGroup::kAttention) return {0.0, kInfinity};
  return {-kRounding, kLargest};
}

// Whether rows that are no distributions may take it beyond its range.
constexpr bool DependsOnSums(const MetricInfo& info) { return !info.is_count && info.group == MetricGroup::kAttention; }

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_METRIC_RANGE_H_

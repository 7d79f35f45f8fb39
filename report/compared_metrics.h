// SPDX-License-Identifier: Apache-2.0
//
// Which metrics are compared with a baseline, and how. They are those that warnings of other pathologies are about, so
// that each head is watched where it can fall ill. docs/metrics.md has the same table for people.
#ifndef ATTNSCOPE_REPORT_COMPARED_METRICS_H_
#define ATTNSCOPE_REPORT_COMPARED_METRICS_H_

#include <algorithm>
#include <array>
#include <cmath>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"

namespace attnscope::internal {

// A metric that is compared. Ranks, ratios and the largest logits are compared by their logarithms: they change by
// factors, of which 20 to 10 is as much as 200 to 100. Shares, which are at home between 0 and 1, are compared as they
// are.
struct ComparedMetric {
  Metric metric;
  bool by_logarithm;
  // What is taken for the spread where it is less, in this scale: healthy values of the same head that differ by so
  // little are the same. It lets a single report be a baseline.
  double least_spread;
  Pathology like;        // whose evidence it needs: what a few rows say of a sink is nothing, today or in the past
  bool depends_on_keys;  // not comparable between sequences of other lengths

  double least_value;  // below which logarithms do not tell values apart: zero has none

  double ToScale(double value) const { return by_logarithm ? std::log(std::max(value, least_value)) : value; }
  double FromScale(double scaled) const { return by_logarithm ? std::exp(scaled) : scaled; }
};

inline constexpr std::array<ComparedMetric, 7> kComparedMetrics = {{
    {Metric::kEffectiveRank, true, 0.1, Pathology::kOneHotCollapse, true, 1.0},
    {Metric::kMaxRowWeight, false, 0.025, Pathology::kOneHotCollapse, true, 0.0},
    {Metric::kNormalizedEntropy, false, 0.025, Pathology::kUniformAttention, false, 0.0},
    {Metric::kSinkMass, false, 0.025, Pathology::kSinkCollapse, true, 0.0},
    {Metric::kSaturationRatio, false, 0.025, Pathology::kSaturatedSoftmax, false, 0.0},
    {Metric::kResidualRatio, true, 0.1, Pathology::kVanishingLayer, false, 1e-9},
    {Metric::kMaxLogit, true, 0.1, Pathology::kGrowingLogits, false, 1.0},  // those below 1 saturate nothing
}};

// Lengths whose values are compared differ by this factor at most.
inline constexpr double kComparableKeys = 2.0;

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_COMPARED_METRICS_H_

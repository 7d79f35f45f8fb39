// SPDX-License-Identifier: Apache-2.0
//
// Which values of a metric figures shade as healthy. The bounds of verdicts decide it.
#ifndef ATTNSCOPE_RENDER_FIGURES_HEALTHY_RANGE_H_
#define ATTNSCOPE_RENDER_FIGURES_HEALTHY_RANGE_H_

#include <cstdint>
#include <limits>
#include <optional>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"

namespace attnscope::render {

// low < high. An end that nothing bounds is infinite.
struct HealthyRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// The values that cross no bound of a verdict. On a side without bounds the range ends where values of trained models
// usually do. Nothing for metrics whose range is not shown, where no bound is set, and where no value is within all.
// Layer 0, the first block of a model, may have another range than all other layers.
std::optional<HealthyRange> HealthyRangeOf(Metric metric, int64_t layer, const Thresholds& thresholds);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_HEALTHY_RANGE_H_

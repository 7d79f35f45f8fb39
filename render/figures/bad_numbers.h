// SPDX-License-Identifier: Apache-2.0
//
// What a figure cannot draw although it was measured.
#ifndef ATTNSCOPE_RENDER_FIGURES_BAD_NUMBERS_H_
#define ATTNSCOPE_RENDER_FIGURES_BAD_NUMBERS_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "attnscope/metrics.h"
#include "attnscope/report.h"

namespace attnscope::render {

// Those of a layer, or of one of its heads.
inline const MetricValues& ValuesAt(const LayerReport& layer, int64_t head) {
  return head < 0 ? layer.stats.layer : layer.stats.heads[static_cast<size_t>(head)];
}

// Whether a metric was given as NaN or infinite, or has no value because of NaN or infinities in what was measured.
inline bool HasBadNumber(const MetricValues& values, Metric metric) {
  if (values.IsGivenAsNaN(metric) || std::isinf(values[metric])) return true;
  if (values.Has(metric)) return false;
  if (metric == Metric::kResidualRatio) return values[Metric::kInfiniteResiduals] > 0.0;
  return values[Metric::kInvalidRows] > 0.0 && !values.Has(Metric::kEntropy);  // all rows are invalid
}

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_BAD_NUMBERS_H_

// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logit_sums.h"

#include <algorithm>
#include <cmath>

#include "kernels/accumulator/state_layout.h"
#include "kernels/row_sums.h"

namespace attnscope {

void AddLogitSums(const SoftmaxMeasures* measures, size_t num_rows, double saturation_bound, double* row_sums,
                  double* open_maxima) {
  const auto add = [row_sums](RowSum which, double value) { row_sums[static_cast<size_t>(which)] += value; };
  const auto raise = [open_maxima](OpenMax which, double value) {
    double& maximum = open_maxima[static_cast<size_t>(which)];
    maximum = std::max(maximum, value);
  };
  double max = -HUGE_VAL;
  double max_abs = 0.0;
  for (size_t i = 0; i < num_rows; ++i) {
    const SoftmaxMeasures& row = measures[i];
    if (!row.valid || row.keys == 0) continue;
    add(RowSum::kLogitRows, 1.0);
    add(RowSumOf<Metric::kLogSumExp>(), row.log_sum_exp);
    add(RowSumOf<Metric::kSaturationRatio>(), row.max_weight >= saturation_bound ? 1.0 : 0.0);
    add(RowSum::kLogits, static_cast<double>(row.keys));
    add(RowSumOf<Metric::kLogitMean>(), row.sum);
    add(RowSum::kLogitSquares, row.squares);
    max_abs = std::max(max_abs, row.max_abs);
    max = std::max(max, row.max);
  }
  if (max == -HUGE_VAL) return;  // none was measured
  raise(OpenMax::kMaxAbsLogit, max_abs);
  raise(OpenMax::kMaxLogit, PackSigned(max + 0.0));  // -0.0, whose bits are below those of 0.0, is the same number
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// What rows of logits add to the sums of their matrix.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SUMS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SUMS_H_

#include <cstddef>

#include "kernels/softmax/softmax_rows.h"

namespace attnscope {

// Adds the rows' logits to the sums [kNumRowSums] and the maxima [kNumOpenMaxima] of their matrix.
void AddLogitSums(const SoftmaxMeasures* measures, size_t num_rows, double saturation_bound, double* row_sums,
                  double* open_maxima);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SUMS_H_

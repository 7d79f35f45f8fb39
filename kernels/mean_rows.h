// SPDX-License-Identifier: Apache-2.0
//
// Mean-matrix mode: one row of the matrix that is the mean over batch and heads.
#ifndef ATTNSCOPE_KERNELS_MEAN_ROWS_H_
#define ATTNSCOPE_KERNELS_MEAN_ROWS_H_

#include <cstddef>

#include "attnscope/attention_view.h"

namespace attnscope {

// mean[0, view.keys) = mean over all matrices of row `row`, where keys that a row may not see count as zero.
// `visibility` has no positions. A row that is invalid (NaN, infinity, negative weight) in any matrix makes the mean
// row invalid. Relative error of an element below 5e-7. Eight heads are added in float32: valid weights of FLT_MAX / 8
// and more may overflow, and then make the mean row invalid too. O(batch * heads * keys), one read; allocates nothing.
// Thread-safe.
void MeanOfRows(const AttentionView& view, const Visibility& visibility, size_t row, float* mean);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_MEAN_ROWS_H_

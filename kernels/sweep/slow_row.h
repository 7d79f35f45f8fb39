// SPDX-License-Identifier: Apache-2.0
//
// The careful path for the few rows that the sweeps cannot take: those with NaN, infinities, negative weights, negative
// zeros, or weights so large that float32 sums might overflow.
#ifndef ATTNSCOPE_KERNELS_SWEEP_SLOW_ROW_H_
#define ATTNSCOPE_KERNELS_SWEEP_SLOW_ROW_H_

#include <cstddef>

#include "attnscope/attention_view.h"
#include "kernels/sweep/row_block.h"

namespace attnscope {

// The element [index] as double. Exact.
double ElementAsDouble(const void* data, ElementType type, size_t index);

// Whether no weight of the row is NaN, infinite or negative; negative zero is a zero. O(count).
bool IsValidRow(const void* row, ElementType type, size_t count);

// Measures a row of `keys` elements in float64, as row `index` of the result. An invalid row, one with a NaN, an
// infinity or a negative weight (negative zero is a zero), has measures of 0. All but the top-k masses, which
// SumLargest takes from any row. O(keys); allocates nothing.
void MeasureSlowRow(const void* row, ElementType type, size_t keys, size_t index, BlockResult* result);

// Adds the weights of a valid row to those of its float64 column sums [keys] that are within `columns`.
void AddSlowRowToColumns(const BlockRow& row, ElementType type, const KeyRange& columns, double* sums);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_SLOW_ROW_H_

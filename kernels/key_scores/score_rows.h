// SPDX-License-Identifier: Apache-2.0
//
// The loops over the keys of a row that scores are made of. No SIMD here. All: O(count), no allocation, any alignment,
// thread-safe for different outputs.
#ifndef ATTNSCOPE_KERNELS_KEY_SCORES_SCORE_ROWS_H_
#define ATTNSCOPE_KERNELS_KEY_SCORES_SCORE_ROWS_H_

#include <cstddef>

#include "attnscope/attention_view.h"

namespace attnscope {

// Whether all weights are 0 to 2^64, as float32 sums take them: no NaN, infinity, sign (also of zero) or huge number.
bool IsOrdinaryRow(const void* row, ElementType type, size_t count);

// block[i] += factor * row[i], in float32. A factor of 1 adds exactly.
void AddRowToBlock(const void* row, ElementType type, size_t count, float factor, float* block);

// sums[i] = keep * sums[i] + scale * block[i], and the block becomes zero. Sums below 2^-900 become zero, as what
// decays for long would be denormal numbers, which are slow.
void FoldBlock(size_t count, double keep, double scale, float* block, double* sums);

// to[i] += keep * sums[i] + scale * block[i].
void AddScores(size_t count, double keep, const double* sums, double scale, const float* block, double* to);

// to[i] += factor * row[i], in float64.
void AddScaledRow(size_t count, double factor, const float* row, double* to);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_KEY_SCORES_SCORE_ROWS_H_

// SPDX-License-Identifier: Apache-2.0
//
// The sums of the k largest weights of rows, for any k up to kMaxTopK.
#ifndef ATTNSCOPE_KERNELS_TOP_K_LARGEST_SUMS_H_
#define ATTNSCOPE_KERNELS_TOP_K_LARGEST_SUMS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "attnscope/attention_view.h"

namespace attnscope {

// One row of weights.
struct WeightsRow {
  const void* data;
  size_t columns;
};

// sums[i * k.size() + j] = the sum of the k[j] largest weights of rows[i], or of all where there are fewer, never less
// than that before it; NaN where a row has NaN, an infinity or a negative weight. `k` ascends. Exact but for float64
// rounding. O(columns + k) a row; one read, and another look at what is above a bound; allocates nothing. Thread-safe.
void SumLargest(ElementType type, std::span<const WeightsRow> rows, std::span<const uint32_t> k, double* sums);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_LARGEST_SUMS_H_

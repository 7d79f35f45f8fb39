// SPDX-License-Identifier: Apache-2.0
//
// Rows of logits to rows of float32 weights, and what can only be measured on the way. Included by the accumulator,
// tests and benchmarks.
#ifndef ATTNSCOPE_KERNELS_SOFTMAX_SOFTMAX_ROWS_H_
#define ATTNSCOPE_KERNELS_SOFTMAX_SOFTMAX_ROWS_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"

namespace attnscope {

// One row: x_j, bias_j for j in [0, keys).
struct SoftmaxRow {
  const void* logits = nullptr;
  ElementType type = ElementType::kFloat32;
  const void* bias = nullptr;  // null: none
  ElementType bias_type = ElementType::kFloat32;
  double bias_factor = 1.0;        // finite
  const uint8_t* shown = nullptr;  // [keys], 0: the key is masked; null: none is
  const void* ahead = nullptr;     // the next row of logits, to prefetch; null: none
  size_t keys = 0;
  float* weights = nullptr;  // [keys], and kMaxFloatLanes that are overwritten; may be `logits` where these are float32
  double sink = -HUGE_VAL;   // a logit in the denominator that belongs to no key; -infinity: none
};

// s_j = soft_cap * tanh(scale * x_j / soft_cap) + bias_factor * bias_j; soft_cap 0: none. Where x_j or bias_j is at or
// below its bound, s_j is -infinity, a masked key.
struct LogitScale {
  double scale = 1.0;
  double soft_cap = 0.0;
  double masked_logit = -HUGE_VAL;
  double masked_bias = -HUGE_VAL;
};

// Of the s_j that are not -infinity. Zeros if the row is invalid, or if there is none: `keys` is then 0.
struct SoftmaxMeasures {
  bool valid = true;  // no NaN, no +infinity
  size_t keys = 0;
  double entropy_nats = 0.0;
  double log_sum_exp = 0.0;
  double max_weight = 0.0;
  double sum = 0.0;
  double squares = 0.0;
  double max_abs = 0.0;
  double max = 0.0;
};

// Room for the s_j of a row with a bias or a soft cap, as sums of two float32: PaddedColumns(keys) of each.
struct SoftmaxScratch {
  float* high = nullptr;
  float* low = nullptr;
};

// Fills weights and measures [num_rows]. With a sink weights sum to less than 1; log_sum_exp is of the keys alone. An
// invalid row's first weight is NaN; the other weights of it, and all weights
// of a row without keys, are 0. At most kRowsPerBlock rows.
void SoftmaxRows(const SoftmaxRow* rows, size_t num_rows, const LogitScale& scale, const SoftmaxScratch& scratch,
                 SoftmaxMeasures* measures);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SOFTMAX_SOFTMAX_ROWS_H_

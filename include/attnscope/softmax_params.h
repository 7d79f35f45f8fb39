// SPDX-License-Identifier: Apache-2.0
//
// What happens between raw logits, or products of queries and keys, and the softmax: scale, soft cap, bias, mask.
#ifndef ATTNSCOPE_SOFTMAX_PARAMS_H_
#define ATTNSCOPE_SOFTMAX_PARAMS_H_

#include <cstdint>

#include "attnscope/attention_view.h"

namespace attnscope {

// Added to the logits of matrix [b, h], row i: ALiBi, relative positions, padding masks of -infinity. The keys of one
// row are contiguous; every other stride (in elements, also negative) may be zero, so one row, one matrix, or one of
// each head serves all. Read is what the mask lets a row see, nothing else. Null data: no bias.
struct BiasView {
  const void* data = nullptr;  // of sequence 0 and head 0 of the logits' own view, row 0
  ElementType type = ElementType::kFloat32;
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t query_stride = 0;
  // [heads of the view], or null: 1. What is added is head_factors[h] times what stands in `data`: ALiBi is one row of
  // distances and the heads' slopes. Each must be finite; a bias that masks a key does so whatever its factor.
  const float* head_factors = nullptr;
};

// The logits that enter the softmax, and that the logit metrics are of:
//   s_ij = soft_cap * tanh(scale * x_ij / soft_cap) + bias_ij,   without soft cap   s_ij = scale * x_ij + bias_ij,
// where x_ij is a given logit, or the product of query i and key j. A row with NaN or +infinity is invalid. Any other
// s_ij are right, also where they are beyond float32: an s_ij is off by at most 2^-50 of the larger of its two terms
// and 1e-15 of a soft cap below 2^29, and what is common to all keys of a row costs no digit. Logit metrics and
// RowOutputs::max_logit are of s_ij that are rounded to float32, by 2^-24 of each, in rows that have a soft cap, a
// bias, or keys that are hidden one by one or by their values.
//
// A key is masked by value where the given x_ij, or the bias, is -infinity, or at or below `masked_below`, or, in
// float16, is its lowest finite number: attention masks are often finite. It is then not seen, as if a Visibility had
// said so, and passes no soft cap. Products of queries and keys mask nothing.
struct SoftmaxParams {
  // Zero: 1 for logits, 1 / sqrt(head_dim) for queries and keys. Otherwise 2^-96 to 2^96.
  double scale = 0.0;
  // As in Gemma 2. Zero: none. Otherwise 2^-96 to 2^96.
  double soft_cap = 0.0;
  Mask mask = {};
  BiasView bias = {};
  // -infinity: finite values are no masks.
  double masked_below = -1e8;
  // [heads of the view], or null. A learned sink: exp(sinks[h]) is added to the softmax's denominator (gpt-oss), so
  // that weights sum to less than 1; the rest is Metric::kNullMass. -infinity: none for this head.
  const float* sinks = nullptr;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_SOFTMAX_PARAMS_H_

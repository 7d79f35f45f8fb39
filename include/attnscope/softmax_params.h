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
};

// The logits that enter the softmax, and that the logit metrics are of:
//   s_ij = soft_cap * tanh(scale * x_ij / soft_cap) + bias_ij,   without soft cap   s_ij = scale * x_ij + bias_ij,
// where x_ij is a given logit, or the product of query i and key j. An s_ij of -infinity is a masked key: it is not
// seen, has weight zero, and enters no logit metric. A row that sees no key is empty; one with NaN or +infinity is
// invalid. Any other s_ij are right, also where they are beyond float32: an s_ij is off by at most 2^-50 of the larger
// of its two terms and 1e-15 of a soft cap below 2^29, and what is common to all keys of a row costs no digit.
struct SoftmaxParams {
  // Zero: 1 for logits, 1 / sqrt(head_dim) for queries and keys. Otherwise 2^-96 to 2^96.
  double scale = 0.0;
  // As in Gemma 2. Zero: none. Otherwise 2^-96 to 2^96.
  double soft_cap = 0.0;
  Mask mask = {};
  BiasView bias = {};
};

}  // namespace attnscope

#endif  // ATTNSCOPE_SOFTMAX_PARAMS_H_

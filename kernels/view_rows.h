// SPDX-License-Identifier: Apache-2.0
//
// The rows of one matrix of a view, and how much of each a mask lets see.
#ifndef ATTNSCOPE_KERNELS_VIEW_ROWS_H_
#define ATTNSCOPE_KERNELS_VIEW_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"

namespace attnscope {

struct SoftmaxMeasures;

// How many keys, the first ones, a row may see.
class VisibleKeys {
 public:
  VisibleKeys() = default;
  // `keys` at most; under a causal mask, row i of these rows is row `first_row + i` of the mask.
  VisibleKeys(size_t keys, const Mask& mask, size_t first_row = 0) : keys_(keys), causal_(mask.causal) {
    // Rows and keys are below 2^60, so cutting the offset changes nothing, and no sum below overflows.
    constexpr int64_t kMost = int64_t{1} << 61;
    causal_before_ = std::clamp(mask.causal_offset, -kMost, kMost) + static_cast<int64_t>(first_row);
  }

  size_t operator()(size_t row) const {
    if (!causal_) return keys_;
    const int64_t visible = std::max(int64_t{0}, static_cast<int64_t>(row) + 1 + causal_before_);
    return std::min(keys_, static_cast<size_t>(visible));
  }

 private:
  size_t keys_ = 0;
  bool causal_ = false;
  int64_t causal_before_ = 0;  // keys that row 0 sees besides its own
};

// Rows of one matrix, [rows, visible(row)].
struct RowRange {
  const void* data = nullptr;  // row 0
  ElementType type = ElementType::kFloat32;
  int64_t row_stride = 0;  // elements
  size_t rows = 0;
  VisibleKeys visible;
  double tolerance = 1e-3;  // of a row's sum, around 1
  // [rows] if a softmax made these weights: its entropies, and the keys that it saw, count instead of the weights' own.
  const SoftmaxMeasures* softmax = nullptr;

  const void* Row(size_t row) const {
    return static_cast<const uint8_t*>(data) +
           static_cast<int64_t>(row) * row_stride * static_cast<int64_t>(ElementBytes(type));
  }
};

// Element [sequence, head, row, 0]. Strides may be negative: offsets are added as signed numbers of bytes.
inline const void* ElementOf(const AttentionView& view, size_t sequence, size_t head, size_t row) {
  const int64_t offset = static_cast<int64_t>(sequence) * view.batch_stride +
                         static_cast<int64_t>(head) * view.head_stride + static_cast<int64_t>(row) * view.query_stride;
  return static_cast<const uint8_t*>(view.data) + offset * static_cast<int64_t>(ElementBytes(view.type));
}

// The rows of matrix [sequence, head]. Without keys there is nothing to point at, and data may be null.
inline RowRange RowsOf(const AttentionView& view, const Mask& mask, size_t sequence, size_t head) {
  RowRange range;
  if (view.keys != 0) {
    range.data = ElementOf(view, sequence, head, 0);
    range.row_stride = view.query_stride;
  }
  range.type = view.type;
  range.rows = view.queries;
  size_t keys = view.keys;
  if (mask.key_lengths != nullptr) keys = std::min(keys, static_cast<size_t>(mask.key_lengths[sequence]));
  range.visible = VisibleKeys(keys, mask);
  return range;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_VIEW_ROWS_H_

// SPDX-License-Identifier: Apache-2.0
//
// The rows of one matrix of a view, and how much of each is seen.
#ifndef ATTNSCOPE_KERNELS_VIEW_ROWS_H_
#define ATTNSCOPE_KERNELS_VIEW_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"
#include "kernels/row_output_range.h"
#include "kernels/row_visibility.h"
#include "kernels/top_k/mass_sizes.h"

namespace attnscope {

struct SoftmaxMeasures;

// What the configuration of a layer says of its rows.
struct RowRules {
  double tolerance = 1e-3;  // of a row's sum, around 1
  const MassSizes* masses = &kUsualMasses;
};

// Rows of one matrix, as far as they see keys.
struct RowRange {
  const void* data = nullptr;  // row 0, key 0
  ElementType type = ElementType::kFloat32;
  int64_t row_stride = 0;  // elements
  size_t rows = 0;
  RowVisibility visible;
  RowRules rules;
  bool null_mass = false;  // sums below 1 are meant
  // [rows] if a softmax made these weights: its entropies, and the keys that it saw, count instead of the weights' own.
  const SoftmaxMeasures* softmax = nullptr;
  // [rows], or null: how many keys of its range each row sees, where its weights of the others are zero.
  const size_t* seen_keys = nullptr;
  RowOutputRange outputs;

  const void* Element(size_t row, size_t key) const {
    const int64_t offset = static_cast<int64_t>(row) * row_stride + static_cast<int64_t>(key);
    return static_cast<const uint8_t*>(data) + offset * static_cast<int64_t>(ElementBytes(type));
  }
  const void* Row(size_t row) const { return Element(row, 0); }
  // Rows [first, end) of weights that no softmax made.
  RowRange Part(size_t first, size_t end) const {
    RowRange part = *this;
    if (data != nullptr) part.data = Row(first);
    part.rows = end - first;
    part.visible = visible.From(first);
    part.outputs = outputs.From(first);
    if (seen_keys != nullptr) part.seen_keys = seen_keys + first;
    return part;
  }
};

// Element [sequence, head, row, 0]. Strides may be negative: offsets are added as signed numbers of bytes.
inline const void* ElementOf(const AttentionView& view, size_t sequence, size_t head, size_t row) {
  const int64_t offset = static_cast<int64_t>(sequence) * view.batch_stride +
                         static_cast<int64_t>(head) * view.head_stride + static_cast<int64_t>(row) * view.query_stride;
  return static_cast<const uint8_t*>(view.data) + offset * static_cast<int64_t>(ElementBytes(view.type));
}

// The rows of matrix [sequence, head]. Without keys there is nothing to point at, and data may be null.
inline RowRange RowsOf(const AttentionView& view, const Visibility& visibility, size_t sequence, size_t head) {
  RowRange range;
  if (view.keys != 0) {
    range.data = ElementOf(view, sequence, head, 0);
    if (view.queries > 1) range.row_stride = view.query_stride;  // that of one row may be anything
  }
  range.type = view.type;
  range.rows = view.queries;
  range.visible = RowVisibility(visibility, view.queries, view.keys, sequence, head);
  range.null_mass = view.null_mass;
  return range;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_VIEW_ROWS_H_

// SPDX-License-Identifier: Apache-2.0
//
// Where the outputs of one matrix's rows go.
#ifndef ATTNSCOPE_KERNELS_ROW_OUTPUT_RANGE_H_
#define ATTNSCOPE_KERNELS_ROW_OUTPUT_RANGE_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/row_outputs.h"
#include "kernels/row_visibility.h"

namespace attnscope {

// One row's outputs, and the keys whose weights are asked for by their place.
struct RowPlace {
  int64_t element;    // of each buffer
  int64_t position;   // of the row's query, among the keys
  int64_t first_key;  // of the sequence, by position: the first one, and where they end
  int64_t end_key;
};

// The outputs of consecutive rows.
struct RowOutputRange {
  const RowOutputs* to = nullptr;  // null: none are asked for; no stride that matters is zero
  RowPlace first = {};             // row 0

  RowPlace Place(size_t row) const {
    RowPlace place = first;
    place.element += static_cast<int64_t>(row) * to->query_stride;
    place.position = PositionBehind(first.position, row);
    return place;
  }
  // The same for rows from `row` on.
  RowOutputRange From(size_t row) const {
    if (to == nullptr) return {};
    return {to, Place(row)};
  }
};

// Of matrix [sequence, head] of a view of queries x keys, which `visibility` fits; `visible` is of that sequence. None
// if `to` is null.
inline RowOutputRange OutputsOf(const RowOutputs* to, const Visibility& visibility, const RowVisibility& visible,
                                size_t queries, size_t keys, size_t sequence, size_t head) {
  if (to == nullptr) return {};
  RowOutputRange range;
  range.to = to;
  range.first.element =
      static_cast<int64_t>(sequence) * to->batch_stride + static_cast<int64_t>(head) * to->head_stride;
  range.first.position = FirstPosition(visibility, queries, keys, sequence);
  range.first.first_key = static_cast<int64_t>(visible.first_key());
  range.first.end_key = static_cast<int64_t>(visible.end_key());
  return range;
}

// Of the mean of all matrices.
inline RowOutputRange OutputsOfMean(const RowOutputs* to, const Visibility& visibility, size_t queries, size_t keys) {
  return OutputsOf(to, visibility, RowVisibility(keys), queries, keys, 0, 0);
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ROW_OUTPUT_RANGE_H_

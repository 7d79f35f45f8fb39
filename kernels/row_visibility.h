// SPDX-License-Identifier: Apache-2.0
//
// What the rows of one matrix see, from a Visibility that speaks of all matrices of a view.
#ifndef ATTNSCOPE_KERNELS_ROW_VISIBILITY_H_
#define ATTNSCOPE_KERNELS_ROW_VISIBILITY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "attnscope/visibility.h"

namespace attnscope {

// Keys [begin, end), or none.
struct KeyRange {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
};

// The range that holds both.
inline KeyRange Union(const KeyRange& a, const KeyRange& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

// The position of a view's first query among the keys of a sequence: causal_offset, or its default. O(keys)
// for that default with key_positions, else O(1).
int64_t FirstPosition(const Visibility& visibility, size_t queries, size_t keys, size_t sequence);
// The position `rows` behind another; beyond the largest number it stays there, as keys are far below.
inline int64_t PositionBehind(int64_t first, size_t rows) {
  return first + std::min(static_cast<int64_t>(rows), INT64_MAX - std::max<int64_t>(first, 0));
}

// Of one matrix. Where no range can tell what a row sees, `by_key` is true, and Show tells key by key.
class RowVisibility {
 public:
  RowVisibility() = default;
  // The first `keys` keys, for every row.
  explicit RowVisibility(size_t keys) : first_key_(0), end_key_(static_cast<int64_t>(keys)) {}
  // Of matrix [sequence, head] of a view of queries x keys, which `visibility` fits.
  RowVisibility(const Visibility& visibility, size_t queries, size_t keys, size_t sequence, size_t head);

  // The same for rows from `row` on: its row 0 is this one's row `row`.
  RowVisibility From(size_t row) const;

  // Outside of this, row `row` sees no key; where not `by_key`, it sees all keys inside.
  KeyRange Range(size_t row) const {
    if (positions_ != nullptr) return row < end_row_ ? KeyRange{0, num_cells_} : KeyRange();
    return PositionRange(row);
  }
  bool by_key() const { return by_key_; }
  // Whether all rows see the same range.
  bool is_same_for_all() const { return !by_position_ && end_row_ == SIZE_MAX; }
  // shown[i] = whether the row sees key range.begin + i, 0 or not, of its own Range. Returns where that stands: `shown`
  // itself, or the caller's mask, if this is such an array. O(range).
  const uint8_t* Show(size_t row, const KeyRange& range, uint8_t* shown) const;
  // [keys], where each key's sum belongs among the columns; null: key j to column j.
  const int64_t* positions() const { return positions_; }
  // Columns that may receive weights of rows [first, first + count). O(count), or O(1) where later rows see further.
  KeyRange Columns(size_t first, size_t count) const {
    const size_t end = std::min(first + count, end_row_);
    if (first >= end) return {};
    return has_begin_ ? ColumnsOfWindows(first, end) : PositionRange(end - 1);
  }
  // The same for another head of the sequence.
  void SelectHead(size_t head) {
    if (masks_ != nullptr) mask_.data = masks_ + static_cast<int64_t>(head) * mask_.head_stride;
  }
  // The union of the ranges of rows [0, rows). O(rows).
  KeyRange RangeOfRows(size_t rows) const;
  // The keys of the sequence, by position, of which a row sees some.
  size_t first_key() const { return static_cast<size_t>(first_key_); }
  size_t end_key() const { return static_cast<size_t>(end_key_); }

 private:
  KeyRange PositionRange(size_t row) const {
    if (row >= end_row_) return {};
    if (!by_position_) return {static_cast<size_t>(first_key_), static_cast<size_t>(end_key_)};
    const int64_t position = Position(row);
    int64_t end = end_key_;
    if (causal_ && position < end) end = std::max<int64_t>(position, -1) + 1;
    int64_t begin = first_key_;
    if (has_begin_) Narrow(position, &begin, &end);
    if (begin >= end) return {};
    return {static_cast<size_t>(begin), static_cast<size_t>(end)};
  }
  int64_t Position(size_t row) const { return PositionBehind(first_position_, row); }
  // Of rows [first, end).
  KeyRange ColumnsOfWindows(size_t first, size_t end) const;
  // By what else there is than causality.
  void Narrow(int64_t position, int64_t* begin, int64_t* end) const;

  size_t end_row_ = SIZE_MAX;  // rows from here on see nothing
  int64_t first_key_ = 0;
  int64_t end_key_ = 0;         // at least first_key_
  int64_t first_position_ = 0;  // of row 0
  bool causal_ = false;
  bool by_position_ = false;  // the range depends on the row
  bool has_begin_ = false;    // windows or segments
  bool by_key_ = false;
  WindowKind window_kind_ = WindowKind::kSliding;
  int64_t window_ = 0;
  int64_t window_after_ = -1;
  const int64_t* segments_ = nullptr;
  size_t num_segments_ = 0;
  const int64_t* positions_ = nullptr;
  size_t num_cells_ = 0;
  const uint8_t* masks_ = nullptr;  // of head 0 of the sequence, row 0
  KeyMaskView mask_;                // of this matrix: `data` is its row 0
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ROW_VISIBILITY_H_

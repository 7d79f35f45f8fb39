// SPDX-License-Identifier: Apache-2.0
#include "kernels/row_visibility.h"

#include <algorithm>

namespace attnscope {
namespace {

int64_t LargestPosition(const int64_t* positions, size_t keys) {
  int64_t largest = -1;
  for (size_t i = 0; i < keys; ++i) largest = std::max(largest, positions[i]);
  return largest;
}

const int64_t* PositionsOf(const Visibility& visibility, size_t sequence) {
  if (visibility.key_positions == nullptr) return nullptr;
  return visibility.key_positions + static_cast<int64_t>(sequence) * visibility.key_positions_stride;
}

}  // namespace

int64_t FirstPosition(const Visibility& visibility, size_t queries, size_t keys, size_t sequence) {
  if (visibility.causal_offset != kLastQuerySeesLastKey) return visibility.causal_offset;
  const int64_t* positions = PositionsOf(visibility, sequence);
  const int64_t last = positions == nullptr ? static_cast<int64_t>(keys) - 1 : LargestPosition(positions, keys);
  return last + 1 - static_cast<int64_t>(queries);
}

RowVisibility::RowVisibility(const Visibility& visibility, size_t queries, size_t keys, size_t sequence, size_t head)
    : causal_(visibility.causal),
      window_kind_(visibility.window_kind),
      window_(visibility.window),
      window_after_(visibility.window_after),
      segments_(visibility.segments),
      num_segments_(visibility.num_segments),
      positions_(PositionsOf(visibility, sequence)),
      num_cells_(keys),
      mask_(visibility.key_mask) {
  has_begin_ = window_ > 0 || window_after_ >= 0 || segments_ != nullptr;
  by_position_ = causal_ || has_begin_;
  by_key_ = positions_ != nullptr || mask_.data != nullptr;
  if (by_position_) first_position_ = FirstPosition(visibility, queries, keys, sequence);
  // Positions have no end of their own: the largest is below the keys that the matrix may have.
  end_key_ = positions_ == nullptr ? static_cast<int64_t>(keys) : LargestPosition(positions_, keys) + 1;
  if (visibility.key_lengths != nullptr) end_key_ = std::min(end_key_, visibility.key_lengths[sequence]);
  if (visibility.first_keys != nullptr) first_key_ = visibility.first_keys[sequence];
  end_key_ = std::max(end_key_, first_key_);
  if (first_key_ == end_key_) first_key_ = end_key_ = 0;
  if (visibility.query_lengths != nullptr) end_row_ = static_cast<size_t>(visibility.query_lengths[sequence]);
  if (mask_.data != nullptr) {
    masks_ = mask_.data + static_cast<int64_t>(sequence) * mask_.batch_stride;
    SelectHead(head);
  }
}

RowVisibility RowVisibility::From(size_t row) const {
  RowVisibility from = *this;
  from.first_position_ = Position(row);
  if (end_row_ != SIZE_MAX) from.end_row_ = end_row_ - std::min(end_row_, row);
  if (mask_.data != nullptr) {
    from.masks_ += static_cast<int64_t>(row) * mask_.query_stride;
    from.mask_.data += static_cast<int64_t>(row) * mask_.query_stride;
  }
  return from;
}

void RowVisibility::Narrow(int64_t position, int64_t* begin, int64_t* end) const {
  // Compared so that nothing overflows: offsets and windows may be any numbers. Windows of positions before the first
  // key begin before it, too.
  if (window_ > 0 && position >= 0) {
    const int64_t kept = window_kind_ == WindowKind::kChunked ? position % window_ : window_ - 1;
    *begin = std::max(*begin, position - kept);
  }
  if (window_after_ >= 0 && position < *end - window_after_) *end = position + window_after_ + 1;
  if (segments_ == nullptr) return;
  // The first boundary beyond the position ends its segment; of empty segments there is none in between.
  const int64_t* behind = std::upper_bound(segments_, segments_ + num_segments_ + 1, position);
  if (behind == segments_ || behind == segments_ + num_segments_ + 1) {
    *end = *begin;
    return;
  }
  *begin = std::max(*begin, behind[-1]);
  *end = std::min(*end, behind[0]);
}

// Rows beyond the last segment see nothing, so the last row need not see furthest.
KeyRange RowVisibility::ColumnsOfWindows(size_t first, size_t end) const {
  KeyRange columns;
  for (size_t row = first; row < end; ++row) columns = Union(columns, PositionRange(row));
  return columns;
}

KeyRange RowVisibility::RangeOfRows(size_t rows) const {
  KeyRange range;
  for (size_t row = 0; row < rows; ++row) range = Union(range, Range(row));
  return range;
}

const uint8_t* RowVisibility::Show(size_t row, const KeyRange& range, uint8_t* shown) const {
  const uint8_t* mask = mask_.data == nullptr ? nullptr : mask_.data + static_cast<int64_t>(row) * mask_.query_stride;
  if (positions_ == nullptr && mask_.key_stride == 1) return mask + range.begin;
  const KeyRange seen = PositionRange(row);
  for (size_t key = range.begin; key < range.end; ++key) {
    bool sees = mask == nullptr || mask[static_cast<int64_t>(key) * mask_.key_stride] != 0;
    if (positions_ != nullptr) {
      const int64_t position = positions_[key];
      sees = sees && position >= static_cast<int64_t>(seen.begin) && position < static_cast<int64_t>(seen.end);
    }
    shown[key - range.begin] = sees ? 1 : 0;
  }
  return shown;
}

}  // namespace attnscope

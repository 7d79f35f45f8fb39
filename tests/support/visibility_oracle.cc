// SPDX-License-Identifier: Apache-2.0
#include "tests/support/visibility_oracle.h"

#include <algorithm>
#include <sstream>

namespace attnscope::test {
namespace {

using Wide = __int128;

// The largest multiple of `step` that is not above `value`.
Wide MultipleBelow(Wide value, Wide step) {
  const Wide rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

// The segment that a position is in; -1: none.
Wide SegmentOf(const Visibility& visibility, Wide position) {
  for (size_t i = 0; i < visibility.num_segments; ++i) {
    if (position >= visibility.segments[i] && position < visibility.segments[i + 1]) return static_cast<Wide>(i);
  }
  return -1;
}

bool WindowShows(const Visibility& visibility, Wide query, Wide key) {
  if (visibility.window_after >= 0 && key > query + visibility.window_after) return false;
  if (visibility.window == 0) return true;
  if (visibility.window_kind == WindowKind::kChunked) return key >= MultipleBelow(query, visibility.window);
  return key > query - visibility.window;
}

bool MaskShows(const KeyMaskView& mask, size_t sequence, size_t head, size_t row, size_t key) {
  if (mask.data == nullptr) return true;
  return mask.data[static_cast<int64_t>(sequence) * mask.batch_stride + static_cast<int64_t>(head) * mask.head_stride +
                   static_cast<int64_t>(row) * mask.query_stride + static_cast<int64_t>(key) * mask.key_stride] != 0;
}

// Whether a row at `position` sees a key of that column, but for the byte mask.
bool SeesColumn(const Visibility& visibility, size_t sequence, size_t row, Wide position, Wide column) {
  if (column < 0) return false;
  if (visibility.query_lengths != nullptr && static_cast<Wide>(row) >= visibility.query_lengths[sequence]) return false;
  if (visibility.key_lengths != nullptr && column >= visibility.key_lengths[sequence]) return false;
  if (visibility.first_keys != nullptr && column < visibility.first_keys[sequence]) return false;
  if (visibility.causal && column > position) return false;
  if (!WindowShows(visibility, position, column)) return false;
  if (visibility.segments == nullptr) return true;
  const Wide segment = SegmentOf(visibility, position);
  return segment >= 0 && segment == SegmentOf(visibility, column);
}

// -1: there is none.
Wide LastColumn(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence) {
  if (visibility.key_positions == nullptr) return static_cast<Wide>(sizes.keys) - 1;
  Wide last = -1;
  for (size_t key = 0; key < sizes.keys; ++key) last = std::max<Wide>(last, ColumnOf(visibility, sequence, key));
  return last;
}

}  // namespace

int64_t ColumnOf(const Visibility& visibility, size_t sequence, size_t key) {
  if (visibility.key_positions == nullptr) return static_cast<int64_t>(key);
  return visibility
      .key_positions[static_cast<int64_t>(sequence) * visibility.key_positions_stride + static_cast<int64_t>(key)];
}

size_t FirstColumnOf(const Visibility& visibility, size_t sequence) {
  return visibility.first_keys == nullptr ? 0 : static_cast<size_t>(visibility.first_keys[sequence]);
}

Wide OffsetOf(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence) {
  if (visibility.causal_offset != kLastQuerySeesLastKey) return visibility.causal_offset;
  return LastColumn(visibility, sizes, sequence) + 1 - static_cast<Wide>(sizes.queries);
}

bool Sees(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence, size_t head, size_t row,
          size_t key) {
  const Wide position = static_cast<Wide>(row) + OffsetOf(visibility, sizes, sequence);
  return SeesColumn(visibility, sequence, row, position, ColumnOf(visibility, sequence, key)) &&
         MaskShows(visibility.key_mask, sequence, head, row, key);
}

SeenKeys SeenKeysOf(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence, size_t head, size_t row) {
  SeenKeys seen;
  const Wide position = static_cast<Wide>(row) + OffsetOf(visibility, sizes, sequence);
  for (size_t key = 0; key < sizes.keys; ++key) {
    const int64_t column = ColumnOf(visibility, sequence, key);
    if (!SeesColumn(visibility, sequence, row, position, column)) continue;
    if (!MaskShows(visibility.key_mask, sequence, head, row, key)) continue;
    seen.keys.push_back(key);
    seen.columns.push_back(static_cast<size_t>(column));
  }
  const Wide last = LastColumn(visibility, sizes, sequence);
  for (Wide column = 0; column <= last; ++column) {
    if (SeesColumn(visibility, sequence, row, position, column)) seen.end = static_cast<size_t>(column) + 1;
  }
  return seen;
}

Visibility VisibilityOfRows(const Visibility& visibility, const MatrixSizes& whole, size_t first, size_t count,
                            std::span<int64_t> query_lengths) {
  Visibility rows = visibility;
  rows.causal_offset = static_cast<int64_t>(OffsetOf(visibility, whole, 0) + static_cast<Wide>(first));
  if (visibility.query_lengths != nullptr) {
    for (size_t i = 0; i < query_lengths.size(); ++i) {
      query_lengths[i] = std::clamp<int64_t>(visibility.query_lengths[i] - static_cast<int64_t>(first), 0,
                                             static_cast<int64_t>(count));
    }
    rows.query_lengths = query_lengths.data();
  }
  if (rows.key_mask.data != nullptr) rows.key_mask.data += static_cast<int64_t>(first) * rows.key_mask.query_stride;
  return rows;
}

std::string TextOf(const Visibility& visibility, size_t batch) {
  std::ostringstream text;
  if (visibility.causal) text << " causal";
  if (visibility.causal_offset != kLastQuerySeesLastKey) text << " offset " << visibility.causal_offset;
  if (visibility.window != 0) {
    text << (visibility.window_kind == WindowKind::kChunked ? " chunks of " : " window ") << visibility.window;
  }
  if (visibility.window_after >= 0) text << " after " << visibility.window_after;
  const auto list = [&text](const char* name, const int64_t* values, size_t count) {
    if (values == nullptr) return;
    text << " " << name;
    for (size_t i = 0; i < count; ++i) text << (i == 0 ? " " : ",") << values[i];
  };
  list("key_lengths", visibility.key_lengths, batch);
  list("first_keys", visibility.first_keys, batch);
  list("query_lengths", visibility.query_lengths, batch);
  list("segments", visibility.segments, visibility.num_segments + 1);
  if (visibility.key_mask.data != nullptr) {
    text << " mask of strides " << visibility.key_mask.batch_stride << "," << visibility.key_mask.head_stride << ","
         << visibility.key_mask.query_stride << "," << visibility.key_mask.key_stride;
  }
  if (visibility.key_positions != nullptr) text << " positions of stride " << visibility.key_positions_stride;
  return text.str();
}

}  // namespace attnscope::test

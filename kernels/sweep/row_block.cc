// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/row_block.h"

namespace attnscope {
namespace {

// Of the last `count` rows of a block.
void AppendPlaces(const RowOutputRange& range, size_t first, size_t count, RowBlock* block) {
  const size_t begin = block->num_rows - count;
  RowPlace* places = block->places + begin;
  for (size_t i = 0; i < count; ++i) places[i] = range.Place(first + i);
  const bool follows = begin == 0 || places[0].element == places[-1].element + 1;
  block->outputs_in_order =
      (begin == 0 || block->outputs_in_order) && follows && (count == 1 || range.to->query_stride == 1);
}

}  // namespace

void RowBlock::Append(const RowRange& range, size_t first, size_t count, double* row_sums) {
  type = range.type;
  tolerance = range.rules.tolerance;
  null_mass = range.null_mass;
  masses = range.rules.masses;
  const auto bytes = static_cast<int64_t>(ElementBytes(range.type));
  const int64_t row_bytes = range.row_stride * bytes;
  const int64_t block_bytes = static_cast<int64_t>(count) * row_bytes;
  const auto* data = static_cast<const uint8_t*>(range.Row(first));
  const size_t rows_ahead = range.rows - count;  // that have a row at the same place of the next block
  const int64_t* positions = range.visible.positions();
  const bool same = range.visible.is_same_for_all();
  KeyRange keys = range.visible.Range(first);
  size_t any_begin = keys.begin;
  for (size_t i = first; i < first + count; ++i, data += row_bytes) {
    if (!same) keys = range.visible.Range(i);
    const uint8_t* first_weight = data + static_cast<int64_t>(keys.begin) * bytes;
    BlockRow& row = rows[num_rows++];
    row.data = first_weight;
    row.next = i < rows_ahead ? first_weight + block_bytes : nullptr;
    row.visible = row.keys = keys.size();
    row.first_column = keys.begin;
    row.positions = positions;
    row.softmax = nullptr;
    row.row_sums = row_sums;
    any_begin |= keys.begin;
  }
  from_first_column = from_first_column && any_begin == 0 && positions == nullptr;
  BlockRow* appended = rows + num_rows - count;
  for (size_t i = 0; range.softmax != nullptr && i < count; ++i) {
    appended[i].softmax = range.softmax + first + i;
    appended[i].keys = range.softmax[first + i].keys;
  }
  for (size_t i = 0; range.seen_keys != nullptr && i < count; ++i) appended[i].keys = range.seen_keys[first + i];
  outputs = range.outputs.to;
  if (outputs != nullptr) AppendPlaces(range.outputs, first, count, this);
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/pending_rows.h"

#include <algorithm>

#include "kernels/sweep/shown_weights.h"
#include "kernels/sweep/weights_sweep.h"

namespace attnscope {
namespace {

// Row `index` of the range is row `slot` of the block.
void ShowRow(const RowRange& range, size_t index, size_t slot, const SweepScratch& scratch, RowBlock* block) {
  BlockRow& row = block->rows[slot];
  float* copy = scratch.shown_weights + slot * scratch.keys;
  const KeyRange keys = range.visible.Range(index);
  if (!keys.empty()) {
    row.keys = CopyShownWeights(range.Element(index, keys.begin), range.type,
                                range.visible.Show(index, keys, scratch.shown), keys.size(), copy);
  }
  row.data = copy;
  row.next = nullptr;
}

}  // namespace

void ShowRows(const RowRange& range, size_t first, size_t count, const SweepScratch& scratch, RowBlock* block) {
  if (!range.visible.by_key() || range.softmax != nullptr) return;
  for (size_t i = 0; i < count; ++i) ShowRow(range, first + i, block->num_rows - count + i, scratch, block);
  block->type = ElementType::kFloat32;
}

void PendingRows::Add(const RowRange& range, const OpenMatrix& matrix) {
  for (size_t first = 0; first < range.rows;) {
    const size_t done = (matrix.rows + first) % kRowsPerBlock;
    const size_t num_rows = std::min(kRowsPerBlock - done, range.rows - first);
    if (block_.num_rows + num_rows > kRowsPerBlock) Sweep();
    block_.columns = num_rows == kRowsPerBlock && matrix.columns != nullptr ? scratch_.columns : nullptr;
    block_.reached = range.visible.Columns(first, num_rows);
    parts_[num_parts_++] = {matrix.columns, matrix.block, matrix.block_columns, block_.reached, block_.num_rows,
                            num_rows,       done};
    block_.Append(range, first, num_rows, matrix.row_sums);
    ShowRows(range, first, num_rows, scratch_, &block_);
    first += num_rows;
  }
}

void PendingRows::Sweep() {
  if (block_.num_rows != 0) SweepBlock(block_, parts_, num_parts_, scratch_.workspace);
  block_.num_rows = 0;
  block_.from_first_column = true;
  num_parts_ = 0;
}

}  // namespace attnscope

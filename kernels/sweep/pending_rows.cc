// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/pending_rows.h"

#include <algorithm>

#include "kernels/sweep/shown_weights.h"
#include "kernels/sweep/weights_sweep.h"

namespace attnscope {

void PendingRows::Add(const RowRange& range, const OpenMatrix& matrix) {
  const bool copies = range.visible.by_key() && range.softmax == nullptr;
  for (size_t first = 0; first < range.rows;) {
    const size_t done = (matrix.rows + first) % kRowsPerBlock;
    const size_t num_rows = std::min(kRowsPerBlock - done, range.rows - first);
    if (block_.num_rows + num_rows > kRowsPerBlock) Sweep();
    block_.columns = num_rows == kRowsPerBlock && matrix.columns != nullptr ? scratch_.columns : nullptr;
    block_.reached = range.visible.Columns(first, num_rows);
    parts_[num_parts_++] = {matrix.columns, matrix.block, matrix.block_columns, block_.reached, block_.num_rows,
                            num_rows,       done};
    block_.Append(range, first, num_rows, matrix.row_sums);
    for (size_t i = 0; copies && i < num_rows; ++i) {
      CopyShown(range, first + i, &block_.rows[block_.num_rows - num_rows + i]);
    }
    first += num_rows;
  }
}

void PendingRows::CopyShown(const RowRange& range, size_t index, BlockRow* row) {
  const auto slot = static_cast<size_t>(row - block_.rows);
  float* copy = scratch_.shown_weights + slot * scratch_.keys;
  const KeyRange keys = range.visible.Range(index);
  if (!keys.empty()) {
    row->keys =
        CopyShownWeights(row->data, range.type, range.visible.Show(index, keys, scratch_.shown), keys.size(), copy);
  }
  row->data = copy;
  row->next = nullptr;
  block_.type = ElementType::kFloat32;
}

void PendingRows::Sweep() {
  if (block_.num_rows != 0) SweepBlock(block_, parts_, num_parts_, scratch_.workspace);
  block_.num_rows = 0;
  block_.from_first_column = true;
  num_parts_ = 0;
}

}  // namespace attnscope

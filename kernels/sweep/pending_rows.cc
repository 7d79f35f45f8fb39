// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/pending_rows.h"

#include <algorithm>

#include "kernels/sweep/weights_sweep.h"

namespace attnscope {

void PendingRows::Add(const RowRange& range, const OpenMatrix& matrix) {
  size_t keys = matrix.keys;
  for (size_t first = 0; first < range.rows;) {
    const size_t done = (matrix.rows + first) % kRowsPerBlock;
    const size_t num_rows = std::min(kRowsPerBlock - done, range.rows - first);
    if (block_.num_rows + num_rows > kRowsPerBlock) Sweep();
    const size_t old_keys = keys;
    keys = std::max(keys, range.visible(first + num_rows - 1));
    block_.columns = num_rows == kRowsPerBlock ? scratch_.columns : nullptr;
    parts_[num_parts_++] = {matrix.columns, matrix.block, block_.num_rows, num_rows, done, old_keys, keys};
    block_.Append(range, first, num_rows, matrix.row_sums);
    first += num_rows;
  }
}

void PendingRows::Sweep() {
  if (block_.num_rows != 0) SweepBlock(block_, parts_, num_parts_, scratch_.workspace);
  block_.num_rows = 0;
  num_parts_ = 0;
}

}  // namespace attnscope

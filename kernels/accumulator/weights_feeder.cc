// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/weights_feeder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/accumulator/run_tasks.h"
#include "kernels/mean_rows.h"
#include "kernels/view_rows.h"

namespace attnscope {

bool WeightsFeeder::Allocate(const Runner& runner) {
  const size_t matrices = storage_.layout().heads() * storage_.layout().batch();
  return buffers_.Allocate(storage_.config(), std::min(matrices, TasksOfMatrices(runner)));
}

void WeightsFeeder::Add(const AttentionView& view, const Mask& mask, const Runner& runner) {
  storage_.LoadBlocks();
  if (storage_.config().mean_matrix) return AddMeanMatrix(view, mask);
  const size_t matrices = view.batch * view.heads;
  const size_t tasks = std::min(matrices, TasksOfMatrices(runner));
  // Each task adds every tasks-th matrix. Matrices share nothing, so their order does not matter.
  auto add = [&](size_t task) {
    PendingRows pending(buffers_.OfTask(task));
    for (size_t i = task; i < matrices; i += tasks) {
      const size_t sequence = i / view.heads;
      const size_t head = i % view.heads;
      RowRange range = RowsOf(view, mask, sequence, head);
      range.tolerance = storage_.Tolerance(view.type);
      pending.Add(range, storage_.Open(view.first_sequence + sequence, view.first_head + head, range));
    }
    pending.Sweep();
  };
  RunTasks(runner, tasks, add);
}

// Averages a block of rows at a time, which stays in cache for the sweep.
void WeightsFeeder::AddMeanMatrix(const AttentionView& view, const Mask& mask) {
  size_t keys = view.keys;
  if (mask.key_lengths != nullptr) {
    keys = static_cast<size_t>(*std::max_element(mask.key_lengths, mask.key_lengths + view.batch));
  }
  PendingRows pending(buffers_.OfTask(0));
  for (size_t first = 0; first < view.queries; first += kRowsPerBlock) {
    RowRange range;
    range.data = buffers_.mean_rows();
    range.row_stride = static_cast<int64_t>(view.keys);
    range.rows = std::min(kRowsPerBlock, view.queries - first);
    range.visible = VisibleKeys(keys, mask, first);
    range.tolerance = storage_.Tolerance(view.type);
    for (size_t row = 0; row < range.rows; ++row) {
      MeanOfRows(view, mask, first + row, buffers_.mean_rows() + row * view.keys);
    }
    pending.Add(range, storage_.Open(0, 0, range));
    pending.Sweep();
  }
}

}  // namespace attnscope

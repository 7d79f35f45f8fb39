// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/weights_feeder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/accumulator/mean_rows_feeder.h"
#include "kernels/accumulator/run_tasks.h"
#include "kernels/mean_rows.h"
#include "kernels/view_rows.h"

namespace attnscope {

bool WeightsFeeder::Allocate(const Runner& runner, const Visibility& visibility) {
  const LayerConfig& config = storage_.config();
  const size_t tasks = std::min(storage_.layout().heads() * storage_.layout().batch(), TasksOfMatrices(runner));
  const bool by_key = visibility.key_mask.data != nullptr || visibility.key_positions != nullptr;
  if (by_key && scores_ != nullptr && !scores_->AllocateCopies(tasks)) return false;
  // A mean matrix counts the keys that its rows see one by one, wherever they do not see the first ones.
  return by_key || config.mean_matrix ? buffers_.AllocateForShown(config, tasks) : buffers_.Allocate(config, tasks);
}

void WeightsFeeder::Add(const AttentionView& view, const Visibility& visibility, const Runner& runner,
                        const RowOutputs* outputs) {
  storage_.LoadBlocks();
  if (storage_.config().mean_matrix) return AddMeanMatrix(view, visibility, outputs);
  const size_t matrices = view.batch * view.heads;
  const size_t tasks = std::min(matrices, TasksOfMatrices(runner));
  // Each task adds every tasks-th matrix. Matrices share nothing, so their order does not matter.
  auto add = [&](size_t task) {
    PendingRows pending(buffers_.OfTask(task));
    RowRange range = RowsOf(view, visibility, task / view.heads, 0);
    range.rules = storage_.Rules(view.type);
    for (size_t i = task, of_range = task / view.heads; i < matrices; i += tasks) {
      const size_t sequence = i / view.heads;
      const size_t head = i % view.heads;
      if (sequence != of_range) range.visible = RowVisibility(visibility, view.queries, view.keys, sequence, head);
      of_range = sequence;
      range.visible.SelectHead(head);
      if (view.keys != 0) range.data = ElementOf(view, sequence, head, 0);
      if (scores_ != nullptr) scores_->AddRows(range, view.first_sequence + sequence, view.first_head + head, task);
      if (outputs != nullptr) {
        range.outputs = OutputsOf(outputs, visibility, range.visible, view.queries, view.keys, sequence, head);
      }
      pending.Add(range, storage_.Open(view.first_sequence + sequence, view.first_head + head, range));
    }
    pending.Sweep();
  };
  RunTasks(runner, tasks, add);
}

// Averages a block of rows at a time, which stays in cache for the sweep.
void WeightsFeeder::AddMeanMatrix(const AttentionView& view, const Visibility& visibility, const RowOutputs* outputs) {
  MeanRowsFeeder feeder(view, visibility, storage_, buffers_);
  for (size_t first = 0; first < view.queries; first += kRowsPerBlock) {
    RowRange range;
    range.data = buffers_.mean_rows();
    range.row_stride = static_cast<int64_t>(view.keys);
    range.rows = std::min(kRowsPerBlock, view.queries - first);
    range.rules = storage_.Rules(view.type);
    range.null_mass = view.null_mass;
    for (size_t row = 0; row < range.rows; ++row) {
      MeanOfRows(view, visibility, first + row, buffers_.mean_rows() + row * view.keys);
    }
    range.outputs = OutputsOfMean(outputs, visibility, view.queries, view.keys).From(first);
    feeder.Add(range, first);
  }
}

}  // namespace attnscope

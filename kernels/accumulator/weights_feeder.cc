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

// The rows of one call, matrix after matrix.
class WeightRows final : public ChunkMaker {
 public:
  WeightRows(const AttentionView& view, const Visibility& visibility, const RowOutputs* outputs, const RowRules& rules)
      : view_(view), visibility_(visibility), outputs_(outputs), rules_(rules) {}

  const AttentionView& view() const { return view_; }
  // Rows [first, end) of a matrix.
  RowRange Rows(size_t sequence, size_t head, size_t first, size_t end) const;
  // All rows of another matrix; `range` is of sequence `before`.
  void Select(size_t sequence, size_t head, size_t before, RowRange* range) const {
    if (sequence != before) {
      range->visible = RowVisibility(visibility_, view_.queries, view_.keys, sequence, head);
    }
    range->visible.SelectHead(head);
    if (view_.keys != 0) range->data = ElementOf(view_, sequence, head, 0);
    if (outputs_ == nullptr) return;
    range->outputs = OutputsOf(outputs_, visibility_, range->visible, view_.queries, view_.keys, sequence, head);
  }
  void Make(const RowChunk& chunk, size_t /*task*/, Sink& sink) const override {
    for (size_t head = 0; head < chunk.num_heads; ++head) {
      const RowRange range =
          Rows(chunk.sequence, chunk.first_head + head, chunk.first_row, chunk.first_row + chunk.num_rows);
      for (size_t row = 0; row < chunk.num_rows; row += kRowsPerBlock) sink.Take(head, range, row);
    }
  }

 private:
  const AttentionView& view_;
  const Visibility& visibility_;
  const RowOutputs* outputs_;
  RowRules rules_;
};

RowRange WeightRows::Rows(size_t sequence, size_t head, size_t first, size_t end) const {
  RowRange range = RowsOf(view_, visibility_, sequence, head);
  range.rules = rules_;
  range.outputs = OutputsOf(outputs_, visibility_, range.visible, view_.queries, view_.keys, sequence, head);
  return first == 0 && end == range.rows ? range : range.Part(first, end);
}

namespace {

// Rows that one task takes at a time: some 1 MiB, so that memory is read in order, but a fourth of its share at most,
// so that none waits long for the last ones.
size_t ChunkRows(const AttentionView& view, size_t tasks) {
  constexpr size_t kElements = size_t{1} << 18;
  const size_t blocks = kElements / std::max<size_t>(1, view.keys) / kRowsPerBlock;
  const size_t of_share = view.heads * view.queries / kRowsPerBlock / (4 * tasks);
  return std::clamp<size_t>(std::min(blocks, of_share), 1, 16) * kRowsPerBlock;
}

// Weights that are worth a runner's threads: to wake those takes as long as a quarter of them does.
constexpr size_t kLeastShared = size_t{1} << 18;

}  // namespace

bool WeightsFeeder::SharesRows(const AttentionView& view, const Runner& runner) const {
  return scores_ == nullptr && !storage_.config().mean_matrix &&
         view.batch * view.heads * view.queries >= kLeastShared / std::max<size_t>(1, view.keys) &&
         RowParallel::Gains(view.batch * view.heads, view.queries, runner);
}

bool WeightsFeeder::Allocate(const Runner& runner, const Visibility& visibility) {
  const LayerConfig& config = storage_.config();
  const size_t tasks = std::min(storage_.layout().heads() * storage_.layout().batch(), TasksOfMatrices(runner));
  const bool by_key = visibility.key_mask.data != nullptr || visibility.key_positions != nullptr;
  if (by_key && scores_ != nullptr && !scores_->AllocateCopies(tasks)) return false;
  // A mean matrix counts the keys that its rows see one by one, wherever they do not see the first ones.
  return by_key || config.mean_matrix ? buffers_.AllocateForShown(config, tasks) : buffers_.Allocate(config, tasks);
}

bool WeightsFeeder::Allocate(const AttentionView& view, const Visibility& visibility, const Runner& runner) {
  return (!SharesRows(view, runner) || row_parallel_.Allocate(TasksAtOnce(runner))) && Allocate(runner, visibility);
}

void WeightsFeeder::Add(const AttentionView& view, const Visibility& visibility, const Runner& runner,
                        const RowOutputs* outputs) {
  storage_.LoadBlocks();
  if (storage_.config().mean_matrix) return AddMeanMatrix(view, visibility, outputs);
  const WeightRows rows(view, visibility, outputs, storage_.Rules(view.type));
  if (SharesRows(view, runner)) {
    for (size_t sequence = 0; sequence < view.batch; ++sequence) {
      const GroupAtBlocks cut(storage_, view, {sequence, 0, view.heads, 0, view.queries});
      AddGroup(rows, cut.before);
      row_parallel_.Add(view, visibility, cut.blocks, ChunkRows(view, TasksAtOnce(runner)), rows, runner);
      AddGroup(rows, cut.behind);
    }
    return;
  }
  const size_t matrices = view.batch * view.heads;
  const size_t tasks = std::min(matrices, TasksOfMatrices(runner));
  // Each task adds every tasks-th matrix. Matrices share nothing, so their order does not matter.
  auto add = [&](size_t task) {
    PendingRows pending(buffers_.OfTask(task));
    size_t of_range = task / view.heads;
    RowRange range = rows.Rows(of_range, 0, 0, view.queries);
    for (size_t i = task; i < matrices; i += tasks) {
      const size_t sequence = i / view.heads;
      const size_t head = i % view.heads;
      rows.Select(sequence, head, of_range, &range);
      of_range = sequence;
      if (scores_ != nullptr) scores_->AddRows(range, view.first_sequence + sequence, view.first_head + head, task);
      pending.Add(range, storage_.Open(view.first_sequence + sequence, view.first_head + head, range));
    }
    pending.Sweep();
  };
  RunTasks(runner, tasks, add);
}

void WeightsFeeder::AddGroup(const WeightRows& rows, const RowGroup& group) {
  if (group.first_row == group.end_row) return;
  const AttentionView& view = rows.view();
  PendingRows pending(buffers_.OfTask(0));
  for (size_t head = group.first_head; head < group.end_head; ++head) {
    const RowRange range = rows.Rows(group.sequence, head, group.first_row, group.end_row);
    pending.Add(range, storage_.Open(view.first_sequence + group.sequence, view.first_head + head, range));
  }
  pending.Sweep();
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

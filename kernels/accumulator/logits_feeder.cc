// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logits_feeder.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "kernels/accumulator/logit_blocks.h"
#include "kernels/accumulator/logit_groups.h"
#include "kernels/accumulator/logit_sums.h"
#include "kernels/accumulator/mean_rows_feeder.h"
#include "kernels/accumulator/run_tasks.h"

namespace attnscope {
namespace {

// Makes the weights of logits, block by block, each of which is swept while it is in cache.
class WeightsMaker final : public ChunkMaker {
 public:
  // Task i works in scratch[i].
  WeightsMaker(const LogitSource& source, const std::vector<LogitScratch>& scratch, const LayerStorage& storage)
      : source_(source), scratch_(scratch), rules_(storage.Rules(ElementType::kFloat32)) {}

  void Make(const RowChunk& chunk, size_t task, Sink& sink) const override {
    const PreparedChunk prepared(source_, chunk, scratch_[task]);
    for (size_t head = 0; head < chunk.num_heads; ++head) {
      for (size_t row = 0; row < chunk.num_rows; row += kRowsPerBlock) {
        sink.Take(head, MakeWeights(prepared, head, row, rules_), 0);
      }
    }
  }

 private:
  const LogitSource& source_;
  const std::vector<LogitScratch>& scratch_;
  RowRules rules_;
};

}  // namespace

bool LogitsFeeder::MayShareRows(const Runner& runner) const {
  return TasksAtOnce(runner) > 1 && !storage_.config().mean_matrix;
}

size_t LogitsFeeder::ScratchBytes(const Runner& runner) const {
  const size_t keys = storage_.config().max_keys;
  const size_t of_task = LogitScratch::Bytes(keys) + (MayShareRows(runner) ? RowParallel::Bytes(keys) : 0);
  const size_t mean = storage_.config().mean_matrix ? kRowsPerBlock * keys * (sizeof(double) + 1) : 0;
  return TasksAtOnce(runner) * of_task + mean;
}

bool LogitsFeeder::Allocate(const Runner& runner) {
  const size_t keys = storage_.config().max_keys;
  const size_t tasks = TasksAtOnce(runner);
  const size_t sweeping = std::min(tasks, storage_.layout().heads() * storage_.layout().batch());
  const bool mean_matrix = storage_.config().mean_matrix;
  if (!(mean_matrix ? buffers_.AllocateForShown(storage_.config(), sweeping)
                    : buffers_.Allocate(storage_.config(), sweeping))) {
    return false;
  }
  if (mean_matrix && mean_sums_ == nullptr) {
    mean_seen_ = AllocateAlignedBuffer<uint8_t>(kRowsPerBlock * keys);
    if (mean_seen_ == nullptr) return false;
    mean_sums_ = AllocateAlignedBuffer<double>(kRowsPerBlock * keys);
    if (mean_sums_ == nullptr) return false;
  }
  while (scratch_.size() < tasks) {
    LogitScratch scratch;
    if (!scratch.Allocate(keys)) return false;
    try {
      scratch_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return !MayShareRows(runner) || row_parallel_.Allocate(tasks);
}

void LogitsFeeder::Add(const LogitSource& source, const Runner& runner) {
  storage_.LoadBlocks();
  if (storage_.config().mean_matrix) return AddMeanMatrix(source);
  const size_t at_once = TasksAtOnce(runner);
  const LogitGroups whole(source);
  if (scores_ == nullptr && RowParallel::Gains(whole.size(), source.shape().queries, runner)) {
    for (size_t i = 0; i < whole.size(); ++i) AddGroupByRows(source, whole[i], runner);
    return;
  }
  const LogitGroups groups(source, at_once);
  const size_t tasks = std::min(groups.size(), at_once);
  auto add = [&](size_t task) {
    for (size_t i = task; i < groups.size(); i += tasks) AddGroup(source, groups[i], task);
  };
  RunTasks(runner, tasks, add);
}

// Each block of weights is swept while it is in cache.
void LogitsFeeder::AddGroup(const LogitSource& source, const RowGroup& group, size_t task) {
  const RowChunks chunks(group, source.RowsAtOnce(LogitScratch::Rows(storage_.config().max_keys)));
  PendingRows pending(buffers_.OfTask(task));
  const size_t sequence = source.shape().first_sequence + group.sequence;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const RowChunk chunk = chunks[i];
    if (chunk.num_rows < kRowsPerBlock) {  // while decoding, an engine's weights have taken the caches since
      for (size_t head = 0; head < chunk.num_heads; ++head) {
        storage_.Prefetch(sequence, source.shape().first_head + chunk.first_head + head, source.shape().keys);
      }
    }
    const PreparedChunk prepared(source, chunk, scratch_[task]);
    for (size_t head = 0; head < chunk.num_heads; ++head) {
      const size_t of_layer = source.shape().first_head + chunk.first_head + head;
      for (size_t row = 0; row < chunk.num_rows; row += kRowsPerBlock) {
        const float* ahead =
            scores_ == nullptr ? storage_.OpenBlock(sequence, of_layer) : scores_->NextRow(sequence, of_layer);
        const RowRange range = MakeWeights(prepared, head, row, storage_.Rules(ElementType::kFloat32), ahead);
        AddLogitSums(range.softmax, range.rows, storage_.config().saturation_bound,
                     storage_.OpenRowSums(sequence, of_layer), storage_.OpenMaxima(sequence, of_layer));
        if (scores_ != nullptr) scores_->AddRows(range, sequence, of_layer, task);
        pending.Add(range, storage_.Open(sequence, of_layer, range));
        if (chunk.num_rows > kRowsPerBlock) pending.Sweep();
      }
    }
    pending.Sweep();  // few rows of all heads at once
  }
}

// Several tasks share the whole blocks of rows; those before and behind are one task's.
void LogitsFeeder::AddGroupByRows(const LogitSource& source, const RowGroup& group, const Runner& runner) {
  const GroupAtBlocks cut(storage_, source.shape(), group);
  AddGroup(source, cut.before, 0);
  row_parallel_.Add(source.shape(), source.visibility(), cut.blocks,
                    source.RowsAtOnce(LogitScratch::Rows(storage_.config().max_keys)),
                    WeightsMaker(source, scratch_, storage_), runner);
  AddGroup(source, cut.behind, 0);
}

// Averages a block of rows at a time in float64.
void LogitsFeeder::AddMeanMatrix(const LogitSource& source) {
  const AttentionView& shape = source.shape();
  MeanRowsFeeder feeder(shape, source.visibility(), storage_, buffers_);
  const double scale = 1.0 / static_cast<double>(shape.batch * shape.heads);
  const size_t keys = shape.keys;
  for (size_t first = 0; first < shape.queries; first += kRowsPerBlock) {
    RowChunk chunk;
    chunk.num_heads = 1;
    chunk.first_row = first;
    chunk.num_rows = std::min(kRowsPerBlock, shape.queries - first);
    std::fill_n(mean_sums_.get(), chunk.num_rows * keys, 0.0);
    std::fill_n(mean_seen_.get(), chunk.num_rows * keys, uint8_t{0});
    bool by_value = false;
    // Each row's logits are added up by themselves: in any cut of the rows into calls, the same sums in the same order.
    double logit_sums[kRowsPerBlock][kNumRowSums] = {};
    for (chunk.sequence = 0; chunk.sequence < shape.batch; ++chunk.sequence) {
      for (chunk.first_head = 0; chunk.first_head < shape.heads; ++chunk.first_head) {
        by_value |= AddToMean(source, chunk, keys, logit_sums);
      }
    }
    double* row_sums = storage_.OpenRowSums(0, 0);
    for (size_t row = 0; row < chunk.num_rows; ++row) {
      for (size_t i = 0; i < kNumRowSums; ++i) row_sums[i] += logit_sums[row][i];
    }
    float* mean_rows = buffers_.mean_rows();
    for (size_t i = 0; i < chunk.num_rows * keys; ++i) mean_rows[i] = static_cast<float>(mean_sums_[i] * scale);
    RowRange range;
    range.data = mean_rows;
    range.row_stride = static_cast<int64_t>(keys);
    range.rows = chunk.num_rows;
    range.rules = storage_.Rules(ElementType::kFloat32);
    range.null_mass = source.has_sinks();
    range.outputs = source.MeanOutputs(first);
    feeder.Add(range, first, by_value ? mean_seen_.get() : nullptr);
  }
}

// Adds the weights of one matrix's block of rows to the mean's sums [rows, keys], where an invalid row makes the sum
// NaN, and each row's logits to its sums.
bool LogitsFeeder::AddToMean(const LogitSource& source, const RowChunk& chunk, size_t keys,
                             double (*logit_sums)[kNumRowSums]) {
  const PreparedChunk prepared(source, chunk, scratch_[0]);
  const RowRange range = MakeWeights(prepared, 0, 0, storage_.Rules(ElementType::kFloat32));
  bool by_value = false;
  for (size_t row = 0; row < range.rows; ++row) {
    by_value |= MarkSeen(prepared, 0, 0, range, row, mean_seen_.get() + row * keys);
    AddLogitSums(range.softmax + row, 1, storage_.config().saturation_bound, logit_sums[row],
                 storage_.OpenMaxima(0, 0));
    double* sums = mean_sums_.get() + row * keys;
    const float* weights = static_cast<const float*>(range.Row(row));
    const KeyRange seen = range.visible.Range(row);
    for (size_t key = seen.begin; key < seen.end; ++key) sums[key] += static_cast<double>(weights[key]);
  }
  return by_value;
}

}  // namespace attnscope

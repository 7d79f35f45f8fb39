// SPDX-License-Identifier: Apache-2.0
//
// The part of the accumulator's state that turns logits, or queries and keys, into weights for its sweep.
#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "kernels/accumulator/layer_state.h"
#include "kernels/accumulator/logit_chunks.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/run_tasks.h"
#include "kernels/row_sums.h"

namespace attnscope {
size_t LayerAccumulator::State::LogitScratchBytes(const Runner& runner) const {
  const size_t mean = config_.mean_matrix ? kRowsPerBlock * config_.max_keys * sizeof(double) : 0;
  return MostLogitTasks(runner) * LogitScratch::Bytes(PassRows(config_.max_keys), config_.max_keys) + mean;
}

bool LayerAccumulator::State::EnsureLogitScratch(const Runner& runner) {
  if (!EnsureScratch(runner)) return false;
  if (config_.mean_matrix && mean_sums_ == nullptr) {
    mean_sums_ = AllocateAlignedBuffer<double>(kRowsPerBlock * config_.max_keys);
    if (mean_sums_ == nullptr) return false;
  }
  while (logit_scratch_.size() < MostLogitTasks(runner)) {
    LogitScratch scratch;
    if (!scratch.Allocate(PassRows(config_.max_keys), config_.max_keys)) return false;
    try {
      logit_scratch_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

void LayerAccumulator::State::AddLogits(const LogitSource& source, const Runner& runner) {
  LoadBlocks();
  if (config_.mean_matrix) {
    SweepMeanLogits(source);
  } else {
    SweepLogits(source, runner);
  }
}

// Adds one row's logit sums.
void LayerAccumulator::State::AddLogitRow(const SoftmaxMeasures& row, double* row_sums, double* max_abs) const {
  if (!row.valid || row.keys == 0) return;
  const auto add = [row_sums](RowSum which, double value) { row_sums[static_cast<size_t>(which)] += value; };
  add(RowSum::kLogitRows, 1.0);
  add(RowSum::kLogSumExp, row.log_sum_exp);
  add(RowSum::kSaturated, row.max_weight >= config_.saturation_bound ? 1.0 : 0.0);
  add(RowSum::kLogits, static_cast<double>(row.keys));
  add(RowSum::kLogitSum, row.sum);
  add(RowSum::kLogitSquares, row.squares);
  *max_abs = std::max(*max_abs, row.max_abs);
}

void LayerAccumulator::State::AddLogitSums(const SoftmaxMeasures* measures, size_t num_rows, size_t sequence,
                                           size_t head) {
  double* row_sums = sums() + layout_.OpenRowSums(sequence, head);
  double* max_abs = maxima() + layout_.OpenMaxAbsLogit(sequence, head);
  for (size_t i = 0; i < num_rows; ++i) AddLogitRow(measures[i], row_sums, max_abs);
}

// Weights and measures of rows [first, first + num_rows) of one head of a prepared chunk.
void LayerAccumulator::State::MakeLogitBlock(const LogitSource& source, const LogitChunk& chunk, size_t head,
                                             size_t first, const LogitScratch& scratch) {
  SoftmaxRow rows[kRowsPerBlock];
  const size_t num_rows = std::min(kRowsPerBlock, chunk.num_rows - first);
  for (size_t row = 0; row < num_rows; ++row) rows[row] = source.Row(chunk, head, first + row, scratch);
  SoftmaxRows(rows, num_rows, source.scale(), scratch.low(), scratch.Measures(head * chunk.num_rows + first));
}

// Such a block as rows of weights.
RowRange LayerAccumulator::State::LogitRows(const LogitSource& source, const LogitChunk& chunk, size_t head,
                                            size_t first, const LogitScratch& scratch) const {
  const size_t in_scratch = head * chunk.num_rows + first;
  RowRange range;
  range.data = scratch.Row(in_scratch);
  range.row_stride = static_cast<int64_t>(scratch.stride());
  range.rows = std::min(kRowsPerBlock, chunk.num_rows - first);
  range.visible = source.Visible(chunk.sequence, chunk.first_row + first);
  range.tolerance = config_.tolerance_float32;
  range.softmax = scratch.Measures(in_scratch);
  return range;
}

// Rows [first, end) of the heads of one sequence that share their keys: each block of weights is swept while it is in
// cache.
void LayerAccumulator::State::SweepLogitGroup(const LogitSource& source, size_t sequence, size_t group, size_t first,
                                              size_t end, size_t index) {
  LogitChunks chunks(source, sequence, group, first, end,
                     source.is_product() ? PassRows(config_.max_keys) : kRowsPerBlock);
  const LogitScratch& logit_scratch = logit_scratch_[index];
  Sweeps sweeps(*this, scratch_[index]);
  for (LogitChunk chunk; chunks.Next(&chunk);) {
    source.Prepare(chunk, logit_scratch);
    for (size_t head = 0; head < chunk.num_heads; ++head) {
      for (size_t row = 0; row < chunk.num_rows; row += kRowsPerBlock) {
        MakeLogitBlock(source, chunk, head, row, logit_scratch);
        const RowRange range = LogitRows(source, chunk, head, row, logit_scratch);
        const size_t of_layer = source.first_head() + chunk.first_head + head;
        AddLogitSums(range.softmax, range.rows, source.first_sequence() + sequence, of_layer);
        sweeps.Add(range, source.first_sequence() + sequence, of_layer);
        if (chunk.num_rows > kRowsPerBlock) sweeps.Flush();
      }
    }
    sweeps.Flush();  // few rows of all heads at once
  }
}

void LayerAccumulator::State::SweepLogits(const LogitSource& source, const Runner& runner) {
  struct Call {
    State* state;
    const LogitSource* source;
    size_t groups;  // of each sequence
    size_t tasks;
  };
  const auto task = [](void* argument, size_t index) {
    const Call& call = *static_cast<const Call*>(argument);
    for (size_t i = index; i < call.source->batch() * call.groups; i += call.tasks) {
      call.state->SweepLogitGroup(*call.source, i / call.groups, i % call.groups, 0, call.source->queries(), index);
    }
  };
  const size_t groups = source.heads() / source.heads_per_group();
  const size_t all = source.batch() * groups;
  const size_t tasks = MostLogitTasks(runner);
  if (tasks > 1 && all % tasks != 0 && all < 4 * tasks) {
    // Whole groups would leave tasks without work.
    for (size_t i = 0; i < all; ++i) SweepLogitGroupInWaves(source, i / groups, i % groups, runner);
    return;
  }
  Call call = {this, &source, groups, std::min(all, tasks)};
  RunTasks(runner, task, &call, call.tasks);
}

// Averages a block of rows at a time in float64.
void LayerAccumulator::State::SweepMeanLogits(const LogitSource& source) {
  const LogitScratch& scratch = logit_scratch_[0];
  Sweeps sweeps(*this, scratch_[0]);
  const double scale = 1.0 / static_cast<double>(source.batch() * source.heads());
  size_t keys = 0;
  for (size_t sequence = 0; sequence < source.batch(); ++sequence) {
    keys = std::max(keys, source.Visible(sequence, source.queries())(0));
  }
  for (size_t first = 0; first < source.queries(); first += kRowsPerBlock) {
    LogitChunk chunk;
    chunk.num_heads = 1;
    chunk.first_row = first;
    chunk.num_rows = std::min(kRowsPerBlock, source.queries() - first);
    std::fill_n(mean_sums_.get(), chunk.num_rows * keys, 0.0);
    // Each row's logits are added up by themselves: in any cut of the rows into calls, the same sums in the same order.
    double logit_sums[kRowsPerBlock][kNumRowSums] = {};
    for (chunk.sequence = 0; chunk.sequence < source.batch(); ++chunk.sequence) {
      for (chunk.first_head = 0; chunk.first_head < source.heads(); ++chunk.first_head) {
        AddToMean(source, chunk, scratch, keys, logit_sums);
      }
    }
    double* row_sums = sums() + layout_.OpenRowSums(0, 0);
    for (size_t row = 0; row < chunk.num_rows; ++row) {
      for (size_t i = 0; i < kNumRowSums; ++i) row_sums[i] += logit_sums[row][i];
    }
    for (size_t i = 0; i < chunk.num_rows * keys; ++i) mean_rows_[i] = static_cast<float>(mean_sums_[i] * scale);
    RowRange range;
    range.data = mean_rows_.get();
    range.row_stride = static_cast<int64_t>(keys);
    range.rows = chunk.num_rows;
    range.visible = VisibleKeys(keys, source.mask(), first);
    range.tolerance = config_.tolerance_float32;
    sweeps.Add(range, 0, 0);
    sweeps.Flush();
  }
}

// Adds the weights of one matrix's block of rows to the mean's sums [rows, keys], where an invalid row makes the sum
// NaN, and each row's logits to its sums.
void LayerAccumulator::State::AddToMean(const LogitSource& source, const LogitChunk& chunk, const LogitScratch& scratch,
                                        size_t keys, double (*logit_sums)[kNumRowSums]) {
  source.Prepare(chunk, scratch);
  SoftmaxRow rows[kRowsPerBlock];
  for (size_t row = 0; row < chunk.num_rows; ++row) rows[row] = source.Row(chunk, 0, row, scratch);
  SoftmaxMeasures measures[kRowsPerBlock];
  SoftmaxRows(rows, chunk.num_rows, source.scale(), scratch.low(), measures);
  double* max_abs = maxima() + layout_.OpenMaxAbsLogit(0, 0);
  for (size_t row = 0; row < chunk.num_rows; ++row) {
    AddLogitRow(measures[row], logit_sums[row], max_abs);
    double* sums = mean_sums_.get() + row * keys;
    for (size_t key = 0; key < rows[row].keys; ++key) sums[key] += static_cast<double>(rows[row].weights[key]);
  }
}

}  // namespace attnscope

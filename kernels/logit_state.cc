// SPDX-License-Identifier: Apache-2.0
//
// The part of the accumulator's state that turns logits, or queries and keys, into weights for its sweep.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <utility>

#include "kernels/layer_state.h"
#include "kernels/query_key_product.h"
#include "kernels/row_sums.h"

namespace attnscope {
namespace {

LogitScale ScaleOf(const SoftmaxParams& params, double default_scale) {
  return {params.scale == 0.0 ? default_scale : params.scale, params.soft_cap};
}

const void* BiasRow(const BiasView& bias, size_t sequence, size_t head, size_t row) {
  if (bias.data == nullptr) return nullptr;
  const int64_t offset = static_cast<int64_t>(sequence) * bias.batch_stride +
                         static_cast<int64_t>(head) * bias.head_stride + static_cast<int64_t>(row) * bias.query_stride;
  return static_cast<const uint8_t*>(bias.data) + offset * static_cast<int64_t>(ElementBytes(bias.type));
}

size_t MostLogitTasks(const Runner& runner) {
  return runner.run == nullptr ? 1 : std::clamp<size_t>(runner.threads, 1, 4096);
}

// Runs tasks [0, count) on the runner, or on the caller.
void RunTasks(const Runner& runner, Task task, void* argument, size_t count) {
  if (count > 1) {
    runner.run(runner.opaque, task, argument, count);
  } else if (count == 1) {
    task(argument, 0);
  }
}

size_t KeysOf(const Mask& mask, size_t keys, size_t sequence) {
  return mask.key_lengths == nullptr ? keys : std::min(keys, static_cast<size_t>(mask.key_lengths[sequence]));
}

}  // namespace

// Rows of products that are held together: the more, the less often keys are packed. 32 MiB at most, unless a block of
// rows alone is larger.
size_t LayerAccumulator::State::PassRows() const {
  constexpr size_t kMostPassRows = 128;
  constexpr size_t kMostFloats = size_t{8} << 20;
  return std::clamp(kMostFloats / LogitStride() / kRowsPerBlock * kRowsPerBlock, kRowsPerBlock, kMostPassRows);
}

size_t LayerAccumulator::State::LogitStride() const { return PaddedColumns(config_.max_keys); }

size_t LayerAccumulator::State::LogitScratchBytes(const Runner& runner) const {
  const size_t floats = PassRows() * LogitStride() + PaddedColumns(config_.max_keys);
  return std::min(MostLogitTasks(runner), layout_.heads() * layout_.batch()) * floats * sizeof(float);
}

bool LayerAccumulator::State::EnsureLogitScratch(const Runner& runner) {
  if (!EnsureScratch(runner)) return false;
  const size_t tasks = std::min(MostLogitTasks(runner), layout_.heads() * layout_.batch());
  while (logit_scratch_.size() < tasks) {
    LogitScratch scratch;
    scratch.rows = AllocateAlignedBuffer<float>(PassRows() * LogitStride());
    scratch.low = AllocateAlignedBuffer<float>(PaddedColumns(config_.max_keys));
    if (scratch.rows == nullptr || scratch.low == nullptr) return false;
    try {
      logit_scratch_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

void LayerAccumulator::State::AddLogitSums(const LogitBlock& block, const SoftmaxMeasures* measures) {
  double* row_sums = sums() + layout_.OpenRowSums(block.sequence, block.head);
  double* max_abs = maxima() + layout_.OpenMaxAbsLogit(block.sequence, block.head);
  for (size_t i = 0; i < block.num_rows; ++i) {
    const SoftmaxMeasures& row = measures[i];
    if (!row.valid || row.keys == 0) continue;
    const auto add = [row_sums](RowSum which, double value) { row_sums[static_cast<size_t>(which)] += value; };
    add(RowSum::kLogitRows, 1.0);
    add(RowSum::kLogSumExp, row.log_sum_exp);
    add(RowSum::kSaturated, row.max_weight >= config_.saturation_bound ? 1.0 : 0.0);
    add(RowSum::kLogits, static_cast<double>(row.keys));
    add(RowSum::kLogitSum, row.sum);
    add(RowSum::kLogitSquares, row.squares);
    *max_abs = std::max(*max_abs, row.max_abs);
  }
}

void LayerAccumulator::State::SweepLogitBlock(const LogitBlock& block, TaskScratch& scratch,
                                              LogitScratch& logit_scratch) {
  SoftmaxMeasures measures[kRowsPerBlock];
  SoftmaxRows(block.rows, block.num_rows, block.scale, logit_scratch.low.get(), measures);
  AddLogitSums(block, measures);
  RowRange range;
  range.data = block.rows[0].weights;
  range.row_stride = static_cast<int64_t>(LogitStride());
  range.rows = block.num_rows;
  range.visible = block.visible;
  range.tolerance = config_.tolerance_float32;
  Sweep(range, block.sequence, block.head, scratch);
}

void LayerAccumulator::State::SweepLogits(const AttentionView& view, const SoftmaxParams& params,
                                          const Runner& runner) {
  struct Call {
    State* state;
    const AttentionView* view;
    const SoftmaxParams* params;
    size_t matrices;
    size_t tasks;
  };
  const auto task = [](void* argument, size_t index) {
    const Call& call = *static_cast<const Call*>(argument);
    const AttentionView& view = *call.view;
    LogitScratch& logit_scratch = call.state->logit_scratch_[index];
    for (size_t matrix = index; matrix < call.matrices; matrix += call.tasks) {
      const size_t sequence = matrix / view.heads;
      const size_t head = matrix % view.heads;
      const RowRange range = RowsOf(view, call.params->mask, sequence, head);
      for (size_t first = 0; first < view.queries; first += kRowsPerBlock) {
        LogitBlock block;
        block.sequence = view.first_sequence + sequence;
        block.head = view.first_head + head;
        block.num_rows = std::min(kRowsPerBlock, view.queries - first);
        block.visible = VisibleKeys(KeysOf(call.params->mask, view.keys, sequence), call.params->mask, first);
        block.scale = ScaleOf(*call.params, 1.0);
        for (size_t i = 0; i < block.num_rows; ++i) {
          block.rows[i] = {.logits = range.Row(first + i),
                           .type = view.type,
                           .bias = BiasRow(call.params->bias, sequence, head, first + i),
                           .bias_type = call.params->bias.type,
                           .keys = range.visible(first + i),
                           .weights = logit_scratch.rows.get() + i * call.state->LogitStride()};
        }
        call.state->SweepLogitBlock(block, call.state->scratch_[index], logit_scratch);
      }
    }
  };
  const size_t matrices = view.batch * view.heads;
  Call call = {this, &view, &params, matrices, std::min(matrices, MostLogitTasks(runner))};
  RunTasks(runner, task, &call, call.tasks);
}

void LayerAccumulator::State::SweepKeyHead(const QueryKeyView& view, const SoftmaxParams& params, size_t sequence,
                                           size_t kv_head, TaskScratch& scratch, LogitScratch& logit_scratch) {
  const size_t group = view.heads / view.kv_heads;
  const size_t stride = LogitStride();
  const size_t keys = KeysOf(params.mask, view.keys, sequence);
  for (size_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (size_t first = 0; first < view.queries; first += PassRows()) {
      ProductBlock product;
      product.view = &view;
      product.sequence = sequence;
      product.first_head = head;
      product.num_heads = 1;
      product.first_row = first;
      product.num_rows = std::min(PassRows(), view.queries - first);
      product.visible = VisibleKeys(keys, params.mask, first);
      MultiplyQueriesKeys(product, logit_scratch.packed_queries.get(), logit_scratch.packed_keys.get(),
                          logit_scratch.rows.get(), stride);
      for (size_t begin = 0; begin < product.num_rows; begin += kRowsPerBlock) {
        LogitBlock block;
        block.sequence = view.first_sequence + sequence;
        block.head = view.first_head + head;
        block.num_rows = std::min(kRowsPerBlock, product.num_rows - begin);
        block.visible = VisibleKeys(keys, params.mask, first + begin);
        block.scale = ScaleOf(params, 1.0 / std::sqrt(static_cast<double>(view.head_dim)));
        for (size_t i = 0; i < block.num_rows; ++i) {
          float* row = logit_scratch.rows.get() + (begin + i) * stride;
          block.rows[i] = {.logits = row,
                           .type = ElementType::kFloat32,
                           .bias = BiasRow(params.bias, sequence, head, first + begin + i),
                           .bias_type = params.bias.type,
                           .keys = block.visible(i),
                           .weights = row};
        }
        SweepLogitBlock(block, scratch, logit_scratch);
      }
    }
  }
}

void LayerAccumulator::State::SweepQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params,
                                               const Runner& runner) {
  struct Call {
    State* state;
    const QueryKeyView* view;
    const SoftmaxParams* params;
    size_t units;
    size_t tasks;
  };
  const auto task = [](void* argument, size_t index) {
    const Call& call = *static_cast<const Call*>(argument);
    for (size_t unit = index; unit < call.units; unit += call.tasks) {
      call.state->SweepKeyHead(*call.view, *call.params, unit / call.view->kv_heads, unit % call.view->kv_heads,
                               call.state->scratch_[index], call.state->logit_scratch_[index]);
    }
  };
  const size_t units = view.batch * view.kv_heads;
  Call call = {this, &view, &params, units, std::min(units, MostLogitTasks(runner))};
  RunTasks(runner, task, &call, call.tasks);
}

}  // namespace attnscope

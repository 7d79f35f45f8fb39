// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/layer_state.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

#include "kernels/accumulator/run_tasks.h"
#include "kernels/mean_rows.h"
#include "kernels/norms.h"
#include "kernels/row_sums.h"

namespace attnscope {
namespace {

// ||update|| / ||input|| from sums of squares; 0 / 0 is 0, and anything else over 0 is infinite.
double RatioOfNorms(const UpdateSquares& squares) {
  if (squares.before == 0.0) return squares.update == 0.0 ? 0.0 : std::numeric_limits<double>::infinity();
  return std::sqrt(squares.update / squares.before);
}

const void* TokenOf(const ActivationView& view, size_t sequence, size_t token) {
  const int64_t offset =
      static_cast<int64_t>(sequence) * view.batch_stride + static_cast<int64_t>(token) * view.token_stride;
  return static_cast<const uint8_t*>(view.data) + offset * static_cast<int64_t>(ElementBytes(view.type));
}

// Several tasks for each thread even out heads that take longer.
size_t MostTasks(const Runner& runner) {
  return runner.run == nullptr ? 1 : 4 * std::clamp<size_t>(runner.threads, 1, 4096);
}

}  // namespace

LayerAccumulator::State::State(const LayerConfig& config) : config_(config), layout_(config) {}

bool LayerAccumulator::State::Allocate() {
  // Two doubles and a float a key and less than 2^10 others for each matrix: no index overflows.
  const size_t matrices = layout_.heads() * layout_.batch();
  if (matrices > (SIZE_MAX >> 8) / (config_.max_keys + 1024)) return false;
  sums_ = AllocateLazyBuffer<double>(layout_.sums());
  maxima_ = AllocateLazyBuffer<double>(layout_.maxima());
  block_stride_ = (config_.max_keys + kMaxFloatLanes - 1) / kMaxFloatLanes * kMaxFloatLanes;
  blocks_ = AllocateUnsetBuffer<float>(matrices * block_stride_);
  if (sums_ == nullptr || maxima_ == nullptr || blocks_ == nullptr) return false;
  if (config_.mean_matrix) {
    mean_rows_ = AllocateAlignedBuffer<float>(kRowsPerBlock * config_.max_keys);
    if (mean_rows_ == nullptr) return false;
  }
  return config_.max_keys == 0 || EnsureScratch(Runner());
}

bool LayerAccumulator::State::EnsureScratch(const Runner& runner) {
  const size_t tasks = std::min(MostTasks(runner), layout_.heads() * layout_.batch());
  while (scratch_.size() < tasks) {
    TaskScratch scratch;
    scratch.workspace = AllocateAlignedBuffer<SweepWorkspace>(1);
    scratch.columns = AllocateAlignedBuffer<float>(PaddedColumns(config_.max_keys));
    scratch.waiting = AllocateAlignedBuffer<OpenMatrix>(kMatricesAtOnce);
    if (scratch.workspace == nullptr || scratch.columns == nullptr || scratch.waiting == nullptr) return false;
    try {
      scratch_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

void LayerAccumulator::State::Sweeps::Add(const RowRange& range, size_t sequence, size_t head) {
  if (range.rows == 0) return;
  const StateLayout& layout = state_.layout_;
  OpenMatrix& open = scratch_.waiting[count_];
  open.range = range;
  open.row_sums = state_.sums() + layout.OpenRowSums(sequence, head);
  open.columns = state_.sums() + layout.OpenColumns(sequence, head);
  open.block = state_.Block(sequence, head);
  open.rows = state_.OpenRows(sequence, head);
  open.keys = state_.OpenKeys(sequence, head);
  state_.maxima()[layout.OpenKeys(sequence, head)] = static_cast<double>(open.KeysAfter());
  if (++count_ == kMatricesAtOnce) Flush();
}

void LayerAccumulator::State::Sweeps::Flush() {
  if (count_ == 0) return;
  SweepWeights(scratch_.waiting.get(), count_, {scratch_.columns.get(), scratch_.workspace.get()});
  count_ = 0;
}

float* LayerAccumulator::State::Block(size_t sequence, size_t head) const {
  return blocks_.get() + (sequence * layout_.heads() + head) * block_stride_;
}

void LayerAccumulator::State::StoreBlocks(size_t sequence) const {
  if (!blocks_current_) return;
  for (size_t head = 0; head < layout_.heads(); ++head) {
    double* partial = sums() + layout_.OpenPartial(sequence, head);
    const size_t keys = OpenKeys(sequence, head);
    if (OpenRows(sequence, head) % kRowsPerBlock != 0) {
      const float* block = Block(sequence, head);
      for (size_t i = 0; i < keys; ++i) partial[i] = static_cast<double>(block[i]);
      partial_written_ = true;
    } else if (partial_written_) {
      std::fill_n(partial, keys, 0.0);
    }
  }
}

void LayerAccumulator::State::StoreAllBlocks() const {
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) StoreBlocks(sequence);
}

// Partial sums that no float32 holds, as those of several ranks, lose nothing: the rest goes to the finished blocks.
void LayerAccumulator::State::LoadBlocks() {
  if (blocks_current_) return;
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) {
    for (size_t head = 0; head < layout_.heads(); ++head) {
      double* columns = sums() + layout_.OpenColumns(sequence, head);
      double* partial = sums() + layout_.OpenPartial(sequence, head);
      const bool in_block = OpenRows(sequence, head) % kRowsPerBlock != 0;
      float* block = Block(sequence, head);
      const size_t keys = OpenKeys(sequence, head);
      std::fill_n(block, keys, 0.0f);
      for (size_t i = 0; i < keys; ++i) {
        if (in_block) block[i] = static_cast<float>(partial[i]);
        columns[i] += partial[i] - static_cast<double>(block[i]);
        partial[i] = 0.0;
      }
    }
  }
  blocks_current_ = true;
}

double* LayerAccumulator::State::SumsToChange() {
  StoreAllBlocks();
  blocks_current_ = false;
  partial_written_ = true;
  return sums();
}

const double* LayerAccumulator::State::SumsToRead() const {
  StoreAllBlocks();
  return sums();
}

void LayerAccumulator::State::SweepMatrices(const AttentionView& view, const Mask& mask, const Runner& runner) {
  struct Call {
    State* state;
    const AttentionView* view;
    const Mask* mask;
    size_t matrices;
    size_t tasks;
  };
  // Task `index` takes every tasks-th matrix. Matrices share nothing, so their order does not matter.
  const auto task = [](void* argument, size_t index) {
    const Call& call = *static_cast<const Call*>(argument);
    Sweeps sweeps(*call.state, call.state->scratch_[index]);
    for (size_t i = index; i < call.matrices; i += call.tasks) {
      const size_t sequence = i / call.view->heads;
      const size_t head = i % call.view->heads;
      RowRange range = RowsOf(*call.view, *call.mask, sequence, head);
      range.tolerance = call.state->Tolerance(call.view->type);
      sweeps.Add(range, call.view->first_sequence + sequence, call.view->first_head + head);
    }
    sweeps.Flush();
  };
  LoadBlocks();
  const size_t matrices = view.batch * view.heads;
  Call call = {this, &view, &mask, matrices, std::min(matrices, MostTasks(runner))};
  RunTasks(runner, task, &call, call.tasks);
}

// Averages a block of rows at a time, which stays in cache for the sweep.
void LayerAccumulator::State::SweepMeanMatrix(const AttentionView& view, const Mask& mask) {
  size_t keys = view.keys;
  if (mask.key_lengths != nullptr && view.batch != 0) {
    keys = static_cast<size_t>(*std::max_element(mask.key_lengths, mask.key_lengths + view.batch));
  }
  if (view.batch == 0) return;
  LoadBlocks();
  Sweeps sweeps(*this, scratch_[0]);
  for (size_t first = 0; first < view.queries; first += kRowsPerBlock) {
    RowRange range;
    range.data = mean_rows_.get();
    range.row_stride = static_cast<int64_t>(view.keys);
    range.rows = std::min(kRowsPerBlock, view.queries - first);
    range.visible = VisibleKeys(keys, mask, first);
    range.tolerance = Tolerance(view.type);
    for (size_t row = 0; row < range.rows; ++row) {
      MeanOfRows(view, mask, first + row, mean_rows_.get() + row * view.keys);
    }
    sweeps.Add(range, 0, 0);
    sweeps.Flush();
  }
}

void LayerAccumulator::State::AddResidual(const ActivationView& before, const ActivationView& after) {
  for (size_t sequence = 0; sequence < before.batch; ++sequence) {
    UpdateSquares all;
    for (size_t token = 0; token < before.tokens; ++token) {
      const UpdateSquares one = SumUpdateSquares(TokenOf(before, sequence, token), TokenOf(after, sequence, token),
                                                 before.type, before.channels);
      AddTo(LayerSum::kTokenResidualRatio, RatioOfNorms(one));
      all.update += one.update;
      all.before += one.before;
    }
    const double ratio = RatioOfNorms(all);
    AddTo(LayerSum::kResidualTokens, static_cast<double>(before.tokens));
    AddTo(LayerSum::kResidualSequences, 1.0);
    AddTo(LayerSum::kResidualRatio, ratio);
    AddTo(LayerSum::kInfiniteResiduals, std::isfinite(ratio) ? 0.0 : 1.0);
  }
}

void LayerAccumulator::State::AddGradient(const BufferView& gradient) {
  AddTo(LayerSum::kGradientBuffers, 1.0);
  AddTo(LayerSum::kGradientSquares, SumSquares(gradient.data, gradient.type, gradient.size));
}

void LayerAccumulator::State::FoldOpen(double* closed_sums, double* closed_maxima) const {
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) FoldSequence(sequence, closed_sums, closed_maxima);
}

void LayerAccumulator::State::FoldSequence(size_t sequence, double* closed_sums, double* closed_maxima) const {
  StoreBlocks(sequence);
  for (size_t head = 0; head < layout_.heads(); ++head) {
    if (OpenRows(sequence, head) == 0) continue;
    FoldMatrix(sums() + layout_.OpenRowSums(sequence, head), sums() + layout_.OpenColumns(sequence, head),
               sums() + layout_.OpenPartial(sequence, head), OpenKeys(sequence, head),
               closed_sums + layout_.HeadSums(head), closed_maxima + layout_.HeadMaxima(head));
    double* max_abs_logit = closed_maxima + layout_.HeadMaxima(head) + static_cast<size_t>(HeadMax::kMaxAbsLogit);
    *max_abs_logit = std::max(*max_abs_logit, maxima()[layout_.OpenMaxAbsLogit(sequence, head)]);
  }
}

void LayerAccumulator::State::ClearOpen() {
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) ClearSequence(sequence);
}

void LayerAccumulator::State::ClearSequence(size_t sequence) {
  for (size_t head = 0; head < layout_.heads(); ++head) {
    const size_t keys = OpenKeys(sequence, head);
    std::fill_n(sums() + layout_.OpenRowSums(sequence, head), kNumRowSums, 0.0);
    std::fill_n(sums() + layout_.OpenColumns(sequence, head), keys, 0.0);
    if (partial_written_) std::fill_n(sums() + layout_.OpenPartial(sequence, head), keys, 0.0);
    maxima()[layout_.OpenKeys(sequence, head)] = 0.0;
    maxima()[layout_.OpenMaxAbsLogit(sequence, head)] = 0.0;
  }
}

void LayerAccumulator::State::Merge(const State& other) {
  const auto add = [](const double* from, size_t count, double* to) {
    for (size_t i = 0; i < count; ++i) to[i] += from[i];
  };
  const auto raise = [](const double* from, size_t count, double* to) {
    for (size_t i = 0; i < count; ++i) to[i] = std::max(to[i], from[i]);
  };
  const double* from_sums = other.SumsToRead();
  double* to_sums = SumsToChange();
  add(from_sums, layout_.OpenColumns(0, 0), to_sums);
  raise(other.maxima(), layout_.maxima(), maxima());
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) {
    for (size_t head = 0; head < layout_.heads(); ++head) {
      const size_t keys = other.OpenKeys(sequence, head);
      add(from_sums + layout_.OpenColumns(sequence, head), keys, to_sums + layout_.OpenColumns(sequence, head));
      add(from_sums + layout_.OpenPartial(sequence, head), keys, to_sums + layout_.OpenPartial(sequence, head));
    }
  }
}

size_t LayerAccumulator::State::OpenKeys(size_t sequence, size_t head) const {
  return CountOf(maxima()[layout_.OpenKeys(sequence, head)], layout_.keys());
}

size_t LayerAccumulator::State::OpenRows(size_t sequence, size_t head) const {
  return CountOf(NumRows(sums() + layout_.OpenRowSums(sequence, head)), size_t{1} << 53);
}

double LayerAccumulator::State::Tolerance(ElementType type) const {
  return type == ElementType::kFloat32 ? config_.tolerance_float32 : config_.tolerance_half;
}

}  // namespace attnscope

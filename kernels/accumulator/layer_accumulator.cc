// SPDX-License-Identifier: Apache-2.0
#include "attnscope/layer_accumulator.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "kernels/accumulator/layer_state.h"
#include "kernels/accumulator/state_layout.h"
#include "kernels/accumulator/view_checks.h"
#include "kernels/simd/target_choice.h"

namespace attnscope {
namespace {

Status NotCreated() {
  return {StatusCode::kInvalidArgument, "the accumulator is empty: it was not made by LayerAccumulator::Create"};
}

bool SameConfig(const LayerConfig& a, const LayerConfig& b) {
  return a.heads == b.heads && a.max_keys == b.max_keys && a.max_batch == b.max_batch &&
         a.mean_matrix == b.mean_matrix && a.tolerance_float32 == b.tolerance_float32 &&
         a.tolerance_half == b.tolerance_half && a.saturation_bound == b.saturation_bound;
}

Status NoScratch(const Runner& runner) {
  return {StatusCode::kOutOfMemory, "no memory for a runner of " + std::to_string(runner.threads) + " threads"};
}

}  // namespace

LayerAccumulator::LayerAccumulator() = default;
LayerAccumulator::LayerAccumulator(LayerAccumulator&&) noexcept = default;
LayerAccumulator& LayerAccumulator::operator=(LayerAccumulator&&) noexcept = default;
LayerAccumulator::~LayerAccumulator() = default;

Status LayerAccumulator::Create(const LayerConfig& config, LayerAccumulator* out) {
  if (Status status = ForceTargetFromEnvironment(); !status.ok()) return status;
  if (Status status = CheckConfig(config); !status.ok()) return status;
  std::unique_ptr<State> state(new (std::nothrow) State(config));
  if (state == nullptr || !state->Allocate()) {
    return {StatusCode::kOutOfMemory, "no memory for " + std::to_string(config.heads) + " heads x " +
                                          std::to_string(config.max_batch) + " sequences x " +
                                          std::to_string(config.max_keys) + " keys"};
  }
  out->state_ = std::move(state);
  return {};
}

Status LayerAccumulator::AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckAttention(state_->config(), weights, mask); !status.ok()) return status;
  if (weights.batch == 0 || weights.heads == 0 || weights.queries == 0) return {};
  if (!state_->EnsureScratch(runner)) return NoScratch(runner);
  if (state_->config().mean_matrix) {
    state_->SweepMeanMatrix(weights, mask);
  } else {
    state_->SweepMatrices(weights, mask, runner);
  }
  return {};
}

Status LayerAccumulator::AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckLogits(state_->config(), logits, params); !status.ok()) return status;
  if (logits.batch == 0 || logits.heads == 0 || logits.queries == 0) return {};
  if (!state_->EnsureLogitScratch(runner)) return NoScratch(runner);
  state_->AddLogits(LogitSource(logits, params), runner);
  return {};
}

Status LayerAccumulator::AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckQueriesKeys(state_->config(), view, params); !status.ok()) return status;
  if (view.batch == 0 || view.heads == 0 || view.queries == 0) return {};
  if (!state_->EnsureLogitScratch(runner)) return NoScratch(runner);
  state_->AddLogits(LogitSource(view, params), runner);
  return {};
}

size_t LayerAccumulator::ScratchBytes(const Runner& runner) const {
  return state_ == nullptr ? 0 : state_->LogitScratchBytes(runner);
}

Status LayerAccumulator::Reserve(const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->EnsureLogitScratch(runner) ? Status() : NoScratch(runner);
}

Status LayerAccumulator::AddResidual(const ActivationView& before, const ActivationView& after) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckActivations(before, after); !status.ok()) return status;
  if (before.batch == 0 || before.tokens == 0 || before.channels == 0) return {};
  state_->AddResidual(before, after);
  return {};
}

Status LayerAccumulator::AddGradient(const BufferView& gradient) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckBuffer(gradient); !status.ok()) return status;
  state_->AddGradient(gradient);
  return {};
}

void LayerAccumulator::EndSequence() {
  if (state_ == nullptr) return;
  state_->FoldOpen(state_->closed_sums(), state_->maxima());
  state_->ClearOpen();
}

Status LayerAccumulator::EndSequence(size_t sequence) {
  if (state_ == nullptr) return NotCreated();
  if (sequence >= state_->layout().batch()) {
    return {StatusCode::kOutOfRange, "sequence is " + std::to_string(sequence) + ", the accumulator was made for " +
                                         std::to_string(state_->layout().batch())};
  }
  state_->FoldSequence(sequence, state_->closed_sums(), state_->maxima());
  state_->ClearSequence(sequence);
  return {};
}

LayerStats LayerAccumulator::Stats() const {
  if (state_ == nullptr) return {};
  const StateLayout& layout = state_->layout();
  std::vector<double> closed_sums(state_->closed_sums(), state_->closed_sums() + layout.closed_sums());
  std::vector<double> closed_maxima(state_->maxima(), state_->maxima() + layout.closed_maxima());
  state_->FoldOpen(closed_sums.data(), closed_maxima.data());
  return StatsOf(layout, closed_sums.data(), closed_maxima.data());
}

void LayerAccumulator::Reset() {
  if (state_ == nullptr) return;
  state_->ClearOpen();
  std::fill_n(state_->closed_sums(), state_->layout().closed_sums(), 0.0);
  std::fill_n(state_->maxima(), state_->layout().closed_maxima(), 0.0);
}

LayerConfig LayerAccumulator::config() const { return state_ == nullptr ? LayerConfig() : state_->config(); }

Status LayerAccumulator::Merge(const LayerAccumulator& other) {
  if (state_ == nullptr || other.state_ == nullptr) return NotCreated();
  if (!SameConfig(state_->config(), other.state_->config())) {
    return {StatusCode::kInvalidArgument, "the accumulators to merge were made with different configurations"};
  }
  state_->Merge(*other.state_);
  return {};
}

std::span<double> LayerAccumulator::sums() {
  return state_ == nullptr ? std::span<double>() : std::span(state_->SumsToChange(), state_->layout().sums());
}

std::span<const double> LayerAccumulator::sums() const {
  return state_ == nullptr ? std::span<const double>()
                           : std::span(std::as_const(*state_).SumsToRead(), state_->layout().sums());
}

std::span<double> LayerAccumulator::maxima() {
  return state_ == nullptr ? std::span<double>() : std::span(state_->maxima(), state_->layout().maxima());
}

std::span<const double> LayerAccumulator::maxima() const {
  return state_ == nullptr ? std::span<const double>()
                           : std::span(std::as_const(*state_).maxima(), state_->layout().maxima());
}

size_t LayerAccumulator::closed_sums() const { return state_ == nullptr ? 0 : state_->layout().closed_sums(); }

size_t LayerAccumulator::closed_maxima() const { return state_ == nullptr ? 0 : state_->layout().closed_maxima(); }

}  // namespace attnscope

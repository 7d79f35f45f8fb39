// SPDX-License-Identifier: Apache-2.0
#include "attnscope/attention_monitor.h"

#include <new>
#include <utility>

#include "kernels/accumulator/view_checks.h"
#include "monitor/monitor_state.h"

namespace attnscope {
namespace {

Status NotCreated() {
  return {StatusCode::kInvalidArgument, "the monitor is empty: it was not made by AttentionMonitor::Create"};
}

// Runs what may find no memory.
template <typename Work>
Status Guarded(const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "no memory for the monitor's state or its window's records"};
  }
}

}  // namespace

AttentionMonitor::AttentionMonitor() = default;
AttentionMonitor::~AttentionMonitor() = default;

AttentionMonitor::AttentionMonitor(AttentionMonitor&& other) noexcept
    : state_(std::move(other.state_)),
      next_sample_(std::exchange(other.next_sample_, nullptr)),
      layers_(std::exchange(other.layers_, 0)) {}

AttentionMonitor& AttentionMonitor::operator=(AttentionMonitor&& other) noexcept {
  state_ = std::move(other.state_);
  next_sample_ = std::exchange(other.next_sample_, nullptr);
  layers_ = std::exchange(other.layers_, 0);
  return *this;
}

Status AttentionMonitor::Create(const MonitorConfig& config, AttentionMonitor* out) {
  return Guarded([&]() -> Status {
    auto state = std::make_unique<State>(config);
    if (Status status = state->Create(); !status.ok()) return status;
    out->state_ = std::move(state);
    out->next_sample_ = out->state_->next_samples();
    out->layers_ = config.layers;
    return {};
  });
}

Status AttentionMonitor::AddWeights(size_t layer, const AttentionView& weights, const Mask& mask,
                                    const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->Feed(
      layer, weights.first_sequence + weights.first_head,
      [&](LayerAccumulator& accumulator) { return accumulator.AddWeights(weights, mask, runner); },
      [&](const LayerConfig& config) { return CheckAttention(config, weights, mask); });
}

Status AttentionMonitor::AddLogits(size_t layer, const AttentionView& logits, const SoftmaxParams& params,
                                   const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->Feed(
      layer, logits.first_sequence + logits.first_head,
      [&](LayerAccumulator& accumulator) { return accumulator.AddLogits(logits, params, runner); },
      [&](const LayerConfig& config) { return CheckLogits(config, logits, params); });
}

Status AttentionMonitor::AddQueriesKeys(size_t layer, const QueryKeyView& view, const SoftmaxParams& params,
                                        const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->Feed(
      layer, view.first_sequence + view.first_head,
      [&](LayerAccumulator& accumulator) { return accumulator.AddQueriesKeys(view, params, runner); },
      [&](const LayerConfig& config) { return CheckQueriesKeys(config, view, params); });
}

Status AttentionMonitor::AddResidual(size_t layer, const ActivationView& before, const ActivationView& after) {
  if (state_ == nullptr) return NotCreated();
  return state_->Feed(
      layer, 0, [&](LayerAccumulator& accumulator) { return accumulator.AddResidual(before, after); },
      [&](const LayerConfig&) { return CheckActivations(before, after); });
}

Status AttentionMonitor::AddGradient(size_t layer, const BufferView& gradient) {
  return state_ == nullptr ? NotCreated() : state_->FeedGradient(layer, gradient);
}

void AttentionMonitor::CountRefused(size_t layer) {
  if (state_ != nullptr) state_->CountRefused(layer);
}

void AttentionMonitor::CountLeftOut(size_t layer, uint64_t rows) {
  if (state_ != nullptr) state_->CountLeftOut(layer, rows);
}

Status AttentionMonitor::Reserve(const Runner& runner) {
  return state_ == nullptr ? NotCreated() : state_->Reserve(runner);
}

Status AttentionMonitor::EndSequence(size_t sequence) {
  return state_ == nullptr ? NotCreated() : state_->EndSequence(sequence);
}

Status AttentionMonitor::EndStep(uint64_t step, uint64_t tokens) {
  if (state_ == nullptr) return NotCreated();
  return Guarded([&]() -> Status {
    state_->EndStep(step, tokens);
    return {};
  });
}

Status AttentionMonitor::CloseWindow() {
  if (state_ == nullptr) return NotCreated();
  return Guarded([&]() -> Status {
    state_->CloseWindow();
    return {};
  });
}

Status AttentionMonitor::MergeInto(size_t layer, LayerAccumulator* out) const {
  return state_ == nullptr ? NotCreated() : state_->MergeInto(layer, out);
}

}  // namespace attnscope

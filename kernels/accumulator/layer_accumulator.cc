// SPDX-License-Identifier: Apache-2.0
#include "attnscope/layer_accumulator.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "kernels/accumulator/activation_sums.h"
#include "kernels/accumulator/layer_accumulator_state.h"
#include "kernels/accumulator/view_checks.h"
#include "kernels/row_sums.h"
#include "kernels/simd/target_choice.h"
#include "kernels/top_k/top_k_checks.h"

namespace attnscope {
namespace {

Status Beyond(const char* name, size_t value, size_t count) {
  return {StatusCode::kOutOfRange, std::string(name) + " is " + std::to_string(value) +
                                       ", the accumulator was made for " + std::to_string(count)};
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
  const bool has_room =
      state != nullptr && state->storage.Allocate() && (config.max_keys == 0 || state->weights.Allocate(Runner(), {}));
  if (!has_room) {
    return {StatusCode::kOutOfMemory, "no memory for " + std::to_string(config.heads) + " heads x " +
                                          std::to_string(config.max_batch) + " sequences x " +
                                          std::to_string(config.max_keys) + " keys"};
  }
  out->state_ = std::move(state);
  return {};
}

Status LayerAccumulator::AddWeights(const AttentionView& weights, const Visibility& visibility, const Runner& runner,
                                    const RowOutputs* rows) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckAttention(state_->config(), weights, visibility); !status.ok()) return status;
  if (weights.batch == 0 || weights.heads == 0 || weights.queries == 0) return {};
  const CallMatrices call(weights);
  std::optional<RowOutputs> outputs;
  if (Status status = state_->CheckCall("weights", call, visibility, rows, &outputs); !status.ok()) return status;
  if (!state_->weights.Allocate(weights, visibility, runner)) return NoScratch(runner);
  AttentionView left = weights;
  left.queries = state_->BeginCall(call, visibility, rows != nullptr);
  state_->weights.Add(left, visibility, runner, outputs ? &*outputs : nullptr);
  return {};
}

Status LayerAccumulator::AddResidual(const ActivationView& before, const ActivationView& after) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckActivations(before, after); !status.ok()) return status;
  if (before.batch == 0 || before.tokens == 0 || before.channels == 0) return {};
  attnscope::AddResidual(before, after, state_->storage.LayerSums());
  return {};
}

Status LayerAccumulator::AddGradient(const BufferView& gradient) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckBuffer(gradient); !status.ok()) return status;
  attnscope::AddGradient(gradient, state_->storage.LayerSums());
  return {};
}

void LayerAccumulator::EndSequence() {
  if (state_ != nullptr) state_->storage.EndAllSequences();
}

Status LayerAccumulator::EndSequence(size_t sequence) { return EndSequence(sequence, {}); }

Status LayerAccumulator::EndSequence(size_t sequence, const ColumnReceiver& receiver) {
  if (state_ == nullptr) return NotCreated();
  const size_t batch = state_->storage.layout().batch();
  if (sequence >= batch) return Beyond("sequence", sequence, batch);
  state_->storage.EndSequence(sequence, receiver);
  return {};
}

Status LayerAccumulator::ColumnSums(size_t sequence, size_t head, std::span<double> columns) const {
  if (state_ == nullptr) return NotCreated();
  const StateLayout& layout = state_->storage.layout();
  if (sequence >= layout.batch()) return Beyond("sequence", sequence, layout.batch());
  if (head >= layout.heads()) return Beyond("head", head, layout.heads());
  const size_t keys = state_->storage.OpenKeys(sequence, head);
  if (columns.size() < keys) {
    return {StatusCode::kInvalidArgument, "columns has room for " + std::to_string(columns.size()) +
                                              " keys, but open matrix [" + std::to_string(sequence) + ", " +
                                              std::to_string(head) + "] has " + std::to_string(keys)};
  }
  state_->storage.ColumnSums(sequence, head, columns.data());
  std::fill(columns.begin() + static_cast<std::ptrdiff_t>(keys), columns.end(), 0.0);
  return {};
}

size_t LayerAccumulator::OpenKeys(size_t sequence, size_t head) const {
  if (state_ == nullptr) return 0;
  const LayerStorage& storage = state_->storage;
  if (sequence >= storage.layout().batch() || head >= storage.layout().heads()) return 0;
  return storage.OpenKeys(sequence, head);
}

LayerStats LayerAccumulator::Stats() const { return state_ == nullptr ? LayerStats() : state_->storage.Stats(); }

void LayerAccumulator::Reset() {
  if (state_ != nullptr) state_->storage.Reset();
}

LayerConfig LayerAccumulator::config() const { return state_ == nullptr ? LayerConfig() : state_->config(); }

Status LayerAccumulator::Merge(const LayerAccumulator& other) {
  if (state_ == nullptr || other.state_ == nullptr) return NotCreated();
  const TopKValues& top_k = state_->config().top_k;
  if (const TopKValues& others = other.state_->config().top_k; top_k != others) {
    return {StatusCode::kInvalidArgument,
            "the accumulators to merge were made with different top_k: " + TextOf(top_k) + " and " + TextOf(others)};
  }
  if (state_->config() != other.state_->config()) {
    return {StatusCode::kInvalidArgument, "the accumulators to merge were made with different configurations"};
  }
  state_->storage.Merge(other.state_->storage);
  return {};
}

std::span<double> LayerAccumulator::sums() {
  if (state_ == nullptr) return {};
  return {state_->storage.SumsToChange(), state_->storage.layout().sums()};
}

std::span<const double> LayerAccumulator::sums() const {
  if (state_ == nullptr) return {};
  return {state_->storage.SumsToRead(), state_->storage.layout().sums()};
}

double LayerAccumulator::gradient_squares() const {
  return state_ == nullptr ? 0.0 : state_->storage.LayerSums()[static_cast<size_t>(LayerSum::kGradientSquares)];
}

std::span<double> LayerAccumulator::maxima() {
  if (state_ == nullptr) return {};
  return {state_->storage.MaximaToChange(), state_->storage.layout().maxima()};
}

std::span<const double> LayerAccumulator::maxima() const {
  if (state_ == nullptr) return {};
  return {std::as_const(state_->storage).maxima(), state_->storage.layout().maxima()};
}

size_t LayerAccumulator::closed_sums() const { return state_ == nullptr ? 0 : state_->storage.layout().closed_sums(); }

size_t LayerAccumulator::closed_maxima() const {
  return state_ == nullptr ? 0 : state_->storage.layout().closed_maxima();
}

OpenParts LayerAccumulator::open_parts() const {
  if (state_ == nullptr) return {};
  const StateLayout& layout = state_->storage.layout();
  OpenParts parts;
  parts.matrices = layout.batch() * layout.heads();
  parts.keys = layout.keys();
  parts.columns = layout.OpenColumns(0, 0);
  parts.partial_columns = layout.OpenPartial(0, 0);
  parts.matrix_keys = layout.OpenKeys(0, 0);
  return parts;
}

}  // namespace attnscope

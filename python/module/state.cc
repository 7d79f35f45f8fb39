// SPDX-License-Identifier: Apache-2.0
//
// What an accumulator measured as bytes: pickles, and the states of the command.
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include "python/module/accumulator.h"
#include "python/module/errors.h"
#include "python/module/top_k.h"
#include "tools/state/saved_state.h"
#include "tools/state/state_file.h"

namespace attnscope::python {
namespace {

nb::bytes BytesOf(std::span<const double> numbers) { return nb::bytes(numbers.data(), numbers.size_bytes()); }

void Fill(const nb::bytes& bytes, std::span<double> numbers) {
  if (bytes.size() > numbers.size_bytes() || bytes.size() % sizeof(double) != 0) {
    Throw(PyExc_ValueError, "the state has " + std::to_string(bytes.size()) + " bytes where " +
                                std::to_string(numbers.size_bytes()) +
                                " have room: it is of another version of attnscope");
  }
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
}

bool HasOpenSequences(const LayerAccumulator& layer) {
  const OpenParts open = layer.open_parts();
  const std::span<const double> keys = layer.maxima().subspan(open.matrix_keys, open.matrices);
  return std::any_of(keys.begin(), keys.end(), [](double n) { return n != 0.0; });
}

tools::SavedState ReadState(const nb::bytes& bytes) {
  tools::SavedState state;
  Check("state", tools::StateFromBytes({static_cast<const uint8_t*>(bytes.data()), bytes.size()}, &state));
  return state;
}

// The one layer that was asked for, or that there is.
const tools::SavedLayer& LayerOf(const tools::SavedState& state, const std::optional<int64_t>& layer) {
  if (!layer.has_value() && state.layers.size() == 1) return state.layers.front();
  for (const tools::SavedLayer& saved : state.layers) {
    if (layer.has_value() && saved.layer == *layer) return saved;
  }
  if (layer.has_value()) Throw(PyExc_LookupError, "the state has no layer " + std::to_string(*layer));
  Throw(PyExc_ValueError, "the state has " + std::to_string(state.layers.size()) + " layers: say which by layer=");
}

}  // namespace

nb::tuple Accumulator::GetState() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const LayerConfig config = layer_.config();
  std::span<const double> sums = layer_.sums();
  std::span<const double> maxima = layer_.maxima();
  if (!HasOpenSequences(layer_)) {
    sums = sums.first(layer_.closed_sums());
    maxima = maxima.first(layer_.closed_maxima());
  }
  const int kind = manner_.kind.has_value() ? static_cast<int>(*manner_.kind) : -1;
  return nb::make_tuple(
      nb::make_tuple(config.heads, config.max_keys, config.max_batch, config.mean_matrix, config.tolerance_float32,
                     config.tolerance_half, config.saturation_bound, TupleOf(config.top_k)),
      nb::make_tuple(kind, manner_.causal, manner_.scale, manner_.soft_cap, manner_.row_options), BytesOf(sums),
      BytesOf(maxima));
}

void Accumulator::SetState(Accumulator* memory, const nb::tuple& state) {
  const auto config = nb::cast<nb::tuple>(state[0]);
  const auto manner = nb::cast<nb::tuple>(state[1]);
  auto* const made = new (memory) Accumulator({.heads = nb::cast<size_t>(config[0]),
                                               .max_keys = nb::cast<size_t>(config[1]),
                                               .max_batch = nb::cast<size_t>(config[2]),
                                               .mean_matrix = nb::cast<bool>(config[3]),
                                               .tolerance_float32 = nb::cast<double>(config[4]),
                                               .tolerance_half = nb::cast<double>(config[5]),
                                               .saturation_bound = nb::cast<double>(config[6]),
                                               .top_k = TopKOf(config[7])});
  try {
    Fill(nb::cast<nb::bytes>(state[2]), made->layer_.sums());
    Fill(nb::cast<nb::bytes>(state[3]), made->layer_.maxima());
    const int kind = nb::cast<int>(manner[0]);
    if (kind >= 0 && kind <= static_cast<int>(tools::AttentionKind::kQueriesKeys)) {
      made->manner_.kind = static_cast<tools::AttentionKind>(kind);
    }
    made->manner_.causal = nb::cast<bool>(manner[1]);
    made->manner_.scale = nb::cast<double>(manner[2]);
    made->manner_.soft_cap = nb::cast<double>(manner[3]);
    made->manner_.row_options = nb::cast<std::string>(manner[4]);
  } catch (...) {
    made->~Accumulator();
    throw;
  }
}

nb::bytes Accumulator::SaveState(int64_t layer, const std::string& stage, std::optional<int64_t> epoch) {
  if (layer < 0) Throw(PyExc_ValueError, "layer is " + std::to_string(layer) + ", expected a whole number >= 0");
  if (stage.size() > tools::kMaxStageBytes) {
    Throw(PyExc_ValueError, "stage has " + std::to_string(stage.size()) + " bytes, expected at most " +
                                std::to_string(tools::kMaxStageBytes));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  tools::MeasuredLayer measured;
  measured.layer = layer;
  measured.kind = manner_.kind;
  Check(LayerAccumulator::Create(layer_.config(), &measured.accumulator));
  Check(measured.accumulator.Merge(layer_));
  measured.accumulator.EndSequence();
  const LayerConfig config = layer_.config();
  tools::SavedState state;
  state.settings = {.causal = manner_.causal,
                    .mean_matrix = config.mean_matrix,
                    .row_options = manner_.row_options,
                    .scale = manner_.scale,
                    .soft_cap = manner_.soft_cap,
                    .tolerance_float32 = config.tolerance_float32,
                    .tolerance_half = config.tolerance_half,
                    .saturation_bound = config.saturation_bound,
                    .top_k = config.top_k,
                    .epoch = epoch,
                    .stage = stage};
  state.contents = tools::StateContents(config.top_k);
  state.layers.push_back(tools::SaveLayer(measured));
  const std::string bytes = tools::StateToBytes(state);
  return nb::bytes(bytes.data(), bytes.size());
}

void Accumulator::LoadState(Accumulator* memory, const nb::bytes& bytes, std::optional<int64_t> layer, size_t max_keys,
                            size_t max_batch) {
  tools::SavedState state = ReadState(bytes);
  tools::SavedLayer saved = LayerOf(state, layer);
  Check(tools::EndSequences(&saved));
  const tools::StateSettings& settings = state.settings;
  auto* const made = new (memory) Accumulator({.heads = saved.model_heads,
                                               .max_keys = max_keys,
                                               .max_batch = max_batch,
                                               .mean_matrix = settings.mean_matrix,
                                               .tolerance_float32 = settings.tolerance_float32,
                                               .tolerance_half = settings.tolerance_half,
                                               .saturation_bound = settings.saturation_bound,
                                               .top_k = settings.top_k});
  std::copy(saved.sums.begin(), saved.sums.end(), made->layer_.sums().begin());
  std::copy(saved.maxima.begin(), saved.maxima.end(), made->layer_.maxima().begin());
  made->manner_ = {.kind = saved.kind,
                   .causal = settings.causal,
                   .scale = settings.scale,
                   .soft_cap = settings.soft_cap,
                   .row_options = settings.row_options};
}

}  // namespace attnscope::python

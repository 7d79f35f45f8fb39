// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "c_interface/handles.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

static_assert(kNumMetrics == ATTNSCOPE_NUM_METRICS, "a metric is missing in attnscope_c.h");

// Runs `work` on the accumulator of a handle.
template <typename Work>
AttnscopeStatus With(AttnscopeAccumulator* handle, const Work& work) {
  return Guarded([&] { return handle == nullptr ? NullArgument("accumulator") : work(handle->accumulator); });
}

// Writes [num_metrics] of a layer and [num_heads, num_metrics] of its heads, metric i being metrics[i]; NaN for those
// behind them.
Status ReadStats(const LayerAccumulator& accumulator, const std::vector<Metric>& metrics, double* layer, double* heads,
                 size_t num_metrics, size_t num_heads) {
  constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();
  const LayerStats stats = accumulator.Stats();
  const auto write = [&](const MetricValues& values, double* out) {
    for (size_t i = 0; i < num_metrics; ++i) out[i] = i < metrics.size() ? values[metrics[i]] : kNotMeasured;
  };
  if (layer != nullptr) write(stats.layer, layer);
  if (heads == nullptr) return {};
  std::fill_n(heads, num_heads * num_metrics, kNotMeasured);
  for (size_t h = 0; h < std::min(num_heads, stats.heads.size()); ++h) write(stats.heads[h], heads + h * num_metrics);
  return {};
}

std::vector<Metric> IndexedMetrics() {
  std::vector<Metric> metrics;
  for (const MetricInfo& info : AllMetrics()) metrics.push_back(info.metric);
  return metrics;
}

std::vector<Metric> TopMassesOf(const TopKValues& top_k) {
  std::vector<Metric> metrics;
  for (const uint32_t k : top_k) metrics.push_back(TopMass(k));
  return metrics;
}

// Rows' outputs that may be null, read.
class OptionalRows {
 public:
  explicit OptionalRows(const AttnscopeRowOutputs* rows) : asked_for_(rows != nullptr) {
    if (asked_for_) status_ = Read("rows", rows, &outputs_);
  }
  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  const RowOutputs* get() const { return asked_for_ ? &outputs_ : nullptr; }

 private:
  bool asked_for_;
  Status status_;
  RowOutputs outputs_;
};

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeAccumulatorCreate(const AttnscopeLayerConfig* config, AttnscopeAccumulator** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    LayerConfig read;
    if (Status status = Read("config", config, &read); !status.ok()) return status;
    auto handle = std::make_unique<AttnscopeAccumulator>();
    if (Status status = LayerAccumulator::Create(read, &handle->accumulator); !status.ok()) return status;
    *out = handle.release();
    return {};
  });
}

void AttnscopeAccumulatorDestroy(AttnscopeAccumulator* accumulator) { delete accumulator; }

AttnscopeStatus AttnscopeAccumulatorConfig(const AttnscopeAccumulator* accumulator, AttnscopeLayerConfig* out) {
  return Guarded([&] {
    if (accumulator == nullptr) return NullArgument("accumulator");
    return WriteStruct("out", c_interface::ToC(accumulator->accumulator.config()), out);
  });
}

AttnscopeStatus AttnscopeAccumulatorAddWeights(AttnscopeAccumulator* accumulator, const AttnscopeAttentionView* weights,
                                               const AttnscopeMask* mask, const AttnscopeRunner* runner) {
  return AttnscopeAccumulatorAddWeightsWithRows(accumulator, weights, mask, runner, nullptr);
}

AttnscopeStatus AttnscopeAccumulatorAddLogits(AttnscopeAccumulator* accumulator, const AttnscopeAttentionView* logits,
                                              const AttnscopeSoftmaxParams* params, const AttnscopeRunner* runner) {
  return AttnscopeAccumulatorAddLogitsWithRows(accumulator, logits, params, runner, nullptr);
}

AttnscopeStatus AttnscopeAccumulatorAddQueriesKeys(AttnscopeAccumulator* accumulator, const AttnscopeQueryKeyView* view,
                                                   const AttnscopeSoftmaxParams* params,
                                                   const AttnscopeRunner* runner) {
  return AttnscopeAccumulatorAddQueriesKeysWithRows(accumulator, view, params, runner, nullptr);
}

AttnscopeStatus AttnscopeAccumulatorAddWeightsWithRows(AttnscopeAccumulator* accumulator,
                                                       const AttnscopeAttentionView* weights, const AttnscopeMask* mask,
                                                       const AttnscopeRunner* runner, const AttnscopeRowOutputs* rows) {
  return With(accumulator, [&](LayerAccumulator& to) -> Status {
    const CallOf<AttentionView, Mask> call("weights", weights, mask, runner);
    if (!call.ok()) return call.status;
    const OptionalRows outputs(rows);
    return outputs.ok() ? to.AddWeights(call.view, call.params, call.runner, outputs.get()) : outputs.status();
  });
}

AttnscopeStatus AttnscopeAccumulatorAddLogitsWithRows(AttnscopeAccumulator* accumulator,
                                                      const AttnscopeAttentionView* logits,
                                                      const AttnscopeSoftmaxParams* params,
                                                      const AttnscopeRunner* runner, const AttnscopeRowOutputs* rows) {
  return With(accumulator, [&](LayerAccumulator& to) -> Status {
    const CallOf<AttentionView, SoftmaxParams> call("logits", logits, params, runner);
    if (!call.ok()) return call.status;
    const OptionalRows outputs(rows);
    return outputs.ok() ? to.AddLogits(call.view, call.params, call.runner, outputs.get()) : outputs.status();
  });
}

AttnscopeStatus AttnscopeAccumulatorAddQueriesKeysWithRows(AttnscopeAccumulator* accumulator,
                                                           const AttnscopeQueryKeyView* view,
                                                           const AttnscopeSoftmaxParams* params,
                                                           const AttnscopeRunner* runner,
                                                           const AttnscopeRowOutputs* rows) {
  return With(accumulator, [&](LayerAccumulator& to) -> Status {
    const CallOf<QueryKeyView, SoftmaxParams> call("view", view, params, runner);
    if (!call.ok()) return call.status;
    const OptionalRows outputs(rows);
    return outputs.ok() ? to.AddQueriesKeys(call.view, call.params, call.runner, outputs.get()) : outputs.status();
  });
}

AttnscopeStatus AttnscopeMeasureWeightRows(const AttnscopeAttentionView* weights, const AttnscopeMask* mask,
                                           const AttnscopeRowOutputs* rows, const AttnscopeRunner* runner) {
  return Guarded([&]() -> Status {
    const CallOf<AttentionView, Mask> call("weights", weights, mask, runner);
    if (!call.ok()) return call.status;
    RowOutputs outputs;
    if (Status status = Read("rows", rows, &outputs); !status.ok()) return status;
    return MeasureRows(call.view, call.params, outputs, call.runner);
  });
}

AttnscopeStatus AttnscopeMeasureLogitRows(const AttnscopeAttentionView* logits, const AttnscopeSoftmaxParams* params,
                                          const AttnscopeRowOutputs* rows, const AttnscopeRunner* runner) {
  return Guarded([&]() -> Status {
    const CallOf<AttentionView, SoftmaxParams> call("logits", logits, params, runner);
    if (!call.ok()) return call.status;
    RowOutputs outputs;
    if (Status status = Read("rows", rows, &outputs); !status.ok()) return status;
    return MeasureLogitRows(call.view, call.params, outputs, call.runner);
  });
}

AttnscopeStatus AttnscopeMeasureQueryKeyRows(const AttnscopeQueryKeyView* view, const AttnscopeSoftmaxParams* params,
                                             const AttnscopeRowOutputs* rows, const AttnscopeRunner* runner) {
  return Guarded([&]() -> Status {
    const CallOf<QueryKeyView, SoftmaxParams> call("view", view, params, runner);
    if (!call.ok()) return call.status;
    RowOutputs outputs;
    if (Status status = Read("rows", rows, &outputs); !status.ok()) return status;
    return MeasureQueryKeyRows(call.view, call.params, outputs, call.runner);
  });
}

AttnscopeStatus AttnscopeAccumulatorReserve(AttnscopeAccumulator* accumulator, const AttnscopeRunner* runner) {
  return With(accumulator, [&](LayerAccumulator& to) -> Status {
    Runner read;
    Status status = Read("runner", runner, &read);
    return status.ok() ? to.Reserve(read) : status;
  });
}

AttnscopeStatus AttnscopeAccumulatorScratchBytes(const AttnscopeAccumulator* accumulator, const AttnscopeRunner* runner,
                                                 uint64_t* bytes) {
  return Guarded([&]() -> Status {
    if (accumulator == nullptr) return NullArgument("accumulator");
    if (bytes == nullptr) return NullArgument("bytes");
    Runner read;
    if (Status status = Read("runner", runner, &read); !status.ok()) return status;
    *bytes = accumulator->accumulator.ScratchBytes(read);
    return {};
  });
}

AttnscopeStatus AttnscopeAccumulatorAddResidual(AttnscopeAccumulator* accumulator,
                                                const AttnscopeActivationView* before,
                                                const AttnscopeActivationView* after) {
  return With(accumulator, [&](LayerAccumulator& to) -> Status {
    ActivationView views[2];
    Status status = Read("before", before, &views[0]);
    if (status.ok()) status = Read("after", after, &views[1]);
    return status.ok() ? to.AddResidual(views[0], views[1]) : status;
  });
}

AttnscopeStatus AttnscopeAccumulatorAddGradient(AttnscopeAccumulator* accumulator,
                                                const AttnscopeBufferView* gradient) {
  return With(accumulator, [&](LayerAccumulator& to) -> Status {
    BufferView view;
    Status status = Read("gradient", gradient, &view);
    return status.ok() ? to.AddGradient(view) : status;
  });
}

AttnscopeStatus AttnscopeAccumulatorEndSequences(AttnscopeAccumulator* accumulator) {
  return With(accumulator, [](LayerAccumulator& to) -> Status {
    to.EndSequence();
    return {};
  });
}

AttnscopeStatus AttnscopeAccumulatorEndSequence(AttnscopeAccumulator* accumulator, uint64_t sequence) {
  return With(accumulator, [&](LayerAccumulator& to) { return to.EndSequence(sequence); });
}

AttnscopeStatus AttnscopeAccumulatorEndSequenceWithColumns(AttnscopeAccumulator* accumulator, uint64_t sequence,
                                                           AttnscopeColumnReceiver receive, void* opaque) {
  if (receive == nullptr) return AttnscopeAccumulatorEndSequence(accumulator, sequence);
  struct Caller {
    AttnscopeColumnReceiver receive;
    void* opaque;
  } caller = {receive, opaque};
  const auto forward = [](void* to, size_t of_sequence, size_t head, std::span<const double> columns) {
    const auto* c = static_cast<const Caller*>(to);
    c->receive(c->opaque, of_sequence, head, columns.data(), columns.size());
  };
  return With(accumulator, [&](LayerAccumulator& to) { return to.EndSequence(sequence, {&caller, forward}); });
}

AttnscopeStatus AttnscopeAccumulatorColumnSums(const AttnscopeAccumulator* accumulator, uint64_t sequence,
                                               uint64_t head, double* columns, uint64_t keys) {
  return Guarded([&] {
    if (accumulator == nullptr) return NullArgument("accumulator");
    if (columns == nullptr && keys != 0) return NullArgument("columns");
    return accumulator->accumulator.ColumnSums(sequence, head, {columns, keys});
  });
}

uint64_t AttnscopeAccumulatorOpenKeys(const AttnscopeAccumulator* accumulator, uint64_t sequence, uint64_t head) {
  return accumulator == nullptr ? 0 : accumulator->accumulator.OpenKeys(sequence, head);
}

AttnscopeStatus AttnscopeAccumulatorReset(AttnscopeAccumulator* accumulator) {
  return With(accumulator, [](LayerAccumulator& to) -> Status {
    to.Reset();
    return {};
  });
}

AttnscopeStatus AttnscopeAccumulatorMerge(AttnscopeAccumulator* accumulator, const AttnscopeAccumulator* other) {
  return With(accumulator, [&](LayerAccumulator& to) {
    return other == nullptr ? NullArgument("other") : to.Merge(other->accumulator);
  });
}

AttnscopeStatus AttnscopeAccumulatorStats(const AttnscopeAccumulator* accumulator, double* layer, double* heads,
                                          size_t num_metrics, size_t num_heads) {
  return Guarded([&] {
    if (accumulator == nullptr) return NullArgument("accumulator");
    return ReadStats(accumulator->accumulator, IndexedMetrics(), layer, heads, num_metrics, num_heads);
  });
}

AttnscopeStatus AttnscopeAccumulatorTopMasses(const AttnscopeAccumulator* accumulator, double* layer, double* heads,
                                              size_t num_masses, size_t num_heads) {
  return Guarded([&] {
    if (accumulator == nullptr) return NullArgument("accumulator");
    const LayerAccumulator& from = accumulator->accumulator;
    return ReadStats(from, TopMassesOf(from.config().top_k), layer, heads, num_masses, num_heads);
  });
}

double* AttnscopeAccumulatorSums(AttnscopeAccumulator* accumulator, size_t* count, size_t* closed) {
  if (accumulator == nullptr) return nullptr;
  if (count != nullptr) *count = accumulator->accumulator.sums().size();
  if (closed != nullptr) *closed = accumulator->accumulator.closed_sums();
  return accumulator->accumulator.sums().data();
}

double* AttnscopeAccumulatorMaxima(AttnscopeAccumulator* accumulator, size_t* count, size_t* closed) {
  if (accumulator == nullptr) return nullptr;
  if (count != nullptr) *count = accumulator->accumulator.maxima().size();
  if (closed != nullptr) *closed = accumulator->accumulator.closed_maxima();
  return accumulator->accumulator.maxima().data();
}

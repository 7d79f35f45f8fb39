// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <string_view>

#include "c_interface/fields.h"
#include "c_interface/handles.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

template <typename Work>
AttnscopeStatus With(AttnscopeMonitor* handle, const Work& work) {
  return Guarded([&] { return handle == nullptr ? NullArgument("monitor") : work(handle->monitor); });
}

AttnscopeMonitorConfig DefaultConfig() {
  const MonitorConfig defaults;
  AttnscopeMonitorConfig config = {};
  config.struct_size = sizeof(config);
  config.stagger_layers = defaults.stagger_layers ? 1 : 0;
  config.layers = defaults.layers;
  config.first_layer = defaults.first_layer;
  config.lanes = defaults.lanes;
  config.every_steps = defaults.every_steps;
  config.budget = defaults.budget;
  config.window_steps = defaults.window_steps;
  config.window_tokens = defaults.window_tokens;
  config.stage = "serve";
  config.per_head = defaults.per_head ? 1 : 0;
  config.worsen_windows = defaults.worsen_windows;
  config.recover_windows = defaults.recover_windows;
  config.recover_margin = defaults.recover_margin;
  return config;
}

void OnWindow(void* opaque, std::string_view line) {
  const auto& handle = *static_cast<const AttnscopeMonitor*>(opaque);
  // The monitor's lines are strings, with a zero byte behind them.
  handle.on_window(handle.opaque, line.data(), line.size());
}

void OnChange(void* opaque, const VerdictChange& change) {
  const auto& handle = *static_cast<const AttnscopeMonitor*>(opaque);
  const AttnscopeVerdict verdict = ToC(change.verdict);
  AttnscopeVerdictChange out = {};
  out.struct_size = sizeof(out);
  out.from = static_cast<int32_t>(change.from);
  out.to = static_cast<int32_t>(change.to);
  out.window = change.window;
  out.step = change.step;
  out.verdict = &verdict;
  handle.on_change(handle.opaque, &out);
}

uint64_t Now(void* opaque) {
  const auto& handle = *static_cast<const AttnscopeMonitor*>(opaque);
  return handle.now_nanoseconds(handle.opaque);
}

// Reads all but the callbacks.
Status ReadConfig(const AttnscopeMonitorConfig& in, MonitorConfig* out) {
  if (Status status = CheckReserved("config", in.reserved); !status.ok()) return status;
  if (Status status = ReadFlag("config", "stagger_layers", in.stagger_layers, &out->stagger_layers); !status.ok()) {
    return status;
  }
  if (Status status = ReadFlag("config", "per_head", in.per_head, &out->per_head); !status.ok()) return status;
  if (Status status = Read("config->layer", in.layer, &out->layer); !status.ok()) return status;
  if (Status status = Read("config->thresholds", in.thresholds, &out->thresholds); !status.ok()) return status;
  if (in.watched_layers == nullptr && in.num_watched_layers != 0) return NullArgument("config->watched_layers");
  if (in.num_watched_layers > in.layers) {
    return {StatusCode::kInvalidArgument, "config->num_watched_layers is " + std::to_string(in.num_watched_layers) +
                                              ", of " + std::to_string(in.layers) + " layers"};
  }
  out->watched_layers.assign(in.watched_layers, in.watched_layers + in.num_watched_layers);
  out->layers = in.layers;
  out->first_layer = in.first_layer;
  out->lanes = in.lanes;
  out->every_steps = in.every_steps;
  out->budget = in.budget;
  out->window_steps = in.window_steps;
  out->window_tokens = in.window_tokens;
  out->stage = in.stage == nullptr ? "" : in.stage;
  out->worsen_windows = in.worsen_windows;
  out->recover_windows = in.recover_windows;
  out->recover_margin = in.recover_margin;
  if (in.baseline != nullptr) out->baseline = &in.baseline->baseline;
  out->baseline_windows = in.baseline_windows;
  return {};
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeMonitorConfigDefaults(AttnscopeMonitorConfig* config) {
  return Guarded([&] { return WriteStruct("config", DefaultConfig(), config); });
}

AttnscopeStatus AttnscopeMonitorCreate(const AttnscopeMonitorConfig* config, AttnscopeMonitor** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    AttnscopeMonitorConfig in = DefaultConfig();
    if (Status status = ReadStruct("config", config, &in); !status.ok()) return status;
    auto handle = std::make_unique<AttnscopeMonitor>();
    MonitorConfig read;
    if (Status status = ReadConfig(in, &read); !status.ok()) return status;
    handle->opaque = in.opaque;
    handle->on_window = in.on_window;
    handle->on_change = in.on_change;
    handle->now_nanoseconds = in.now_nanoseconds;
    read.opaque = handle.get();
    if (in.on_window != nullptr) read.on_window = &OnWindow;
    if (in.on_change != nullptr) read.on_change = &OnChange;
    if (in.now_nanoseconds != nullptr) read.now_nanoseconds = &Now;
    if (Status status = AttentionMonitor::Create(read, &handle->monitor); !status.ok()) return status;
    *out = handle.release();
    return {};
  });
}

void AttnscopeMonitorDestroy(AttnscopeMonitor* monitor) { delete monitor; }

int AttnscopeMonitorShouldSample(const AttnscopeMonitor* monitor, uint64_t layer, uint64_t step) {
  return monitor != nullptr && monitor->monitor.ShouldSample(layer, step) ? 1 : 0;
}

AttnscopeStatus AttnscopeMonitorAddWeights(AttnscopeMonitor* monitor, uint64_t layer,
                                           const AttnscopeAttentionView* weights, const AttnscopeMask* mask,
                                           const AttnscopeRunner* runner) {
  return With(monitor, [&](AttentionMonitor& to) -> Status {
    const CallOf<AttentionView, Mask> call("weights", weights, mask, runner);
    return call.ok() ? to.AddWeights(layer, call.view, call.params, call.runner) : call.status;
  });
}

AttnscopeStatus AttnscopeMonitorAddLogits(AttnscopeMonitor* monitor, uint64_t layer,
                                          const AttnscopeAttentionView* logits, const AttnscopeSoftmaxParams* params,
                                          const AttnscopeRunner* runner) {
  return With(monitor, [&](AttentionMonitor& to) -> Status {
    const CallOf<AttentionView, SoftmaxParams> call("logits", logits, params, runner);
    return call.ok() ? to.AddLogits(layer, call.view, call.params, call.runner) : call.status;
  });
}

AttnscopeStatus AttnscopeMonitorAddQueriesKeys(AttnscopeMonitor* monitor, uint64_t layer,
                                               const AttnscopeQueryKeyView* view, const AttnscopeSoftmaxParams* params,
                                               const AttnscopeRunner* runner) {
  return With(monitor, [&](AttentionMonitor& to) -> Status {
    const CallOf<QueryKeyView, SoftmaxParams> call("view", view, params, runner);
    return call.ok() ? to.AddQueriesKeys(layer, call.view, call.params, call.runner) : call.status;
  });
}

AttnscopeStatus AttnscopeMonitorAddResidual(AttnscopeMonitor* monitor, uint64_t layer,
                                            const AttnscopeActivationView* before,
                                            const AttnscopeActivationView* after) {
  return With(monitor, [&](AttentionMonitor& to) -> Status {
    ActivationView views[2];
    Status status = Read("before", before, &views[0]);
    if (status.ok()) status = Read("after", after, &views[1]);
    return status.ok() ? to.AddResidual(layer, views[0], views[1]) : status;
  });
}

AttnscopeStatus AttnscopeMonitorAddGradient(AttnscopeMonitor* monitor, uint64_t layer,
                                            const AttnscopeBufferView* gradient) {
  return With(monitor, [&](AttentionMonitor& to) -> Status {
    BufferView view;
    Status status = Read("gradient", gradient, &view);
    return status.ok() ? to.AddGradient(layer, view) : status;
  });
}

AttnscopeStatus AttnscopeMonitorReserve(AttnscopeMonitor* monitor, const AttnscopeRunner* runner) {
  return With(monitor, [&](AttentionMonitor& to) -> Status {
    Runner read;
    Status status = Read("runner", runner, &read);
    return status.ok() ? to.Reserve(read) : status;
  });
}

AttnscopeStatus AttnscopeMonitorEndSequence(AttnscopeMonitor* monitor, uint64_t sequence) {
  return With(monitor, [&](AttentionMonitor& to) { return to.EndSequence(sequence); });
}

AttnscopeStatus AttnscopeMonitorEndStep(AttnscopeMonitor* monitor, uint64_t step, uint64_t tokens) {
  return With(monitor, [&](AttentionMonitor& to) { return to.EndStep(step, tokens); });
}

AttnscopeStatus AttnscopeMonitorCloseWindow(AttnscopeMonitor* monitor) {
  return With(monitor, [](AttentionMonitor& to) { return to.CloseWindow(); });
}

AttnscopeStatus AttnscopeMonitorMergeInto(const AttnscopeMonitor* monitor, uint64_t layer,
                                          AttnscopeAccumulator* accumulator) {
  return Guarded([&] {
    if (monitor == nullptr) return NullArgument("monitor");
    if (accumulator == nullptr) return NullArgument("accumulator");
    return monitor->monitor.MergeInto(layer, &accumulator->accumulator);
  });
}

// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "attnscope/dlpack.h"
#include "attnscope/report.h"

namespace example {
namespace {

using attnscope::Status;

// Flushed, as a run is followed while it trains, and may end at any step.
void WriteLine(std::FILE* file, std::string_view line) {
  std::fprintf(file, "%.*s\n", static_cast<int>(line.size()), line.data());
  std::fflush(file);
}

// A verdict that came, went or changed. That of a layer whose heads differ names the head.
void PrintChange(const attnscope::VerdictChange& change) {
  const std::string_view from = NameOf(change.from);
  const std::string_view to = NameOf(change.to);
  std::printf("step %4llu  %.*s -> %.*s: %s\n", static_cast<unsigned long long>(change.step),
              static_cast<int>(from.size()), from.data(), static_cast<int>(to.size()), to.data(),
              change.verdict.message.c_str());
}

Status Open(const std::string& path, std::FILE** out) {
  *out = std::fopen(path.c_str(), "w");
  if (*out != nullptr) return {};
  return {attnscope::StatusCode::kInvalidArgument, "cannot write " + path};
}

}  // namespace

Status Watch::Start(const std::string& folder, uint64_t every_steps) {
  std::FILE* file = nullptr;
  if (Status status = Open(folder + "/records.jsonl", &file); !status.ok()) return status;
  records_.reset(file);
  if (Status status = Open(folder + "/reports.jsonl", &file); !status.ok()) return status;
  reports_.reset(file);

  layer_config_ = {.heads = kHeads, .max_keys = kContext, .max_batch = kBatch};
  attnscope::MonitorConfig config = {.layers = kLayers, .layer = layer_config_};
  config.every_steps = every_steps;
  config.window_steps = 0;  // EndStep closes the window after each watched step
  config.stage = "train";
  config.per_head = true;
  config.opaque = records_.get();
  config.on_window = [](void* records, std::string_view line) { WriteLine(static_cast<std::FILE*>(records), line); };
  config.on_change = [](void*, const attnscope::VerdictChange& change) { PrintChange(change); };
  return attnscope::AttentionMonitor::Create(config, &monitor_);
}

Status Watch::Feed(const LayerTensors& tensors) {
  attnscope::QueryKeyView view;
  Status status = attnscope::QueriesKeysFromDLPack(*tensors.queries, *tensors.keys, &view);
  if (status.ok()) status = monitor_.AddQueriesKeys(tensors.layer, view, {.mask = {.causal = true}});
  attnscope::ActivationView before;
  attnscope::ActivationView after;
  if (status.ok()) status = attnscope::ActivationFromDLPack(*tensors.before, &before);
  if (status.ok()) status = attnscope::ActivationFromDLPack(*tensors.after, &after);
  return status.ok() ? monitor_.AddResidual(tensors.layer, before, after) : status;
}

Status Watch::FeedGradient(size_t layer, const DLTensor& gradient) {
  attnscope::BufferView view;
  Status status = attnscope::BufferFromDLPack(gradient, &view);
  return status.ok() ? monitor_.AddGradient(layer, view) : status;
}

Observer Watch::MakeObserver() {
  Observer observer;
  observer.show = [this](const LayerTensors& tensors) {
    if (status_.ok()) status_ = Feed(tensors);
  };
  observer.show_gradient = [this](size_t layer, const DLTensor& gradient) {
    if (status_.ok()) status_ = FeedGradient(layer, gradient);
  };
  return observer;
}

// What the open window holds of all layers, as one report.
Status Watch::WriteReport(uint64_t step) {
  attnscope::Report report;
  report.stage = "train";
  report.step = static_cast<int64_t>(step);
  for (size_t i = 0; i < kLayers; ++i) {
    attnscope::LayerAccumulator layer;
    Status status = attnscope::LayerAccumulator::Create(layer_config_, &layer);
    if (status.ok()) status = monitor_.MergeInto(i, &layer);
    if (!status.ok()) return status;
    report.Layer(static_cast<int64_t>(i)).stats = layer.Stats();
  }
  std::string json = attnscope::ReportToJson(report);
  std::replace(json.begin(), json.end(), '\n', ' ');  // JSON's own; those of strings are escaped
  WriteLine(reports_.get(), json);
  return {};
}

Status Watch::EndStep(uint64_t step) {
  const bool is_watched = IsWatched(step);
  Status status = std::exchange(status_, {});
  // The sequences of a training step end with it.
  for (size_t i = 0; is_watched && status.ok() && i < kBatch; ++i) status = monitor_.EndSequence(i);
  if (is_watched && status.ok()) status = WriteReport(step);
  if (status.ok()) status = monitor_.EndStep(step, kBatch * kContext);
  return is_watched && status.ok() ? monitor_.CloseWindow() : status;
}

}  // namespace example

// SPDX-License-Identifier: Apache-2.0
#include "monitor/monitor_state.h"

#include <cmath>
#include <limits>
#include <utility>

#include "attnscope/baseline.h"
#include "attnscope/limits.h"
#include "kernels/accumulator/view_checks.h"

namespace attnscope {
namespace {

Status Invalid(const char* name, const std::string& value, const std::string& expected) {
  return {StatusCode::kInvalidArgument, std::string(name) + " is " + value + ", expected " + expected};
}

Status CheckConfig(const MonitorConfig& config) {
  if (config.layers < 1 || config.layers > kMaxLayers) {
    return Invalid("layers", std::to_string(config.layers), "1 to " + std::to_string(kMaxLayers));
  }
  if (config.first_layer < 0 || config.first_layer > std::numeric_limits<int64_t>::max() - int64_t{kMaxLayers}) {
    return Invalid("first_layer", std::to_string(config.first_layer), "0 to 2^63 - 1 - " + std::to_string(kMaxLayers));
  }
  for (const size_t layer : config.watched_layers) {
    if (layer < config.layers) continue;
    return Invalid("watched_layers", std::to_string(layer), "layers below `layers`");
  }
  if (config.lanes < 1 || config.lanes > kMaxMonitorLanes) {
    return Invalid("lanes", std::to_string(config.lanes), "1 to " + std::to_string(kMaxMonitorLanes));
  }
  if (config.every_steps < 1) return Invalid("every_steps", "0", "1 or more");
  if (!(config.budget >= 0.0 && config.budget <= 1.0)) {
    return Invalid("budget", std::to_string(config.budget), "a share from 0 to 1");
  }
  if (config.baseline_windows > kMaxBaselineWindows) {
    return Invalid("baseline_windows", std::to_string(config.baseline_windows),
                   "at most " + std::to_string(kMaxBaselineWindows));
  }
  if (config.baseline != nullptr && config.baseline_windows != 0) {
    return {StatusCode::kInvalidArgument, "baseline and baseline_windows are both set: a layer has one baseline"};
  }
  if (config.worsen_windows < 1) return Invalid("worsen_windows", "0", "1 or more");
  if (config.recover_windows < 1) return Invalid("recover_windows", "0", "1 or more");
  if (!(config.recover_margin >= 0.0 && config.recover_margin <= 1.0)) {
    return Invalid("recover_margin", std::to_string(config.recover_margin), "a share from 0 to 1");
  }
  return {};
}

double UnixTime() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) / 1e3;
}

// A baseline of another model is an error, as is one without any watched layer.
Status CheckBaselineOf(const MonitorConfig& config, const std::vector<bool>& watched) {
  if (config.baseline == nullptr) return {};
  Report report;
  for (size_t i = 0; i < watched.size(); ++i) {
    if (!watched[i]) continue;
    report.layers.push_back({.layer = config.first_layer + static_cast<int64_t>(i), .stats = {}});
    report.layers.back().stats.heads.resize(config.layer.mean_matrix ? 1 : config.layer.heads);
  }
  const Status status = CheckBaseline(report, *config.baseline);
  return status.ok() ? status : Status(status.code(), "baseline: " + status.message());
}

}  // namespace

Status AttentionMonitor::State::Create() {
  if (Status status = CheckConfig(config_); !status.ok()) return status;
  std::vector<bool> watched(config_.layers, config_.watched_layers.empty());
  for (const size_t layer : config_.watched_layers) watched[layer] = true;
  if (Status status = CheckBaselineOf(config_, watched); !status.ok()) return status;
  layers_.resize(config_.layers);
  for (size_t i = 0; i < config_.layers; ++i) {
    if (!watched[i]) continue;
    layers_[i] = std::make_unique<Layer>(config_, config_.first_layer + static_cast<int64_t>(i));
    if (Status status = layers_[i]->watched.Create(config_.layer, config_.lanes); !status.ok()) return status;
  }
  if (!schedule_.Create(config_.layers, watched, config_.every_steps, config_.stagger_layers)) {
    return {StatusCode::kOutOfMemory, "no memory for " + std::to_string(config_.layers) + " layers"};
  }
  window_.stage = config_.stage;
  window_begin_ = Now();
  budget_.Start(window_begin_);
  return {};
}

Status AttentionMonitor::State::NotWatched(size_t layer) const {
  const std::string text = "layer is " + std::to_string(layer);
  if (layer < layers_.size()) return {StatusCode::kOutOfRange, text + ", which is not among watched_layers"};
  return {StatusCode::kOutOfRange, text + ", the monitor was made for " + std::to_string(layers_.size())};
}

Status AttentionMonitor::State::FeedGradient(size_t layer, const BufferView& gradient) {
  Status status = Timed(layer, [&](WatchedLayer& watched) {
    return watched.FeedGradient(gradient, [&] { return CheckBuffer(gradient); });
  });
  if (status.ok()) has_gradients_.store(true, std::memory_order_release);
  return status;
}

Status AttentionMonitor::State::Reserve(const Runner& runner) {
  for (const std::unique_ptr<Layer>& layer : layers_) {
    if (layer == nullptr) continue;
    if (Status status = layer->watched.Reserve(runner); !status.ok()) return status;
  }
  return {};
}

Status AttentionMonitor::State::EndSequence(size_t sequence) {
  for (const std::unique_ptr<Layer>& layer : layers_) {
    if (layer == nullptr) continue;
    if (Status status = layer->watched.EndSequence(sequence); !status.ok()) return status;
  }
  return {};
}

bool AttentionMonitor::State::IsComplete(uint64_t step) const {
  if (config_.window_tokens != 0 && window_.tokens >= config_.window_tokens) return true;
  return config_.window_steps != 0 && step >= window_end_step_ - 1;
}

void AttentionMonitor::State::EndStep(uint64_t step, uint64_t tokens) {
  if (schedule_.IsDue(step)) {
    const bool postpone = budget_.limited() && budget_.Exceeded(spent_.load(std::memory_order_relaxed), Now());
    schedule_.Advance(step, postpone);
  } else {
    schedule_.Skip(step);
  }
  if (has_gradients_.load(std::memory_order_relaxed) && has_gradients_.exchange(false, std::memory_order_acquire)) {
    for (const std::unique_ptr<Layer>& layer : layers_) {
      if (layer != nullptr) layer->watched.EndStep();
    }
  }
  if (window_.steps == 0 || step < window_.last_step) {
    if (window_.steps == 0) window_.first_step = step;
    // Zero, of a step near 2^64, wraps around to the last step there is.
    if (config_.window_steps != 0) window_end_step_ = (step / config_.window_steps + 1) * config_.window_steps;
  }
  window_.last_step = step;
  window_.steps += 1;
  window_.tokens += tokens;
  if (IsComplete(step)) CloseWindow();
}

void AttentionMonitor::State::CloseWindow() {
  const uint64_t now = Now();
  const uint64_t spent = spent_.exchange(0, std::memory_order_relaxed);
  window_.time = UnixTime();
  window_.overhead = static_cast<double>(spent) / static_cast<double>(now - window_begin_);
  if (std::isinf(window_.overhead)) window_.overhead = std::numeric_limits<double>::quiet_NaN();
  budget_.EndWindow(spent, now);
  // Before the reports, so that the next window has begun also if one of them finds no memory.
  const WindowInfo closed = std::exchange(
      window_, {.time = 0.0, .stage = config_.stage, .window = window_.window + 1, .first_step = 0, .last_step = 0});
  window_begin_ = now;
  for (const std::unique_ptr<Layer>& layer : layers_) {
    if (layer != nullptr) ReportLayer(closed, *layer);
  }
}

void AttentionMonitor::State::ReportLayer(const WindowInfo& info, Layer& layer) {
  WatchedLayer::Window window = layer.watched.Take();
  // A window without a step and without a call is none; one in which this layer was not fed is a record that says so.
  if (window.samples == 0 && window.late == 0 && window.refused == 0 && info.steps == 0) return;
  const size_t index = static_cast<size_t>(layer.report_index - config_.first_layer);
  const LayerCounts counts = {window.samples, window.late, window.refused, schedule_.TakePostponed(index),
                              window.left_out_rows};
  Report report;
  report.layers.push_back({.layer = layer.report_index, .stats = std::move(window.stats)});
  const Diagnosis diagnosis = layer.baseline.JudgeWindow(report, config_.thresholds);
  if (config_.on_window != nullptr) {
    config_.on_window(config_.opaque, WindowRecord(info, counts, report.layers.front(),
                                                   window.samples == 0 ? Diagnosis() : diagnosis, config_.per_head));
  }
  std::vector<VerdictChange> changes;
  layer.tracker.Update(report, diagnosis, layer.baseline.get(), &changes);
  if (window.samples > 0) layer.baseline.Add(report);  // a window without any is no part of a baseline
  for (VerdictChange& change : changes) {
    change.window = info.window;
    change.step = info.last_step;
    if (config_.on_change != nullptr) config_.on_change(config_.opaque, change);
  }
}

Status AttentionMonitor::State::MergeInto(size_t layer, LayerAccumulator* out) const {
  if (layer >= layers_.size() || layers_[layer] == nullptr) return NotWatched(layer);
  return layers_[layer]->watched.MergeInto(out);
}

}  // namespace attnscope

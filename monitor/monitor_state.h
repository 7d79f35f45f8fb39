// SPDX-License-Identifier: Apache-2.0
//
// What is behind an AttentionMonitor.
#ifndef ATTNSCOPE_MONITOR_MONITOR_STATE_H_
#define ATTNSCOPE_MONITOR_MONITOR_STATE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "monitor/layer_baseline.h"
#include "monitor/sample_schedule.h"
#include "monitor/verdict_tracker.h"
#include "monitor/watched_layer.h"
#include "monitor/window_record.h"

namespace attnscope {

class ATTNSCOPE_NO_EXPORT AttentionMonitor::State {
 public:
  explicit State(const MonitorConfig& config) : config_(config), budget_(config.budget) {}

  // Allocates everything that feeding needs. May throw std::bad_alloc.
  Status Create();

  const std::atomic<uint64_t>* next_samples() const { return schedule_.next_samples(); }

  // Calls `add(accumulator)` with a free one of the layer's, and counts the time that it takes; `check(config)` where
  // there is none.
  template <typename Add, typename Check>
  Status Feed(size_t layer, size_t preferred_lane, const Add& add, const Check& check) {
    return Timed(layer, [&](WatchedLayer& watched) {
      return watched.Feed(preferred_lane, add, [&] { return check(config_.layer); });
    });
  }

  Status FeedGradient(size_t layer, const BufferView& gradient);

  void CountRefused(size_t layer) {
    if (layer < layers_.size() && layers_[layer] != nullptr) layers_[layer]->watched.Refuse();
  }

  void CountLeftOut(size_t layer, uint64_t rows) {
    if (layer < layers_.size() && layers_[layer] != nullptr) layers_[layer]->watched.LeaveOut(rows);
  }

  Status Reserve(const Runner& runner);
  Status EndSequence(size_t sequence);
  // Both may throw std::bad_alloc.
  void EndStep(uint64_t step, uint64_t tokens);
  void CloseWindow();
  Status MergeInto(size_t layer, LayerAccumulator* out) const;

 private:
  struct Layer {
    Layer(const MonitorConfig& config, int64_t index)
        : report_index(index), baseline(config, index), tracker(config, index) {}
    WatchedLayer watched;
    int64_t report_index;
    LayerBaseline baseline;
    VerdictTracker tracker;
  };

  // Feeds a layer, and counts the time that it takes.
  template <typename Work>
  Status Timed(size_t layer, const Work& work) {
    if (layer >= layers_.size() || layers_[layer] == nullptr) return NotWatched(layer);
    const uint64_t begin = Now();
    Status status = work(layers_[layer]->watched);
    spent_.fetch_add(Now() - begin, std::memory_order_relaxed);
    return status;
  }

  Status NotWatched(size_t layer) const;
  uint64_t Now() const {
    if (config_.now_nanoseconds != nullptr) return config_.now_nanoseconds(config_.opaque);
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
  }
  bool IsComplete(uint64_t step) const;
  void ReportLayer(const WindowInfo& info, Layer& layer);

  const MonitorConfig config_;
  std::vector<std::unique_ptr<Layer>> layers_;  // null: not watched
  SampleSchedule schedule_;
  SampleBudget budget_;
  std::atomic<bool> has_gradients_{false};  // some layer's step has one
  std::atomic<uint64_t> spent_{0};          // nanoseconds of this window's samples
  uint64_t window_begin_ = 0;               // by Now()
  uint64_t window_end_step_ = 0;            // the step before which it ends, once a step has ended in it
  WindowInfo window_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_MONITOR_MONITOR_STATE_H_

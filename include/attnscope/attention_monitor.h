// SPDX-License-Identifier: Apache-2.0
//
// What an inference engine embeds and forgets: samples some steps, and reports each window of steps as one JSON line a
// layer (docs/monitor.md has the schema) and as verdicts that change. Example:
//
//   attnscope::AttentionMonitor monitor;
//   attnscope::MonitorConfig config = {.layers = 32, .layer = {.heads = 32, .max_keys = 8192, .max_batch = 16}};
//   config.on_window = [](void*, std::string_view line) { Telemetry(line); };
//   attnscope::Status status = attnscope::AttentionMonitor::Create(config, &monitor);
//   for (uint64_t step = 0;; ++step) {
//     for (size_t layer = 0; layer < 32; ++layer) {
//       ...  // on the engine's own threads:
//       if (monitor.ShouldSample(layer, step)) status = monitor.AddWeights(layer, view, mask);
//     }
//     status = monitor.EndStep(step, tokens);
//     if (request_has_ended) status = monitor.EndSequence(sequence);  // before another one takes its place
//   }
//
// `mask` is {.causal = true}: the last query sees the last key, whatever the KV cache holds. With a causal_offset of 0
// a decode step would see key 0 alone.
#ifndef ATTNSCOPE_ATTENTION_MONITOR_H_
#define ATTNSCOPE_ATTENTION_MONITOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "attnscope/export.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"

namespace attnscope {

// A verdict that came, went, or changed its severity.
struct VerdictChange {
  Severity from = Severity::kHealthy;
  Severity to = Severity::kHealthy;
  uint64_t window = 0;  // that brought the change
  uint64_t step = 0;    // its last one
  // Of severity `to`. Where that is kHealthy, metric, value and bound are those of the verdict that has ended.
  Verdict verdict;
};

// What a monitor watches, when it samples, and whom it tells.
struct MonitorConfig {
  // The model.
  size_t layers = 0;                        // that this process runs, 1 to kMaxLayers
  int64_t first_layer = 0;                  // index in the model of the first of them, >= 0: that of a pipeline's stage
  std::vector<size_t> watched_layers = {};  // counted from 0 here; empty: all
  LayerConfig layer = {};                   // heads, most keys and most sequences at once (max_batch) of each layer
  // Threads that may feed one layer at the same time, 1 to kMaxMonitorLanes. Each costs a layer's state: address space
  // for 20 bytes a key, head and sequence, and for 4 bytes a key of scratch, of which only what is used becomes memory;
  // and 0.25 MB of scratch of a fixed size.
  size_t lanes = 1;

  // When to sample: steps that are multiples of `every_steps`, at least 1. Staggered, layer l instead samples steps
  // whose remainder is l's, so that the cost spreads over all steps.
  uint64_t every_steps = 16;
  bool stagger_layers = false;
  // Share of wall time, over all layers, that sampling may take: 0.01 is 1 %. While it is exceeded, samples are
  // postponed by `every_steps`; staggered layers wait in line instead, so that all get about as many samples. 0: no
  // limit. The first sample always happens.
  double budget = 0.0;

  // A window ends before each step that is a multiple of `window_steps`, or with the step that brings its tokens to
  // `window_tokens`, whichever is first; 0: not by this. With both 0 only CloseWindow ends it. Where steps skip over
  // the end of a window, the next step still belongs to it.
  uint64_t window_steps = 256;
  uint64_t window_tokens = 0;

  // What windows tell.
  std::string stage = "serve";  // copied into each record
  bool per_head = false;        // records hold each head's metrics
  Thresholds thresholds = {};
  // What windows are compared with as Judge does, besides the thresholds; null: nothing. It is copied. Errors of
  // Create: those of CheckBaseline.
  const Baseline* baseline = nullptr;
  // Or each layer's own first windows that had samples, at most kMaxBaselineWindows; 0: no. They are taken to be
  // healthy: what they are ill of is then usual, and its verdicts end.
  size_t baseline_windows = 0;

  // Hysteresis of the verdicts' changes. A severity rises when `worsen_windows` windows in a row are beyond its bound,
  // and falls when `recover_windows` in a row are within it by `recover_margin`, a share of the bound. Windows that did
  // not measure the metric count for neither. Both at least 1; the margin from 0 to 1.
  uint32_t worsen_windows = 1;
  uint32_t recover_windows = 2;
  double recover_margin = 0.05;

  // Called by EndStep and CloseWindow, on their thread, with `opaque`; either may be null. The line has no newline, and
  // it and the change last as long as the call. They must not throw, nor call this monitor.
  void* opaque = nullptr;
  void (*on_window)(void* opaque, std::string_view json_line) = nullptr;
  void (*on_change)(void* opaque, const VerdictChange& change) = nullptr;
  // The clock of the budget, in nanoseconds, never going back; called from the threads that feed. Null: the steady
  // clock of the C++ library, which is no system call on Linux.
  uint64_t (*now_nanoseconds)(void* opaque) = nullptr;
};

// Samples an engine's steps, reports windows of them, and tells when verdicts change.
//
// Threads: ShouldSample and the Add calls may run on any number of threads at once, also for one layer. They allocate
// nothing, take no lock, never wait and make no system call (but a call that fails allocates its message, and the first
// that brings a larger Runner than before, or logits, makes room for it unless Reserve did). Where more threads than
// lanes feed one layer, the rows of those that come too late are not measured; the window's record counts them.
// EndStep, EndSequence, CloseWindow and MergeInto are for one thread at a time; they may run while others feed, and
// wait for each lane's feeder to finish its call. Rows that arrive in the meantime for a lane that is being read count
// as too late.
class ATTNSCOPE_EXPORT AttentionMonitor {
 public:
  // An empty monitor: samples nothing until it is assigned one from Create.
  AttentionMonitor();
  AttentionMonitor(AttentionMonitor&&) noexcept;
  AttentionMonitor& operator=(AttentionMonitor&&) noexcept;
  // Ends without closing the open window.
  ~AttentionMonitor();

  // Errors: those of LayerAccumulator::Create, kInvalidArgument for another value beyond its range, kOutOfMemory;
  // `*out` is then unchanged.
  static Status Create(const MonitorConfig& config, AttentionMonitor* out);

  // Whether this step of this layer should be fed: a load and a compare. True from the next step of the schedule on,
  // until EndStep moves on to the one after; false for layers that are not watched or not there. The last step that
  // there can be is 2^64 - 2.
  bool ShouldSample(size_t layer, uint64_t step) const {
    return layer < layers_ && step >= next_sample_[layer].load(std::memory_order_relaxed);
  }

  // As those of LayerAccumulator, for a layer counted from 0 here; what they are given is measured, due or not. Errors:
  // theirs, and kOutOfRange for a layer that is not watched. On failure nothing is added. A call that finds no free
  // lane is late, if its arguments make sense. What a runner throws passes through.
  Status AddWeights(size_t layer, const AttentionView& weights, const Mask& mask = {}, const Runner& runner = {});
  Status AddLogits(size_t layer, const AttentionView& logits, const SoftmaxParams& params = {},
                   const Runner& runner = {});
  Status AddQueriesKeys(size_t layer, const QueryKeyView& view, const SoftmaxParams& params = {},
                        const Runner& runner = {});
  Status AddResidual(size_t layer, const ActivationView& before, const ActivationView& after);
  Status AddGradient(size_t layer, const BufferView& gradient);

  // Counts a sample that its caller could not take, such as a tensor that it cannot read: the window's record says so.
  // Calls that fail are counted as well. Does nothing for layers that are not watched. From any thread.
  void CountRefused(size_t layer);

  // Counts rows that its caller left out of a sample on purpose, such as most of a prompt's: the window's record says
  // how many. Does nothing for layers that are not watched. From any thread.
  void CountLeftOut(size_t layer, uint64_t rows);

  // Allocates now, for all layers, what AddLogits and AddQueriesKeys with this runner would allocate in their first
  // call. Not while others feed. Errors: kOutOfMemory.
  Status Reserve(const Runner& runner = {});

  // Ends one sequence in all layers: a request that is complete, whose place another may take. No thread may be feeding
  // this sequence. Errors: kOutOfRange. O(layers * heads * max_keys).
  Status EndSequence(size_t sequence);

  // To be called once after each step, from one thread, when no thread will ask about this step any more. Plans the
  // next sample, and closes the window if this step completes it. Steps may skip numbers; a smaller one than before
  // starts the schedule anew. Cheap (a few compares) on most steps; at a sampled one O(layers). Errors: as CloseWindow.
  Status EndStep(uint64_t step, uint64_t tokens = 1);

  // Closes the window now: folds what it holds, reports it, and begins the next. Sequences stay open for the engine,
  // but the columns of each window are its own. A watched layer that was not fed has a record too, of 0 samples.
  // O(layers * heads * max_keys). Errors: kOutOfMemory; what the window held of the layer that found none is then lost,
  // and that of the layers behind it is part of the next window.
  Status CloseWindow();

  // Adds what the open window holds of one layer to an accumulator that was made with the same LayerConfig: to merge
  // ranks, by its arrays, before or beside the records. Of gradients it adds the square of the mean norm of a step, as
  // records have it, so that ranks which hold parts of a gradient add squares. Errors: kOutOfRange for a layer that is
  // not watched, and those of LayerAccumulator::Merge. O(lanes * max_batch * heads * max_keys) at most.
  Status MergeInto(size_t layer, LayerAccumulator* out) const;

 private:
  class State;
  std::unique_ptr<State> state_;
  const std::atomic<uint64_t>* next_sample_ = nullptr;  // [layers_], of state_
  size_t layers_ = 0;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_ATTENTION_MONITOR_H_

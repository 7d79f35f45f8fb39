// SPDX-License-Identifier: Apache-2.0
//
// One layer of the monitor: an accumulator for each thread that may feed it at once.
#ifndef ATTNSCOPE_MONITOR_WATCHED_LAYER_H_
#define ATTNSCOPE_MONITOR_WATCHED_LAYER_H_

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "attnscope/attention_view.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/metrics.h"
#include "attnscope/status.h"

namespace attnscope {

// A lane is an accumulator and a flag that says whether a thread uses it. A feeder takes a free one and never waits;
// the reader waits for all of them.
class WatchedLayer {
 public:
  struct Window {
    LayerStats stats;
    uint64_t samples = 0;  // calls that were measured
    uint64_t late = 0;     // calls that found no free lane
    uint64_t refused = 0;  // calls that failed, and what Refuse counted
    uint64_t left_out_rows = 0;
  };

  // Errors: as LayerAccumulator::Create.
  Status Create(const LayerConfig& config, size_t lanes);

  // Calls `add(accumulator)` on a free lane, `preferred` if that is free. Rows of one sequence may so spread over
  // lanes: they are merged before the sequence is folded. Without a free lane `check()` tells whether the arguments
  // make sense: if they do, the call is late. What `add` throws (a caller's runner may) passes through.
  template <typename Add, typename Check>
  Status Feed(size_t preferred, const Add& add, const Check& check) {
    return WithLane(
        preferred, [&](Lane& lane) { return add(lane.accumulator); }, check);
  }

  // The same with a buffer of the step's gradient, whose square is also kept by itself.
  template <typename Check>
  Status FeedGradient(const BufferView& gradient, const Check& check) {
    return WithLane(
        0,
        [&](Lane& lane) {
          const double before = lane.accumulator.gradient_squares();
          Status status = lane.accumulator.AddGradient(gradient);
          const double after = lane.accumulator.gradient_squares();
          // Infinite ones stay so, and have no difference that is a number.
          if (!(std::isinf(before) && std::isinf(after))) lane.step_squares += after - before;
          if (status.ok()) has_gradient_.store(true, std::memory_order_release);
          return status;
        },
        check);
  }

  // Counts a sample that could not be measured.
  void Refuse() { refused_.fetch_add(1, std::memory_order_relaxed); }
  // Counts rows of samples that were left out on purpose.
  void LeaveOut(uint64_t rows) { left_out_rows_.fetch_add(rows, std::memory_order_relaxed); }

  // The rest is for one thread at a time.
  Status Reserve(const Runner& runner);
  Status EndSequence(size_t sequence);
  // After a step: what it fed of a gradient is one norm.
  void EndStep();
  // What was fed since the last call.
  Window Take();
  // Of gradients the mean norm of a step, as Take has it: as the square that ranks add up.
  Status MergeInto(LayerAccumulator* out) const;

 private:
  // On a cache line of its own, as threads write their lane's members.
  struct alignas(64) Lane {
    std::atomic<bool> busy{false};
    uint64_t samples = 0;
    double step_squares = 0.0;  // of this step's gradient
    LayerAccumulator accumulator;
  };

  // Frees a lane at its end, however that comes: a lane that stays busy stops the reader for ever.
  class Release {
   public:
    explicit Release(std::atomic<bool>* busy) : busy_(busy) {}
    ~Release() { busy_->store(false, std::memory_order_release); }
    Release(const Release&) = delete;
    Release& operator=(const Release&) = delete;

   private:
    std::atomic<bool>* busy_;
  };

  // Holds all lanes while it lives.
  class Hold;
  template <typename Use, typename Check>
  Status WithLane(size_t preferred, const Use& use, const Check& check) {
    // Without a look at `held_` a busy engine could keep the reader waiting for ever.
    for (size_t i = 0; i < num_lanes_ && !held_.load(std::memory_order_relaxed); ++i) {
      Lane& lane = lanes_[(preferred + i) % num_lanes_];
      if (lane.busy.exchange(true, std::memory_order_acquire)) continue;
      const Release release(&lane.busy);
      Status status = use(lane);
      if (status.ok()) {
        ++lane.samples;
      } else {
        Refuse();
      }
      return status;
    }
    Status status = check();
    (status.ok() ? late_ : refused_).fetch_add(1, std::memory_order_relaxed);
    return status;
  }

  // The norm of the step that has not ended. All lanes are held, here and in what follows.
  double StepNorm() const;
  // The mean of the window's norms, one a step that had a gradient; NaN if none had.
  double MeanNorm() const;
  // Ends the gradient of a step.
  void FoldGradient();
  // Moves everything to the first lane.
  void Gather();

  std::unique_ptr<Lane[]> lanes_;
  size_t num_lanes_ = 0;
  std::atomic<uint64_t> late_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> left_out_rows_{0};
  std::atomic<bool> has_gradient_{false};  // of a step that has not ended
  double gradient_norms_ = 0.0;            // of the window's steps that had one: their sum
  uint64_t gradient_steps_ = 0;
  mutable std::atomic<bool> held_{false};  // the reader has come: no feeder starts
};

}  // namespace attnscope

#endif  // ATTNSCOPE_MONITOR_WATCHED_LAYER_H_

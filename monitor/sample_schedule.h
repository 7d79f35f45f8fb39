// SPDX-License-Identifier: Apache-2.0
//
// Which step each layer samples next, and whether the budget lets it.
#ifndef ATTNSCOPE_MONITOR_SAMPLE_SCHEDULE_H_
#define ATTNSCOPE_MONITOR_SAMPLE_SCHEDULE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace attnscope {

// The share of time that sampling may take. Time beyond it is a debt, carried over to the next window; time that was
// left unused is not.
class SampleBudget {
 public:
  // `share` 0: no limit.
  explicit SampleBudget(double share) : share_(share) {}

  bool limited() const { return share_ > 0.0; }
  void Start(uint64_t now) { start_ = now; }
  // `spent`: nanoseconds that samples took since the window began.
  bool Exceeded(uint64_t spent, uint64_t now) const {
    return debt_ + static_cast<double>(spent) > share_ * static_cast<double>(now - start_);
  }
  void EndWindow(uint64_t spent, uint64_t now);

 private:
  double share_;
  double debt_ = 0.0;
  uint64_t start_ = 0;
};

// One thread changes it; any number may read next_samples() meanwhile.
class SampleSchedule {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;

  // Layers that are not watched never sample. False if there is no memory.
  bool Create(size_t layers, const std::vector<bool>& watched, uint64_t every, bool stagger);

  // [layers]: layer l samples from step next_samples()[l] on.
  const std::atomic<uint64_t>* next_samples() const { return next_.get(); }

  // True if a call of Advance would change anything: a few compares.
  bool IsDue(uint64_t step) const { return step < last_ || step >= next_change_; }
  void Skip(uint64_t step) { last_ = step; }
  // After `step` has ended. With `postpone`, samples due at the next step move on: by one period, or, staggered, to the
  // step after. Staggered layers so wait in line, and as many as usually share a step are let through at once, those
  // that have waited longest: were each moved by a period, the same ones would meet the exceeded budget again and
  // again. O(layers log layers).
  void Advance(uint64_t step, bool postpone);

  // Samples of a layer that were postponed since the last call.
  uint64_t TakePostponed(size_t layer) { return std::exchange(postponed_[layer], 0); }

 private:
  // The first step after `step` that layer `l` samples.
  uint64_t NextAfter(uint64_t step, size_t layer) const;
  bool IsWatched(size_t layer) const { return phases_[layer] != kNever; }

  // Lets the first of the layers that are due at the next step through, and makes the others wait.
  void MakeWait(std::vector<size_t>* due, size_t let_through, uint64_t step);

  std::unique_ptr<std::atomic<uint64_t>[]> next_;
  std::vector<uint64_t> phases_;   // step % every_ at which a layer samples, or kNever
  std::vector<uint64_t> planned_;  // the step at which a layer would have sampled next
  std::vector<uint64_t> postponed_;
  std::vector<size_t> due_;  // scratch of Advance
  size_t share_ = 1;         // most layers that sample at one step by their phases
  bool stagger_ = false;
  uint64_t every_ = 1;
  uint64_t next_change_ = 0;  // the step before the first in next_
  uint64_t last_ = 0;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_MONITOR_SAMPLE_SCHEDULE_H_

// SPDX-License-Identifier: Apache-2.0
#include "monitor/sample_schedule.h"

#include <algorithm>
#include <new>

namespace attnscope {

void SampleBudget::EndWindow(uint64_t spent, uint64_t now) {
  debt_ = std::max(0.0, debt_ + static_cast<double>(spent) - share_ * static_cast<double>(now - start_));
  start_ = now;
}

bool SampleSchedule::Create(size_t layers, const std::vector<bool>& watched, uint64_t every, bool stagger) {
  next_.reset(new (std::nothrow) std::atomic<uint64_t>[layers]);
  if (next_ == nullptr) return false;
  every_ = every;
  phases_.assign(layers, kNever);
  postponed_.assign(layers, 0);
  for (size_t i = 0; i < layers; ++i) {
    if (watched[i]) phases_[i] = stagger ? i % every : 0;
    next_[i].store(phases_[i], std::memory_order_relaxed);
  }
  return true;
}

uint64_t SampleSchedule::NextAfter(uint64_t step, size_t layer) const {
  const uint64_t remainder = step % every_;
  const uint64_t phase = phases_[layer];
  const uint64_t distance = remainder < phase ? phase - remainder : every_ - (remainder - phase);
  return step > kNever - 1 - distance ? kNever - 1 : step + distance;
}

void SampleSchedule::Advance(uint64_t step, bool postpone) {
  const bool anew = step < last_;
  last_ = step;
  uint64_t first = kNever;
  for (size_t i = 0; i < phases_.size(); ++i) {
    if (!IsWatched(i)) continue;
    uint64_t next = next_[i].load(std::memory_order_relaxed);
    if (anew || next <= step) next = NextAfter(step, i);
    if (postpone && next - 1 == step) {
      next = NextAfter(next, i);
      ++postponed_[i];
    }
    next_[i].store(next, std::memory_order_relaxed);
    first = std::min(first, next);
  }
  next_change_ = first - 1;
}

}  // namespace attnscope

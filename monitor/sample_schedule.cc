// SPDX-License-Identifier: Apache-2.0
#include "monitor/sample_schedule.h"

#include <algorithm>
#include <map>
#include <new>
#include <utility>

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
  planned_.assign(layers, 0);
  due_.reserve(layers);
  stagger_ = stagger;
  for (size_t i = 0; i < layers; ++i) {
    if (watched[i]) phases_[i] = stagger ? i % every : 0;
    next_[i].store(phases_[i], std::memory_order_relaxed);
    planned_[i] = phases_[i];
  }
  std::map<uint64_t, size_t> sharing;
  for (const uint64_t phase : phases_) {
    if (phase != kNever) share_ = std::max(share_, ++sharing[phase]);
  }
  return true;
}

uint64_t SampleSchedule::NextAfter(uint64_t step, size_t layer) const {
  const uint64_t remainder = step % every_;
  const uint64_t phase = phases_[layer];
  const uint64_t distance = remainder < phase ? phase - remainder : every_ - (remainder - phase);
  return step > kNever - 1 - distance ? kNever - 1 : step + distance;
}

void SampleSchedule::MakeWait(std::vector<size_t>* due, size_t let_through, uint64_t step) {
  if (due->size() <= let_through) return;
  std::sort(due->begin(), due->end(),
            [&](size_t a, size_t b) { return std::pair(planned_[a], a) < std::pair(planned_[b], b); });
  for (size_t i = let_through; i < due->size(); ++i) {
    const size_t layer = (*due)[i];
    if (planned_[layer] == step + 1) ++postponed_[layer];  // once, however long it waits
    next_[layer].store(step > kNever - 3 ? kNever - 1 : step + 2, std::memory_order_relaxed);
  }
}

void SampleSchedule::Advance(uint64_t step, bool postpone) {
  const bool anew = step < last_;
  last_ = step;
  due_.clear();
  for (size_t i = 0; i < phases_.size(); ++i) {
    if (!IsWatched(i)) continue;
    uint64_t next = next_[i].load(std::memory_order_relaxed);
    if (anew || next <= step) next = planned_[i] = NextAfter(step, i);
    if (next - 1 == step && stagger_) due_.push_back(i);
    if (next - 1 == step && postpone && !stagger_) {
      next = planned_[i] = NextAfter(next, i);
      ++postponed_[i];
    }
    next_[i].store(next, std::memory_order_relaxed);
  }
  MakeWait(&due_, postpone ? 0 : share_, step);
  uint64_t first = kNever;
  for (size_t i = 0; i < phases_.size(); ++i) {
    if (IsWatched(i)) first = std::min(first, next_[i].load(std::memory_order_relaxed));
  }
  next_change_ = first - 1;
}

}  // namespace attnscope

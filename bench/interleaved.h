// SPDX-License-Identifier: Apache-2.0
//
// Times several pieces of work in turns, so that all see the same machine, and takes the median of each.
#ifndef ATTNSCOPE_BENCH_INTERLEAVED_H_
#define ATTNSCOPE_BENCH_INTERLEAVED_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace attnscope::bench {

class Interleaved {
 public:
  explicit Interleaved(std::vector<std::function<void()>> work) : work_(std::move(work)), seconds_(work_.size()) {}

  // One turn: each piece of work once, in order. Returns the seconds of the first.
  double Turn() {
    for (size_t i = 0; i < work_.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      work_[i]();
      seconds_[i].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return seconds_[0].back();
  }

  double Median(size_t index) const { return Quantile(index, 0.5); }
  // The turn that this share of all turns was faster than. Of a loaded machine a tenth tells more than the half.
  double Quantile(size_t index, double share) const {
    std::vector<double> sorted = seconds_[index];
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0.0 : sorted[static_cast<size_t>(share * static_cast<double>(sorted.size()))];
  }

 private:
  std::vector<std::function<void()>> work_;
  std::vector<std::vector<double>> seconds_;  // [work][turn]
};

}  // namespace attnscope::bench

#endif  // ATTNSCOPE_BENCH_INTERLEAVED_H_

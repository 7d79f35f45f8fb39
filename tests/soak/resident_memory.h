// SPDX-License-Identifier: Apache-2.0
//
// Whether a process's memory stays flat. Included by the soaks.
#ifndef ATTNSCOPE_TESTS_SOAK_RESIDENT_MEMORY_H_
#define ATTNSCOPE_TESTS_SOAK_RESIDENT_MEMORY_H_

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>

namespace attnscope::test {

// Pages of this process that are in memory now, in KiB: the second number of /proc/self/statm.
inline size_t ResidentKib() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

class FlatMemory {
 public:
  static constexpr size_t kMostGrowthKib = 1024;

  // To be called now and then; `warm` once all buffers have had their largest size.
  void Sample(bool warm) {
    const size_t now = ResidentKib();
    most_ = std::max(most_, now);
    if (!warm) after_warm_up_ = most_;
  }

  bool Check() const {
    const bool is_flat = after_warm_up_ > 0 && most_ <= after_warm_up_ + kMostGrowthKib;
    std::printf("resident memory: %zu KiB after warm-up, %zu KiB more later, at most %zu allowed: %s\n", after_warm_up_,
                most_ - after_warm_up_, kMostGrowthKib, is_flat ? "flat" : "GROWS");
    return is_flat;
  }

 private:
  size_t after_warm_up_ = 0;
  size_t most_ = 0;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SOAK_RESIDENT_MEMORY_H_

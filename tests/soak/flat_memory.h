// SPDX-License-Identifier: Apache-2.0
//
// Whether a process's memory stays flat. Included by the soaks.
#ifndef ATTNSCOPE_TESTS_SOAK_FLAT_MEMORY_H_
#define ATTNSCOPE_TESTS_SOAK_FLAT_MEMORY_H_

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>

namespace attnscope::test {

// What is allocated and not freed, in KiB.
inline size_t AllocatedKib() {
  const struct mallinfo2 info = mallinfo2();
  return (info.uordblks + info.hblkhd) / 1024;
}

// Pages of this process that are in memory now, in KiB: the second number of /proc/self/statm.
inline size_t ResidentKib() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0;
  size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

// The most of an amount that must not grow once it is warm.
class FlatPeak {
 public:
  FlatPeak(const char* name, size_t most_growth_kib) : name_(name), most_growth_(most_growth_kib) {}

  void Sample(size_t kib, bool warm) {
    most_ = std::max(most_, kib);
    if (!warm) after_warm_up_ = most_;
  }

  size_t after_warm_up() const { return after_warm_up_; }

  // `more`: what the growth may be beyond the most that was given.
  bool Check(size_t more = 0) const {
    const size_t most_growth = most_growth_ + more;
    const bool is_flat = after_warm_up_ > 0 && most_ <= after_warm_up_ + most_growth;
    std::printf("memory %s: %zu KiB after warm-up, %zu KiB more later, at most %zu allowed: %s\n", name_,
                after_warm_up_, most_ - after_warm_up_, most_growth, is_flat ? "flat" : "GROWS");
    return is_flat;
  }

 private:
  const char* name_;
  size_t most_growth_;
  size_t after_warm_up_ = 0;
  size_t most_ = 0;
};

class FlatMemory {
 public:
  // soak_rows itself keeps the exact columns of each 10^6 rows, 80 KiB after 10^8.
  static constexpr size_t kMostAllocatedKib = 128;
  // Resident memory also has what glibc keeps of freed memory, which depends on the order of all allocations, the
  // test's own included.
  static constexpr size_t kMostResidentKib = 4096;

  // To be called now and then; `warm` once all buffers have had their largest size.
  void Sample(bool warm) {
    allocated_.Sample(AllocatedKib(), warm);
    resident_.Sample(ResidentKib(), warm);
  }

  // Pages that were allocated in the warm-up and touched by nobody yet come into memory later: those of keys that only
  // the longest requests have.
  bool Check() const {
    const size_t allocated = allocated_.after_warm_up();
    const size_t untouched = allocated - std::min(allocated, resident_.after_warm_up());
    const bool allocated_is_flat = allocated_.Check();
    return resident_.Check(untouched) && allocated_is_flat;
  }

 private:
  FlatPeak allocated_ = {"allocated", kMostAllocatedKib};
  FlatPeak resident_ = {"resident", kMostResidentKib};
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SOAK_FLAT_MEMORY_H_

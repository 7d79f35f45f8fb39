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

class FlatMemory {
 public:
  // soak_rows itself keeps the exact columns of each 10^6 rows, 80 KiB after 10^8.
  static constexpr size_t kMostAllocatedKib = 128;
  // Resident memory also has what glibc keeps of freed memory, which depends on the order of all allocations, the test's
  // own included: up to 5 MiB was seen, of 10 in use.
  static constexpr size_t kMostResidentKib = 4096;

  // To be called now and then; `warm` once all buffers have had their largest size.
  void Sample(bool warm) {
    allocated_.Add(AllocatedKib(), warm);
    resident_.Add(ResidentKib(), warm);
  }

  bool Check() const {
    const bool allocated_flat = allocated_.Check("allocated", kMostAllocatedKib);
    const bool resident_flat = resident_.Check("resident", kMostResidentKib);
    return allocated_flat && resident_flat;
  }

 private:
  struct Peak {
    size_t after_warm_up = 0;
    size_t most = 0;

    void Add(size_t now, bool warm) {
      most = std::max(most, now);
      if (!warm) after_warm_up = most;
    }

    bool Check(const char* name, size_t allowed) const {
      const bool is_flat = after_warm_up > 0 && most <= after_warm_up + allowed;
      std::printf("%s memory: %zu KiB after warm-up, %zu KiB more later, at most %zu allowed: %s\n", name, after_warm_up,
                  most - after_warm_up, allowed, is_flat ? "flat" : "GROWS");
      return is_flat;
    }
  };

  Peak allocated_;
  Peak resident_;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SOAK_FLAT_MEMORY_H_

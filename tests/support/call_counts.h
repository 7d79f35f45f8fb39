// SPDX-License-Identifier: Apache-2.0
//
// Counts what must not happen while rows are measured: allocations (operator new, and malloc's family) and locks
// (pthreads', which std::mutex uses). Programs that use it are linked with call_counts.cc and its linker options.
#ifndef ATTNSCOPE_TESTS_SUPPORT_CALL_COUNTS_H_
#define ATTNSCOPE_TESTS_SUPPORT_CALL_COUNTS_H_

#include <cstddef>

namespace attnscope::test {

// Since the program began, on all threads.
size_t AllocationCount();
size_t LockCount();

// Allocations while `work` runs.
template <typename Work>
size_t AllocationsOf(const Work& work) {
  const size_t before = AllocationCount();
  work();
  return AllocationCount() - before;
}

// Locks that are taken, or waited for, while `work` runs.
template <typename Work>
size_t LocksOf(const Work& work) {
  const size_t before = LockCount();
  work();
  return LockCount() - before;
}

// While one lives, an allocation by operator new is refused: the one that is `after` allocations from now, or the next.
class RefusedAllocation {
 public:
  explicit RefusedAllocation(size_t after);
  ~RefusedAllocation();
  RefusedAllocation(const RefusedAllocation&) = delete;
  RefusedAllocation& operator=(const RefusedAllocation&) = delete;

  // Whether it came to that.
  static bool WasRefused();
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_CALL_COUNTS_H_

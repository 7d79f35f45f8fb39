// SPDX-License-Identifier: Apache-2.0
//
// Threads for the keyword `threads`: pools that calls borrow and give back, so that neither each call starts threads
// nor each accumulator keeps some.
#ifndef ATTNSCOPE_PYTHON_MODULE_THREAD_POOLS_H_
#define ATTNSCOPE_PYTHON_MODULE_THREAD_POOLS_H_

#include <cstddef>
#include <memory>

#include "attnscope/runner.h"
#include "attnscope/thread_runner.h"

namespace attnscope::python {

// A pool for the time of a call. Calls of several Python threads at once have a pool each. Thread-safe.
class BorrowedPool {
 public:
  // 1: no pool; 0: a thread for each processor. Throws ValueError or MemoryError, so it needs the GIL.
  explicit BorrowedPool(size_t threads);
  ~BorrowedPool();
  BorrowedPool(const BorrowedPool&) = delete;
  BorrowedPool& operator=(const BorrowedPool&) = delete;

  Runner runner() const { return pool_ == nullptr ? Runner() : pool_->runner(); }

 private:
  size_t threads_;
  std::unique_ptr<ThreadRunner> pool_;
};

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_THREAD_POOLS_H_

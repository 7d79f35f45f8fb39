// SPDX-License-Identifier: Apache-2.0
//
// A small pool of std::thread for callers that have none of their own: tools, tests, trainers.
#ifndef ATTNSCOPE_THREAD_RUNNER_H_
#define ATTNSCOPE_THREAD_RUNNER_H_

#include <cstddef>
#include <memory>

#include "attnscope/export.h"
#include "attnscope/runner.h"
#include "attnscope/status.h"

namespace attnscope {

// Between calls threads wait on a condition variable, but for the first 50 microseconds, in which they look for the
// next call, if the pool has no more threads than there are processors. A ThreadRunner may serve many accumulators, one
// call at a time: concurrent calls from several threads are queued, and a task must not start another run on the same
// pool.
class ATTNSCOPE_EXPORT ThreadRunner {
 public:
  // An empty pool: runs tasks on the caller's thread.
  ThreadRunner();
  ThreadRunner(ThreadRunner&&) noexcept;
  ThreadRunner& operator=(ThreadRunner&&) noexcept;
  // Waits for the threads to end.
  ~ThreadRunner();

  // A pool that runs up to `threads` tasks at once: the caller's thread and `threads - 1` others. Zero means one for
  // each processor. Errors: kOutOfRange above 4096 threads, kOutOfMemory if the system starts no more threads; `*out`
  // is then unchanged.
  static Status Create(size_t threads, ThreadRunner* out);

  // What to pass to a call. Valid as long as this object is neither moved nor destroyed.
  Runner runner();

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_THREAD_RUNNER_H_

// SPDX-License-Identifier: Apache-2.0
//
// How attnscope borrows threads. The library starts none: a call that can use several takes a Runner, three fields that
// lend it the caller's own pool. ThreadRunner (thread_runner.h) is a ready one for those without a pool.
#ifndef ATTNSCOPE_RUNNER_H_
#define ATTNSCOPE_RUNNER_H_

#include <cstddef>

namespace attnscope {

// One unit of work: `Task(argument, index)` with each index in [0, count) exactly once. Tasks never throw, never wait
// for one another, and may run in any order and on any thread.
using Task = void (*)(void* argument, size_t index);

// Example, with a pool that has `ParallelFor(count, function)`:
//
//   void Run(void* opaque, attnscope::Task task, void* argument, size_t count) {
//     static_cast<Pool*>(opaque)->ParallelFor(count, [=](size_t index) { task(argument, index); });
//   }
//   accumulator.AddWeights(view, {}, {.opaque = &pool, .run = &Run, .threads = pool.size()});
//
// Results never depend on the runner, bit for bit.
struct Runner {
  void* opaque = nullptr;
  // Runs all `count` tasks and returns when the last has ended. Null: tasks run one after another on the caller.
  void (*run)(void* opaque, Task task, void* argument, size_t count) = nullptr;
  // How many tasks may run at once; decides only how work is cut and how much scratch is kept.
  size_t threads = 1;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_RUNNER_H_

// SPDX-License-Identifier: Apache-2.0
//
// How work is handed to a caller's runner.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_RUN_TASKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_RUN_TASKS_H_

#include <algorithm>
#include <cstddef>

#include "attnscope/limits.h"
#include "attnscope/runner.h"

namespace attnscope {

// Tasks that a runner runs at once: one for each thread.
inline size_t TasksAtOnce(const Runner& runner) {
  return runner.run == nullptr ? 1 : std::clamp<size_t>(runner.threads, 1, kMaxThreads);
}

// Tasks for matrices that share nothing: several for each thread even out heads that take longer.
inline size_t TasksOfMatrices(const Runner& runner) { return runner.run == nullptr ? 1 : 4 * TasksAtOnce(runner); }

// Runs tasks [0, count) on the runner, or on the caller if there is one.
inline void RunTasks(const Runner& runner, Task task, void* argument, size_t count) {
  if (count > 1) {
    runner.run(runner.opaque, task, argument, count);
  } else if (count == 1) {
    task(argument, 0);
  }
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_RUN_TASKS_H_

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

// Runs `work(task)` for tasks [0, count) on the runner, or on the caller if there is one.
template <class Work>
void RunTasks(const Runner& runner, size_t count, Work& work) {
  if (count == 1) return work(size_t{0});
  if (count > 1) {
    const Task task = [](void* argument, size_t index) { (*static_cast<Work*>(argument))(index); };
    runner.run(runner.opaque, task, &work, count);
  }
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_RUN_TASKS_H_

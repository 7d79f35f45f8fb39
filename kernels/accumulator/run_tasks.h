// SPDX-License-Identifier: Apache-2.0
//
// Hands tasks to a caller's runner. Included by the accumulator's state.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_RUN_TASKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_RUN_TASKS_H_

#include <cstddef>

#include "attnscope/runner.h"

namespace attnscope {

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

// SPDX-License-Identifier: Apache-2.0
#include "python/module/thread_pools.h"

#include <unistd.h>

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "python/module/errors.h"

namespace attnscope::python {
namespace {

// Pools that no call uses now, by their number of threads.
struct IdlePools {
  std::mutex mutex;
  pid_t process = getpid();
  std::map<size_t, std::vector<std::unique_ptr<ThreadRunner>>> pools;
};

// Never destroyed: at exit, threads of Python may still be measuring.
IdlePools& Idle() {
  static IdlePools* const idle = new IdlePools;
  return *idle;
}

// A process that was forked has none of its parent's threads, so the pools from before the fork are forgotten, not
// ended, which would wait for threads that are not there.
void ForgetAfterFork(IdlePools* idle) {
  if (idle->process == getpid()) return;
  idle->process = getpid();
  for (auto& [threads, pools] : idle->pools) {
    for (std::unique_ptr<ThreadRunner>& pool : pools) static_cast<void>(pool.release());
  }
  idle->pools.clear();
}

}  // namespace

BorrowedPool::BorrowedPool(size_t threads) : threads_(threads) {
  if (threads == 1) return;
  {
    IdlePools& idle = Idle();
    const std::lock_guard<std::mutex> lock(idle.mutex);
    ForgetAfterFork(&idle);
    std::vector<std::unique_ptr<ThreadRunner>>& pools = idle.pools[threads];
    if (!pools.empty()) {
      pool_ = std::move(pools.back());
      pools.pop_back();
      return;
    }
  }
  auto pool = std::make_unique<ThreadRunner>();
  Check("threads", ThreadRunner::Create(threads, pool.get()));
  pool_ = std::move(pool);
}

BorrowedPool::~BorrowedPool() {
  if (pool_ == nullptr) return;
  IdlePools& idle = Idle();
  const std::lock_guard<std::mutex> lock(idle.mutex);
  idle.pools[threads_].push_back(std::move(pool_));
}

}  // namespace attnscope::python

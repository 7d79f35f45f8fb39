// SPDX-License-Identifier: Apache-2.0
#include "attnscope/thread_runner.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "attnscope/limits.h"

namespace attnscope {

class ATTNSCOPE_NO_EXPORT ThreadRunner::Pool {
 public:
  // Throws std::system_error if a thread cannot start; those already started are joined by the destructor.
  void Start(size_t helpers) {
    helpers_.reserve(helpers);
    for (size_t i = 0; i < helpers; ++i) helpers_.emplace_back([this] { Help(); });
  }

  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
  }

  size_t threads() const { return helpers_.size() + 1; }

  void Run(Task task, void* argument, size_t count) {
    const std::lock_guard<std::mutex> one_call_at_a_time(calls_);
    std::unique_lock<std::mutex> lock(mutex_);
    task_ = task;
    argument_ = argument;
    next_ = 0;
    count_ = count;
    unfinished_ = count;
    wake_.notify_all();
    TakeTasks(lock);
    done_.wait(lock, [this] { return unfinished_ == 0; });
  }

 private:
  void Help() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
      TakeTasks(lock);
      wake_.wait(lock, [this] { return stopping_ || next_ < count_; });
    }
  }

  // Runs tasks until none is left; the lock is held but while one runs.
  void TakeTasks(std::unique_lock<std::mutex>& lock) {
    while (next_ < count_) {
      const size_t index = next_++;
      lock.unlock();
      task_(argument_, index);
      lock.lock();
      if (--unfinished_ == 0) done_.notify_one();
    }
  }

  std::mutex calls_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> helpers_;
  Task task_ = nullptr;
  void* argument_ = nullptr;
  size_t next_ = 0;
  size_t count_ = 0;
  size_t unfinished_ = 0;
  bool stopping_ = false;
};

ThreadRunner::ThreadRunner() = default;
ThreadRunner::ThreadRunner(ThreadRunner&&) noexcept = default;
ThreadRunner& ThreadRunner::operator=(ThreadRunner&&) noexcept = default;
ThreadRunner::~ThreadRunner() = default;

Status ThreadRunner::Create(size_t threads, ThreadRunner* out) {
  if (threads > kMaxThreads) {
    return {StatusCode::kOutOfRange,
            "threads is " + std::to_string(threads) + ", expected at most " + std::to_string(kMaxThreads)};
  }
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  try {
    auto pool = std::make_unique<Pool>();
    pool->Start(threads - 1);
    out->pool_ = std::move(pool);
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "no memory for " + std::to_string(threads) + " threads"};
  } catch (const std::system_error&) {  // the system's limit is reached
    return {StatusCode::kOutOfMemory, "the system refused to start " + std::to_string(threads) + " threads"};
  }
  return {};
}

Runner ThreadRunner::runner() {
  Runner runner;
  if (pool_ == nullptr) return runner;
  runner.opaque = pool_.get();
  runner.threads = pool_->threads();
  runner.run = [](void* opaque, Task task, void* argument, size_t count) {
    static_cast<Pool*>(opaque)->Run(task, argument, count);
  };
  return runner;
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "attnscope/thread_runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
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
namespace {

// How long a thread looks for what it waits for before it sleeps. To wake one takes as long, 20 to 70 microseconds in a
// virtual machine, and a call that shares rows has many short runs, one after the other.
constexpr std::chrono::microseconds kLookFor(50);

template <class Done>
void Look(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kLookFor;
  while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

}  // namespace

class ATTNSCOPE_NO_EXPORT ThreadRunner::Pool {
 public:
  // Throws std::system_error if a thread cannot start; those already started are joined by the destructor.
  void Start(size_t helpers) {
    helpers_.reserve(helpers);
    // More threads than processors would take them from those that have work.
    looks_ = helpers < std::thread::hardware_concurrency();
    for (size_t i = 0; i < helpers; ++i) helpers_.emplace_back([this] { Help(); });
  }

  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      has_work_ = true;
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
    has_work_ = count != 0;
    wake_.notify_all();
    TakeTasks(lock);
    LookFor(lock, [this] { return unfinished_ == 0; });
    done_.wait(lock, [this] { return unfinished_ == 0; });
  }

 private:
  void Help() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
      TakeTasks(lock);
      LookFor(lock, [this] { return has_work_.load(); });
      wake_.wait(lock, [this] { return stopping_ || next_ < count_; });
    }
  }

  // Runs tasks until none is left; the lock is held but while one runs.
  void TakeTasks(std::unique_lock<std::mutex>& lock) {
    while (next_ < count_) {
      const size_t index = next_++;
      has_work_ = next_ < count_;
      lock.unlock();
      task_(argument_, index);
      lock.lock();
      if (--unfinished_ == 0) done_.notify_one();
    }
  }

  template <class Done>
  void LookFor(std::unique_lock<std::mutex>& lock, const Done& done) {
    if (!looks_) return;
    lock.unlock();
    Look(done);
    lock.lock();
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
  bool looks_ = false;
  bool stopping_ = false;
  // Written with the lock held, and looked at without.
  std::atomic<size_t> unfinished_ = 0;
  std::atomic<bool> has_work_ = false;  // tasks that none has taken, or the end
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

// SPDX-License-Identifier: Apache-2.0
//
// The pool of threads: each index runs exactly once, calls from several threads wait for one another, and nothing is
// left running. Its data races are looked for under the thread sanitizer.
#include "attnscope/thread_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace attnscope::test {
namespace {

struct Counts {
  explicit Counts(size_t count) : runs(count) {}
  std::vector<std::atomic<int>> runs;
};

void CountRun(void* argument, size_t index) { static_cast<Counts*>(argument)->runs.at(index).fetch_add(1); }

ThreadRunner Create(size_t threads) {
  ThreadRunner runner;
  EXPECT_TRUE(ThreadRunner::Create(threads, &runner).ok());
  return runner;
}

void ExpectEachOnce(const Runner& runner, size_t count) {
  Counts counts(count);
  runner.run(runner.opaque, CountRun, &counts, count);
  for (size_t i = 0; i < count; ++i) ASSERT_EQ(counts.runs[i].load(), 1) << "task " << i << " of " << count;
}

TEST(ThreadRunnerTest, EachIndexOnce) {
  for (size_t threads = 1; threads <= 8; ++threads) {
    ThreadRunner pool = Create(threads);
    EXPECT_EQ(pool.runner().threads, threads);
    for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, threads, threads + 1, size_t{1000}}) {
      ExpectEachOnce(pool.runner(), count);
    }
  }
}

TEST(ThreadRunnerTest, ManyShortCalls) {
  ThreadRunner pool = Create(4);
  for (size_t i = 0; i < 2000; ++i) ExpectEachOnce(pool.runner(), i % 7);
}

// Plain memory that tasks wrote is visible to the caller.
TEST(ThreadRunnerTest, ResultsAreVisible) {
  ThreadRunner pool = Create(3);
  std::vector<size_t> results(500);
  const auto task = [](void* argument, size_t index) {
    (*static_cast<std::vector<size_t>*>(argument))[index] = index * index;
  };
  pool.runner().run(pool.runner().opaque, task, &results, results.size());
  for (size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i], i * i);
}

// As many tasks as threads run at once: each waits for all the others to have begun.
TEST(ThreadRunnerTest, TasksRunAtOnce) {
  constexpr size_t kThreads = 4;
  ThreadRunner pool = Create(kThreads);
  std::atomic<size_t> begun{0};
  const auto task = [](void* argument, size_t) {
    auto* counter = static_cast<std::atomic<size_t>*>(argument);
    counter->fetch_add(1);
    while (counter->load() < kThreads) std::this_thread::yield();
  };
  pool.runner().run(pool.runner().opaque, task, &begun, kThreads);
  EXPECT_EQ(begun.load(), kThreads);
}

// Tasks of one call never run beside tasks of another, and no call returns before its own have run.
TEST(ThreadRunnerTest, CallsFromSeveralThreadsAreQueued) {
  ThreadRunner pool = Create(3);
  struct Shared {
    std::atomic<int> running[2] = {0, 0};  // tasks of each caller that run now
    std::atomic<bool> mixed{false};
  };
  struct Call {
    Shared* shared;
    int me;
    std::atomic<int> done{0};
  };
  const auto task = [](void* argument, size_t) {
    Call& call = *static_cast<Call*>(argument);
    call.shared->running[call.me].fetch_add(1);
    if (call.shared->running[1 - call.me].load() != 0) call.shared->mixed.store(true);
    std::this_thread::yield();
    call.shared->running[call.me].fetch_sub(1);
    call.done.fetch_add(1);
  };
  Shared shared;
  const auto caller = [&](int me) {
    for (int round = 0; round < 200; ++round) {
      Call call = {&shared, me};
      pool.runner().run(pool.runner().opaque, task, &call, 9);
      EXPECT_EQ(call.done.load(), 9);
    }
  };
  std::thread other(caller, 1);
  caller(0);
  other.join();
  EXPECT_FALSE(shared.mixed.load());
}

TEST(ThreadRunnerTest, EmptyPoolRunsOnTheCaller) {
  ThreadRunner empty;
  const Runner runner = empty.runner();
  EXPECT_EQ(runner.run, nullptr);
  EXPECT_EQ(runner.threads, 1u);
}

TEST(ThreadRunnerTest, ZeroMeansOneForEachProcessor) {
  ThreadRunner pool = Create(0);
  EXPECT_GE(pool.runner().threads, 1u);
  ExpectEachOnce(pool.runner(), 100);
}

TEST(ThreadRunnerTest, TooManyThreadsAreRefused) {
  ThreadRunner pool = Create(2);
  for (const size_t threads : {size_t{4097}, SIZE_MAX}) {
    const Status status = ThreadRunner::Create(threads, &pool);
    EXPECT_EQ(status.code(), StatusCode::kOutOfRange);
    EXPECT_NE(status.message().find(std::to_string(threads)), std::string::npos) << status.message();
    EXPECT_EQ(pool.runner().threads, 2u) << "the pool is as it was";
  }
  ExpectEachOnce(pool.runner(), 10);
}

TEST(ThreadRunnerTest, MovesKeepThePool) {
  ThreadRunner first = Create(3);
  ThreadRunner second = std::move(first);
  EXPECT_EQ(second.runner().threads, 3u);
  ExpectEachOnce(second.runner(), 50);
  second = Create(2);
  EXPECT_EQ(second.runner().threads, 2u);
  ExpectEachOnce(second.runner(), 50);
}

TEST(ThreadRunnerTest, PoolsEndWithoutWork) {
  for (size_t i = 0; i < 50; ++i) Create(1 + i % 8);
}

}  // namespace
}  // namespace attnscope::test

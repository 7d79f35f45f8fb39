// SPDX-License-Identifier: Apache-2.0
//
// Several engine threads feed one monitor while windows close. Worth the most under the thread sanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr size_t kLayers = 3;
constexpr size_t kHeads = 2;
constexpr size_t kKeys = 100;
constexpr size_t kThreads = 4;

struct Totals {
  uint64_t records = 0;
  uint64_t samples = 0;
  uint64_t late = 0;
  uint64_t rows = 0;
};

class MonitorThreadsTest : public ::testing::Test {
 protected:
  AttentionMonitor Created(size_t lanes, uint64_t window_steps) {
    MonitorConfig config;
    config.layers = kLayers;
    config.layer = {.heads = kHeads, .max_keys = kKeys, .max_batch = kThreads};
    config.lanes = lanes;
    config.every_steps = 1;
    config.window_steps = window_steps;
    config.budget = 0.9;
    config.opaque = &totals_;
    config.on_window = [](void* opaque, std::string_view line) {
      Totals& totals = *static_cast<Totals*>(opaque);
      const nlohmann::json record = nlohmann::json::parse(line);
      totals.records += 1;
      totals.samples += record["samples"].get<uint64_t>();
      totals.late += record["late"].get<uint64_t>();
      totals.rows += record["metrics"].value("rows", uint64_t{0});
    };
    AttentionMonitor monitor;
    const Status status = AttentionMonitor::Create(config, &monitor);
    EXPECT_TRUE(status.ok()) << status.message();
    return monitor;
  }

  AttentionView Rows(size_t sequence) const {
    AttentionView view = ViewOf(rows_, 1, kHeads, 1, kKeys);
    view.first_sequence = sequence;
    return view;
  }

  static void RunThreads(const std::function<void(size_t thread)>& work) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  }

  Totals totals_;
  const std::vector<float> rows_ = SoftmaxRows(3, kHeads, kKeys, 1.0);
};

TEST_F(MonitorThreadsTest, AsManyLanesAsThreadsLoseNothing) {
  AttentionMonitor monitor = Created(kThreads, 0);
  std::atomic<uint64_t> calls{0};
  RunThreads([&](size_t thread) {
    for (uint64_t step = 0; step < 300; ++step) {
      for (size_t layer = 0; layer < kLayers; ++layer) {
        if (!monitor.ShouldSample(layer, step)) continue;
        calls.fetch_add(1);
        EXPECT_TRUE(monitor.AddWeights(layer, Rows(thread)).ok());
      }
    }
  });
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_EQ(calls.load(), 300 * kLayers * kThreads) << "no step ended, so all were due";
  EXPECT_EQ(totals_.records, kLayers);
  EXPECT_EQ(totals_.late, 0u);
  EXPECT_EQ(totals_.samples, calls.load());
  EXPECT_EQ(totals_.rows, calls.load() * kHeads);
}

// However threads took turns at the lanes, it is as if one had fed all.
TEST_F(MonitorThreadsTest, LanesMergeToWhatOneThreadMeasures) {
  AttentionMonitor monitor = Created(kThreads, 0);
  LayerAccumulator expected = CreateLayer({.heads = kHeads, .max_keys = kKeys, .max_batch = kThreads});
  RunThreads([&](size_t thread) {
    for (size_t i = 0; i < 64; ++i) EXPECT_TRUE(monitor.AddWeights(0, Rows(thread)).ok());
  });
  for (size_t i = 0; i < 64 * kThreads; ++i) ASSERT_TRUE(expected.AddWeights(Rows(i % kThreads)).ok());
  LayerAccumulator merged = CreateLayer({.heads = kHeads, .max_keys = kKeys, .max_batch = kThreads});
  ASSERT_TRUE(monitor.MergeInto(0, &merged).ok());
  const LayerStats stats = merged.Stats();
  const LayerStats expected_stats = expected.Stats();
  for (const MetricInfo& info : AllMetrics()) {
    const double value = expected_stats.layer[info.metric];
    if (!expected_stats.layer.Has(info.metric)) continue;
    EXPECT_TRUE(std::abs(stats.layer[info.metric] - value) <= 1e-6 * (1.0 + std::abs(value))) << info.name;
  }
}

TEST_F(MonitorThreadsTest, WindowsCloseWhileOthersFeed) {
  AttentionMonitor monitor = Created(2, 8);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> calls{0};
  std::thread steps([&] {
    // More threads than processors: each hold of a lane may wait for a thread that is not running.
    for (uint64_t step = 0; step < 80; ++step) {
      EXPECT_TRUE(monitor.EndStep(step).ok());
      std::this_thread::yield();
      if (step % 5 != 0) continue;
      EXPECT_TRUE(monitor.EndSequence(step / 5 % kThreads).ok());
    }
    stop.store(true);
  });
  RunThreads([&](size_t thread) {
    for (uint64_t step = 0; !stop.load() || step < 10; ++step) {
      for (size_t layer = 0; layer < kLayers; ++layer) {
        (void)monitor.ShouldSample(layer, step);
        calls.fetch_add(1);
        EXPECT_TRUE(monitor.AddWeights(layer, Rows(thread)).ok());
      }
    }
  });
  steps.join();
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_EQ(totals_.samples + totals_.late, calls.load()) << "each call is in a record";
  EXPECT_GE(totals_.samples, 10u);
  EXPECT_EQ(totals_.rows, totals_.samples * kHeads);
}

}  // namespace
}  // namespace attnscope::test

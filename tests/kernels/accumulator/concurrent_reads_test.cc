// SPDX-License-Identifier: Apache-2.0
//
// Const members of an accumulator only read: several threads may call them at once, which the thread sanitizer watches.
#include <gtest/gtest.h>

#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 3;
constexpr size_t kQueries = 21;  // ends within a block of rows, whose column sums are not in the arrays
constexpr size_t kKeys = 300;
constexpr size_t kThreads = 4;
constexpr LayerConfig kConfig = {.heads = kHeads, .max_keys = kKeys};

void Add(LayerAccumulator& layer, uint64_t seed) {
  const std::vector<float> values = SoftmaxRows(seed, kHeads * kQueries, kKeys, 2.0);
  ASSERT_TRUE(layer.AddWeights(ViewOf(values, 1, kHeads, kQueries, kKeys)).ok());
}

// Runs `work(thread)` on several threads at once.
template <typename Work>
void OnThreads(const Work& work) {
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

TEST(ConcurrentReadsThreadTest, OneSourceIsMergedIntoSeveral) {
  LayerAccumulator source = CreateLayer(kConfig);
  Add(source, 1);
  std::vector<LayerAccumulator> layers(kThreads + 1);
  for (LayerAccumulator& layer : layers) {
    layer = CreateLayer(kConfig);
    Add(layer, 2);
  }
  OnThreads([&](size_t i) { EXPECT_TRUE(layers[i].Merge(source).ok()); });
  ASSERT_TRUE(layers.back().Merge(source).ok());
  for (size_t i = 0; i < kThreads; ++i) EXPECT_TRUE(SameBits(StateOf(layers[i]), StateOf(layers.back()))) << i;
}

TEST(ConcurrentReadsThreadTest, StatsAndArraysAreReadAtOnce) {
  LayerAccumulator layer = CreateLayer(kConfig);
  Add(layer, 3);
  LayerAccumulator same = CreateLayer(kConfig);
  Add(same, 3);
  const std::vector<double> state = StateOf(same);
  same.EndSequence();
  const std::vector<double> numbers = NumbersOf(same.Stats());
  OnThreads([&](size_t i) {
    if (i % 2 == 0) {
      EXPECT_TRUE(SameBits(NumbersOf(std::as_const(layer).Stats()), numbers)) << i;
    } else {
      EXPECT_TRUE(SameBits(StateOf(layer), state)) << i;
    }
  });
}

}  // namespace
}  // namespace attnscope::test

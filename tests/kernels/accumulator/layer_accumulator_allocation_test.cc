// SPDX-License-Identifier: Apache-2.0
//
// No memory is allocated while rows are measured.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <vector>

#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/call_counts.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 6;
constexpr size_t kQueries = 40;
constexpr size_t kKeys = 5000;

TEST(AllocationTest, AllocationsAreSeen) {
  void* volatile kept = nullptr;  // seen by nobody, an allocation may be left out
  EXPECT_EQ(AllocationsOf([&] { kept = operator new(100); }), 1u);
  operator delete(kept);
  EXPECT_EQ(AllocationsOf([&] { kept = std::calloc(10, 10); }), 1u);
  std::free(kept);
  EXPECT_GE(AllocationsOf([] { CreateLayer({.heads = 1, .max_keys = 1}); }), 4u) << "the library's own are seen too";
}

class AllocationOfRowsTest : public ::testing::Test {
 protected:
  // Everything that a layer meets while a model runs. The first round may make room for the runner's threads.
  void ExpectNoneAfterTheFirstRound(const LayerConfig& config, const Runner& runner) {
    LayerAccumulator layer = CreateLayer(config);
    const AttentionView view = ViewOf(values_, 1, kHeads, kQueries, kKeys);
    ASSERT_TRUE(layer.AddWeights(view, {}, runner).ok());
    const auto round = [&] {
      for (const Mask& mask : {Mask{}, Mask{.causal = true, .causal_offset = 100}}) {
        EXPECT_TRUE(layer.AddWeights(view, mask, runner).ok());
      }
      layer.EndSequence();
      const ActivationView stream = ContiguousActivation(values_.data(), ElementType::kFloat32, 1, 10, 512);
      EXPECT_TRUE(layer.AddResidual(stream, stream).ok());
      EXPECT_TRUE(layer.AddGradient({.data = values_.data(), .size = values_.size()}).ok());
      EXPECT_TRUE(layer.AddWeights(RowsOfView(view, 0, 1), {}, runner).ok());
      layer.Reset();
    };
    EXPECT_EQ(AllocationsOf(round), 0u);
    EXPECT_EQ(AllocationsOf(round), 0u);
  }

  const std::vector<float> values_ = MixedRows(1, kHeads* kQueries, kKeys);
};

TEST_F(AllocationOfRowsTest, WithoutThreads) { ExpectNoneAfterTheFirstRound({.heads = kHeads, .max_keys = kKeys}, {}); }

TEST_F(AllocationOfRowsTest, WithThreads) {
  ThreadRunner pool;
  ASSERT_TRUE(ThreadRunner::Create(4, &pool).ok());
  ExpectNoneAfterTheFirstRound({.heads = kHeads, .max_keys = kKeys}, pool.runner());
}

TEST_F(AllocationOfRowsTest, MeanMatrix) {
  ExpectNoneAfterTheFirstRound({.heads = kHeads, .max_keys = kKeys, .mean_matrix = true}, {});
}

// Nor do scores of keys, alone or attached, where they are added to, read, and told of evictions.
TEST_F(AllocationOfRowsTest, KeyScores) {
  for (const size_t window : {size_t{0}, size_t{3}}) {
    KeyScores scores;
    ASSERT_TRUE(
        KeyScores::Create({.heads = kHeads, .groups = 2, .max_keys = kKeys, .window = window, .decay = 0.9}, &scores)
            .ok());
    LayerAccumulator layer = CreateLayer({.heads = kHeads, .max_keys = kKeys});
    ASSERT_TRUE(scores.Reserve().ok() && layer.Reserve().ok() && layer.Attach(scores).ok());
    const AttentionView view = ViewOf(values_, 1, kHeads, kQueries, kKeys);
    const QueryKeyView queries_keys =
        ContiguousQueryKey(values_.data(), values_.data(), ElementType::kFloat32, 1, kHeads, 2, 1, kKeys, 16);
    std::vector<double> read(kKeys);
    std::vector<size_t> kept(2000);
    for (size_t i = 0; i < kept.size(); ++i) kept[i] = 2 * i;
    EXPECT_EQ(AllocationsOf([&] {
                EXPECT_TRUE(scores.AddWeights(view).ok());
                EXPECT_TRUE(scores.AddQueriesKeys(queries_keys).ok());
                EXPECT_TRUE(layer.AddWeights(view).ok());
                EXPECT_TRUE(layer.AddLogits(view).ok());
                EXPECT_TRUE(scores.Scores(0, 1, read).ok());
                EXPECT_TRUE(scores.Keep(0, kAllGroups, kept).ok());
                EXPECT_TRUE(scores.Remove(0, 0, std::span(kept).first(500)).ok());
                EXPECT_TRUE(scores.Shift(0, 1, 10, 100, -7).ok());
                scores.Reset();
              }),
              0u);
  }
}

// With room made beforehand, logits, queries and keys allocate nothing either.
TEST_F(AllocationOfRowsTest, LogitsQueriesAndKeysAfterReserve) {
  ThreadRunner pool;
  ASSERT_TRUE(ThreadRunner::Create(3, &pool).ok());
  for (const bool mean_matrix : {false, true}) {
    LayerAccumulator layer = CreateLayer({.heads = kHeads, .max_keys = kKeys, .mean_matrix = mean_matrix});
    EXPECT_GT(AllocationsOf([&] { ASSERT_TRUE(layer.Reserve(pool.runner()).ok()); }), 0u);
    const AttentionView logits = ViewOf(values_, 1, kHeads, kQueries, kKeys);
    const QueryKeyView view =
        ContiguousQueryKey(values_.data(), values_.data(), ElementType::kFloat32, 1, kHeads, 2, kQueries, kKeys, 16);
    EXPECT_EQ(AllocationsOf([&] {
                for (const Runner& runner : {Runner(), pool.runner()}) {
                  EXPECT_TRUE(layer.AddLogits(logits, {.soft_cap = 3.0}, runner).ok());
                  EXPECT_TRUE(layer.AddQueriesKeys(view, {.mask = {.causal = true}}, runner).ok());
                  layer.EndSequence();
                }
              }),
              0u);
  }
}

// Without a runner, not even the first call allocates.
TEST_F(AllocationOfRowsTest, FirstCall) {
  LayerAccumulator layer = CreateLayer({.heads = kHeads, .max_keys = kKeys});
  const AttentionView view = ViewOf(values_, 1, kHeads, kQueries, kKeys);
  EXPECT_EQ(AllocationsOf([&] { EXPECT_TRUE(layer.AddWeights(view).ok()); }), 0u);
}

}  // namespace
}  // namespace attnscope::test

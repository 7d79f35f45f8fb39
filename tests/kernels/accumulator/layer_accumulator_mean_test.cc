// SPDX-License-Identifier: Apache-2.0
//
// Mean-matrix mode against the oracle's mean matrix: heads, sequences, masks, rows in parts, and bad rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using LayerAccumulatorMeanTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(LayerAccumulatorMeanTest);

TEST_P(LayerAccumulatorMeanTest, AgreesWithTheOracle) {
  for (const size_t batch : {size_t{1}, size_t{3}}) {
    for (const size_t heads : {size_t{1}, size_t{4}, size_t{9}}) {
      for (const size_t keys : {size_t{7}, size_t{64}, size_t{1100}}) {
        constexpr size_t kQueries = 19;
        const std::vector<float> values = SoftmaxRows(keys, batch * heads * kQueries, keys, 2.0);
        const AttentionView view = ViewOf(values, batch, heads, kQueries, keys);
        const std::vector<int64_t> lengths(batch, static_cast<int64_t>(keys) - 2);
        for (const Mask& mask : {Mask{}, Mask{.causal = true}, Mask{.causal = true, .causal_offset = 5},
                                 Mask{.key_lengths = lengths.data()}}) {
          LayerAccumulator layer =
              CreateLayer({.heads = heads, .max_keys = keys, .max_batch = batch, .mean_matrix = true});
          ASSERT_TRUE(layer.AddWeights(view, mask).ok());
          const std::string what = std::to_string(batch * heads) + " matrices of " + std::to_string(keys) + " keys";
          ExpectMean(layer.Stats(), ExactMeanOf(view, mask), 1e-3, what);
        }
      }
    }
  }
}

TEST_P(LayerAccumulatorMeanTest, HalfTypes) {
  for (const ElementType type : kAllTypes) {
    const std::vector<float> values = SoftmaxRows(5, 120, 33, 2.0);
    std::vector<uint8_t> bytes(values.size() * ElementBytes(type));
    StoreElements(type, values, bytes.data());
    const AttentionView view = ContiguousAttention(bytes.data(), type, 2, 3, 20, 33);
    LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 33, .max_batch = 2, .mean_matrix = true});
    ASSERT_TRUE(layer.AddWeights(view).ok());
    const double tolerance = type == ElementType::kFloat32 ? 1e-3 : 2e-2;
    ExpectMean(layer.Stats(), ExactMeanOf(view, {}), tolerance, NameOf(type));
  }
}

TEST_P(LayerAccumulatorMeanTest, CutsAndThreadsGiveTheSameBits) {
  constexpr size_t kQueries = 37;
  const LayerConfig config = {.heads = 5, .max_keys = 50, .max_batch = 2, .mean_matrix = true};
  const std::vector<float> values = SoftmaxRows(6, 10 * kQueries, 50, 2.0);
  const AttentionView view = ViewOf(values, 2, 5, kQueries, 50);
  const Mask mask = {.causal = true, .causal_offset = 4};
  LayerAccumulator whole = CreateLayer(config);
  ASSERT_TRUE(whole.AddWeights(view, mask).ok());
  ThreadRunner pool;
  ASSERT_TRUE(ThreadRunner::Create(3, &pool).ok());
  Random random(7);
  for (int round = 0; round < 10; ++round) {
    LayerAccumulator cut = CreateLayer(config);
    for (size_t first = 0, count = 0; first < kQueries; first += count) {
      count = round == 0 ? 1 : 1 + random.Below(kQueries - first);
      const Visibility visibility = VisibilityOfRows(mask, {kQueries, 50}, first, count);
      ASSERT_TRUE(cut.AddWeights(RowsOfView(view, first, count), visibility, pool.runner()).ok());
    }
    ASSERT_TRUE(SameBits(StateOf(cut), StateOf(whole))) << "round " << round;
  }
}

// A collapsed head is hidden by the mean: what the option warns of, and what per-head metrics show.
TEST_P(LayerAccumulatorMeanTest, HidesACollapsedHead) {
  std::vector<float> values(256, 1.0f / 8.0f);
  for (size_t query = 0; query < 8; ++query) {
    for (size_t key = 0; key < 8; ++key) values[query * 8 + key] = key == query ? 1.0f : 0.0f;
  }
  const AttentionView view = ViewOf(values, 1, 4, 8, 8);
  LayerAccumulator mean = CreateLayer({.heads = 4, .max_keys = 8, .mean_matrix = true});
  LayerAccumulator heads = CreateLayer({.heads = 4, .max_keys = 8});
  ASSERT_TRUE(mean.AddWeights(view).ok());
  ASSERT_TRUE(heads.AddWeights(view).ok());
  EXPECT_EQ(heads.Stats().heads[0][Metric::kEntropy], 0.0);
  EXPECT_GT(mean.Stats().layer[Metric::kEntropy], 1.5);
}

TEST_P(LayerAccumulatorMeanTest, ARowThatIsBadInOneHeadIsInvalid) {
  std::vector<float> values = SoftmaxRows(8, 60, 40, 2.0);
  const auto row = [&values](size_t head, size_t query) { return &values[(head * 20 + query) * 40]; };
  row(0, 2)[39] = -1e-3f;
  row(2, 17)[0] = std::numeric_limits<float>::quiet_NaN();
  std::fill_n(row(0, 5), 40, 0.0f);  // one head's empty row leaves the mean unnormalised
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 40, .mean_matrix = true});
  ASSERT_TRUE(layer.AddWeights(ViewOf(values, 1, 3, 20, 40)).ok());
  const MetricValues stats = layer.Stats().layer;
  EXPECT_EQ(stats[Metric::kRows], 20.0);
  EXPECT_EQ(stats[Metric::kInvalidRows], 2.0);
  EXPECT_EQ(stats[Metric::kEmptyRows], 0.0);
  EXPECT_EQ(stats[Metric::kUnnormalizedRows], 1.0);
}

}  // namespace
}  // namespace attnscope::test

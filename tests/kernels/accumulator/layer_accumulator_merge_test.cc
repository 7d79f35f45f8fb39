// SPDX-License-Identifier: Apache-2.0
//
// Ranks that merge: by Merge, or by any all-reduce over the two flat arrays, whether they hold whole sequences, heads
// of a layer, or rows of one open sequence.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 3;
constexpr size_t kQueries = 41;
constexpr size_t kKeys = 60;
constexpr LayerConfig kConfig = {.heads = kHeads, .max_keys = kKeys, .max_batch = 2};

// What MPI_SUM and MPI_MAX do, without knowing what the numbers mean; every rank ends with the result.
void AllReduce(std::span<LayerAccumulator> ranks, bool closed_only) {
  const size_t sums = closed_only ? ranks[0].closed_sums() : ranks[0].sums().size();
  const size_t maxima = closed_only ? ranks[0].closed_maxima() : ranks[0].maxima().size();
  for (size_t i = 0; i < sums; ++i) {
    double total = 0.0;
    for (LayerAccumulator& rank : ranks) total += rank.sums()[i];
    for (LayerAccumulator& rank : ranks) rank.sums()[i] = total;
  }
  for (size_t i = 0; i < maxima; ++i) {
    double most = 0.0;
    for (LayerAccumulator& rank : ranks) most = std::max(most, rank.maxima()[i]);
    for (LayerAccumulator& rank : ranks) rank.maxima()[i] = most;
  }
}

std::vector<LayerAccumulator> Ranks(size_t count, const LayerConfig& config = kConfig) {
  std::vector<LayerAccumulator> ranks;
  for (size_t i = 0; i < count; ++i) ranks.push_back(CreateLayer(config));
  return ranks;
}

std::vector<float> SequenceWeights(uint64_t seed) { return SoftmaxRows(seed, kHeads * kQueries, kKeys, 2.0); }

AttentionView View(const std::vector<float>& values) { return ViewOf(values, 1, kHeads, kQueries, kKeys); }

// The same rows added in another order: equal but for float64 rounding.
void ExpectSameNumbers(const LayerStats& actual, const LayerStats& expected, const std::string& what) {
  const std::vector<double> a = NumbersOf(actual);
  const std::vector<double> b = NumbersOf(expected);
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i])) {
      EXPECT_TRUE(std::isnan(a[i])) << what << ", number " << i;
    } else {
      EXPECT_TRUE(Within(a[i], b[i], 1e-12 * std::abs(b[i]))) << what << ", number " << i;
    }
  }
}

TEST(LayerAccumulatorMergeTest, RanksOfWholeSequences) {
  constexpr size_t kSequences = 5;
  std::vector<std::vector<float>> sequences;
  for (size_t i = 0; i < kSequences; ++i) sequences.push_back(SequenceWeights(i));
  LayerAccumulator single = CreateLayer(kConfig);
  ExactLayer exact(kHeads);
  for (const std::vector<float>& values : sequences) {
    ASSERT_TRUE(single.AddWeights(View(values)).ok());
    single.EndSequence();
    exact.Add(View(values));
  }
  for (size_t split = 0; split <= kSequences; ++split) {
    std::vector<LayerAccumulator> ranks = Ranks(2);
    for (size_t i = 0; i < kSequences; ++i) {
      LayerAccumulator& rank = ranks[i < split ? 0 : 1];
      ASSERT_TRUE(rank.AddWeights(View(sequences[i])).ok());
      rank.EndSequence();
    }
    LayerAccumulator merged = CreateLayer(kConfig);
    for (const LayerAccumulator& rank : ranks) ASSERT_TRUE(merged.Merge(rank).ok());
    ExpectSameNumbers(merged.Stats(), single.Stats(), "split at " + std::to_string(split));
    exact.ExpectEqual(merged.Stats(), "split at " + std::to_string(split));
    // Nothing is open, so the closed parts are enough.
    AllReduce(ranks, /*closed_only=*/true);
    for (const LayerAccumulator& rank : ranks) EXPECT_TRUE(SameBits(StateOf(rank), StateOf(merged)));
  }
}

TEST(LayerAccumulatorMergeTest, RanksOfHeads) {
  const std::vector<float> values = SequenceWeights(7);
  LayerAccumulator single = CreateLayer(kConfig);
  ASSERT_TRUE(single.AddWeights(View(values)).ok());
  const std::vector<double> open_state = StateOf(single);
  single.EndSequence();
  for (const bool open : {true, false}) {
    std::vector<LayerAccumulator> ranks = Ranks(kHeads);
    for (size_t head = 0; head < kHeads; ++head) {
      AttentionView shard = View(values);
      shard.data = &values[head * kQueries * kKeys];
      shard.heads = 1;
      shard.first_head = head;
      ASSERT_TRUE(ranks[head].AddWeights(shard).ok());
      if (!open) ranks[head].EndSequence();
    }
    AllReduce(ranks, !open);
    EXPECT_TRUE(SameBits(StateOf(ranks[1]), open ? open_state : StateOf(single))) << open;
  }
}

// Each rank holds some query rows of one sequence: all-reduced while it is open.
TEST(LayerAccumulatorMergeTest, RanksOfRows) {
  const std::vector<float> values = SequenceWeights(8);
  for (const Mask& mask : {Mask{}, Mask{.causal = true, .causal_offset = 19}}) {
    LayerAccumulator single = CreateLayer(kConfig);
    ASSERT_TRUE(single.AddWeights(View(values), mask).ok());
    single.EndSequence();
    ExactLayer exact(kHeads);
    exact.Add(View(values), mask);
    for (size_t split = 0; split <= kQueries; ++split) {
      std::vector<LayerAccumulator> ranks = Ranks(3);
      const size_t cuts[] = {0, split / 2, split, kQueries};
      for (size_t i = 0; i < 3; ++i) {
        const AttentionView rows = RowsOfView(View(values), cuts[i], cuts[i + 1] - cuts[i]);
        ASSERT_TRUE(ranks[i].AddWeights(rows, VisibilityOfRows(mask, {kQueries, kKeys}, cuts[i], rows.queries)).ok());
      }
      AllReduce(ranks, /*closed_only=*/false);
      for (LayerAccumulator& rank : ranks) {
        rank.EndSequence();
        exact.ExpectEqual(rank.Stats(), "rows split at " + std::to_string(split));
        EXPECT_EQ(rank.Stats().layer[Metric::kMatrices], static_cast<double>(kHeads)) << "not three parts of each";
      }
    }
  }
}

// The sequence goes on after its parts were merged, at every place within blocks of rows.
TEST(LayerAccumulatorMergeTest, RowsAfterAMerge) {
  const std::vector<float> values = SequenceWeights(9);
  ExactLayer exact(kHeads);
  exact.Add(View(values));
  for (size_t first = 1; first <= 17; first += 4) {
    for (size_t second = 1; second <= 17; second += 3) {
      std::vector<LayerAccumulator> ranks = Ranks(2);
      ASSERT_TRUE(ranks[0].AddWeights(RowsOfView(View(values), 0, first)).ok());
      ASSERT_TRUE(ranks[1].AddWeights(RowsOfView(View(values), first, second)).ok());
      ASSERT_TRUE(ranks[0].Merge(ranks[1]).ok());
      for (size_t row = first + second; row < kQueries; row += 2) {
        const size_t count = std::min<size_t>(2, kQueries - row);
        ASSERT_TRUE(ranks[0].AddWeights(RowsOfView(View(values), row, count)).ok());
      }
      ranks[0].EndSequence();
      exact.ExpectEqual(ranks[0].Stats(), std::to_string(first) + " and " + std::to_string(second) + " rows");
    }
  }
}

TEST(LayerAccumulatorMergeTest, MeanMatrix) {
  const LayerConfig config = {.heads = kHeads, .max_keys = kKeys, .max_batch = 2, .mean_matrix = true};
  std::vector<LayerAccumulator> ranks = Ranks(2, config);
  LayerAccumulator single = CreateLayer(config);
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<float> values = SequenceWeights(10 + i);
    for (LayerAccumulator* layer : {&ranks[i], &single}) {
      ASSERT_TRUE(layer->AddWeights(View(values)).ok());
      layer->EndSequence();
    }
  }
  AllReduce(ranks, /*closed_only=*/true);
  ExpectSameNumbers(ranks[0].Stats(), single.Stats(), "mean matrix");
}

TEST(LayerAccumulatorMergeTest, ResidualsAndGradients) {
  const std::vector<float> before = SoftmaxRows(11, 8, 32, 1.0);
  const std::vector<float> after = SoftmaxRows(12, 8, 32, 1.0);
  const std::vector<float> zeros(before.size());
  const auto view = [](const std::vector<float>& values) {
    return ContiguousActivation(values.data(), ElementType::kFloat32, 2, 4, 32);
  };
  std::vector<LayerAccumulator> ranks = Ranks(2);
  LayerAccumulator single = CreateLayer(kConfig);
  for (LayerAccumulator* layer : {&ranks[0], &single}) {
    ASSERT_TRUE(layer->AddResidual(view(before), view(after)).ok());
    ASSERT_TRUE(layer->AddGradient({.data = before.data(), .size = before.size()}).ok());
  }
  for (LayerAccumulator* layer : {&ranks[1], &single}) {
    ASSERT_TRUE(layer->AddResidual(view(after), view(before)).ok());
    ASSERT_TRUE(layer->AddResidual(view(zeros), view(after)).ok());
    ASSERT_TRUE(layer->AddGradient({.data = after.data(), .size = after.size()}).ok());
  }
  AllReduce(ranks, /*closed_only=*/true);
  ExpectSameNumbers(ranks[0].Stats(), single.Stats(), "residuals");
  EXPECT_EQ(single.Stats().layer[Metric::kInfiniteResiduals], 2.0);
}

TEST(LayerAccumulatorMergeTest, MergeEqualsTheArrays) {
  std::vector<LayerAccumulator> ranks = Ranks(2);
  std::vector<LayerAccumulator> others = Ranks(2);
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<float> ended = SequenceWeights(20 + i);
    const std::vector<float> open = SequenceWeights(30 + i);
    for (LayerAccumulator* layer : {&ranks[i], &others[i]}) {
      ASSERT_TRUE(layer->AddWeights(View(ended)).ok());
      layer->EndSequence();
      ASSERT_TRUE(layer->AddWeights(RowsOfView(View(open), 0, 5 + i)).ok());
    }
  }
  AllReduce(ranks, /*closed_only=*/false);
  const std::vector<double> of_other = StateOf(others[1]);
  ASSERT_TRUE(others[0].Merge(others[1]).ok());
  EXPECT_TRUE(SameBits(StateOf(others[0]), StateOf(ranks[0])));
  EXPECT_TRUE(SameBits(StateOf(others[1]), of_other)) << "the other stays as it is";
}

TEST(LayerAccumulatorMergeTest, AnEmptyRankChangesNothing) {
  const std::vector<float> values = SequenceWeights(13);
  LayerAccumulator layer = CreateLayer(kConfig);
  ASSERT_TRUE(layer.AddWeights(View(values)).ok());
  const std::vector<double> state = StateOf(layer);
  ASSERT_TRUE(layer.Merge(CreateLayer(kConfig)).ok());
  EXPECT_TRUE(SameBits(StateOf(layer), state));
}

TEST(LayerAccumulatorMergeTest, ConfigurationsMustAgree) {
  LayerAccumulator layer = CreateLayer(kConfig);
  ASSERT_TRUE(layer.AddWeights(View(SequenceWeights(14))).ok());
  const std::vector<double> state = StateOf(layer);
  std::vector<LayerConfig> configs(6, kConfig);
  configs[0].heads = 4;
  configs[1].max_keys = 61;
  configs[2].max_batch = 1;
  configs[3].mean_matrix = true;
  configs[4].tolerance_float32 = 2e-3;
  configs[5].tolerance_half = 1e-2;
  for (const LayerConfig& config : configs) {
    const Status status = layer.Merge(CreateLayer(config));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_FALSE(status.message().empty());
    EXPECT_TRUE(SameBits(StateOf(layer), state));
  }
}

}  // namespace
}  // namespace attnscope::test

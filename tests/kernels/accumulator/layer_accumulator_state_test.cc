// SPDX-License-Identifier: Apache-2.0
//
// The life of an accumulator: sequences end, results are read at any time, Reset forgets, moves carry the state, and an
// empty one refuses politely.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 2;
constexpr size_t kQueries = 19;
constexpr size_t kKeys = 33;
constexpr LayerConfig kConfig = {.heads = kHeads, .max_keys = kKeys, .max_batch = 2};

std::vector<float> Weights(uint64_t seed, size_t batch = 1, size_t keys = kKeys) {
  return SoftmaxRows(seed, batch * kHeads * kQueries, keys, 2.0);
}

void Add(LayerAccumulator& layer, const std::vector<float>& values, size_t batch = 1, size_t keys = kKeys) {
  const Status status = layer.AddWeights(ViewOf(values, batch, kHeads, kQueries, keys));
  ASSERT_TRUE(status.ok()) << status.message();
}

TEST(LayerAccumulatorStateTest, SequencesOfABatchEqualOnesThatFollow) {
  const std::vector<float> values = Weights(1, 2);
  LayerAccumulator together = CreateLayer(kConfig);
  Add(together, values, 2);
  together.EndSequence();
  LayerAccumulator one_by_one = CreateLayer(kConfig);
  const size_t half = values.size() / 2;
  for (const size_t begin : {size_t{0}, half}) {
    Add(one_by_one, std::vector<float>(&values[begin], &values[begin] + half));
    one_by_one.EndSequence();
  }
  EXPECT_TRUE(SameBits(StateOf(one_by_one), StateOf(together)));
  ExactLayer exact(kHeads);
  exact.Add(ViewOf(values, 2, kHeads, kQueries, kKeys));
  exact.ExpectEqual(together.Stats(), "a batch of two");
}

// Two sequences that are not ended are one: their columns add up, and there is one matrix a head.
TEST(LayerAccumulatorStateTest, WithoutAnEndRowsContinueTheSequence) {
  const std::vector<float> values = Weights(2);
  LayerAccumulator joined = CreateLayer(kConfig);
  Add(joined, values);
  Add(joined, values);
  joined.EndSequence();
  EXPECT_EQ(joined.Stats().layer[Metric::kMatrices], 2.0);
  LayerAccumulator ended = CreateLayer(kConfig);
  Add(ended, values);
  ended.EndSequence();
  const double max_col_sum = ended.Stats().layer[Metric::kMaxColSum];
  Add(ended, values);
  ended.EndSequence();
  EXPECT_EQ(ended.Stats().layer[Metric::kMatrices], 4.0);
  EXPECT_EQ(ended.Stats().layer[Metric::kMaxColSum], max_col_sum);
  EXPECT_TRUE(Within(joined.Stats().layer[Metric::kMaxColSum], 2.0 * max_col_sum, 2e-6 * max_col_sum));
  const double entropy = ended.Stats().layer[Metric::kEntropy];
  EXPECT_TRUE(Within(joined.Stats().layer[Metric::kEntropy], entropy, 1e-13));
}

TEST(LayerAccumulatorStateTest, StatsAreThoseAfterTheEnd) {
  LayerAccumulator layer = CreateLayer(kConfig);
  Add(layer, Weights(3));
  layer.EndSequence();
  Add(layer, Weights(4));
  const std::vector<double> open_state = StateOf(layer);
  const std::vector<double> before = NumbersOf(layer.Stats());
  EXPECT_TRUE(SameBits(StateOf(layer), open_state)) << "Stats leaves the state alone";
  layer.EndSequence();
  EXPECT_TRUE(SameBits(NumbersOf(layer.Stats()), before));
  layer.EndSequence();
  EXPECT_TRUE(SameBits(NumbersOf(layer.Stats()), before)) << "there was nothing to end";
}

TEST(LayerAccumulatorStateTest, TheEndClearsTheOpenPart) {
  LayerAccumulator layer = CreateLayer(kConfig);
  Add(layer, Weights(5, 2), 2);
  const auto is_zero = [](double value) { return value == 0.0; };
  const auto open_sums = [&] { return layer.sums().subspan(layer.closed_sums()); };
  const auto open_maxima = [&] { return layer.maxima().subspan(layer.closed_maxima()); };
  EXPECT_FALSE(std::all_of(open_sums().begin(), open_sums().end(), is_zero));
  layer.EndSequence();
  EXPECT_TRUE(std::all_of(open_sums().begin(), open_sums().end(), is_zero));
  EXPECT_TRUE(std::all_of(open_maxima().begin(), open_maxima().end(), is_zero));
}

// A sequence with fewer keys behind one with more starts from zero.
TEST(LayerAccumulatorStateTest, SequencesOfDifferentLengths) {
  LayerAccumulator layer = CreateLayer(kConfig);
  ExactLayer exact(kHeads);
  for (const size_t keys : {kKeys, size_t{3}, size_t{20}, size_t{1}, kKeys}) {
    const std::vector<float> values = Weights(keys, 1, keys);
    Add(layer, values, 1, keys);
    exact.Add(ViewOf(values, 1, kHeads, kQueries, keys));
    layer.EndSequence();
  }
  exact.ExpectEqual(layer.Stats(), "lengths");
}

// Later rows of one sequence may also see fewer keys than earlier ones, where a cache has dropped some.
TEST(LayerAccumulatorStateTest, RowsWithFewerKeysContinueTheSequence) {
  LayerAccumulator layer = CreateLayer({.max_keys = kKeys});
  std::vector<std::vector<long double>> rows;
  for (const size_t keys : {size_t{20}, kKeys, size_t{7}, size_t{12}}) {
    const std::vector<float> values = SoftmaxRows(keys, 5, keys, 2.0);
    ASSERT_TRUE(layer.AddWeights(ViewOf(values, 1, 1, 5, keys), {.keys_were_evicted = true}).ok());
    for (size_t i = 0; i < 5; ++i) rows.emplace_back(&values[i * keys], &values[i * keys] + keys);
  }
  const ExactMatrix exact = ExactMatrixOf(rows);
  ExpectMetrics(layer.Stats().heads[0], ExactMetrics(std::span(&exact, 1), 1e-3), "fewer keys");
  layer.EndSequence();
  const std::span<const double> open = std::as_const(layer).sums().subspan(layer.closed_sums());
  EXPECT_TRUE(std::all_of(open.begin(), open.end(), [](double value) { return value == 0.0; }));
}

TEST(LayerAccumulatorStateTest, ResetForgetsEverything) {
  LayerAccumulator layer = CreateLayer(kConfig);
  const std::vector<double> fresh = StateOf(layer);
  const std::vector<float> values = Weights(6);
  Add(layer, values);
  const std::vector<double> used = StateOf(layer);
  layer.EndSequence();
  Add(layer, values);
  ASSERT_TRUE(layer.AddGradient({.data = values.data(), .size = values.size()}).ok());
  layer.Reset();
  EXPECT_TRUE(SameBits(StateOf(layer), fresh));
  EXPECT_FALSE(layer.Stats().layer.Has(Metric::kRows));
  Add(layer, values);
  EXPECT_TRUE(SameBits(StateOf(layer), used)) << "and the accumulator works as a new one";
}

// Also where the maxima, as a caller left them, no longer tell of the columns.
TEST(LayerAccumulatorStateTest, ResetForgetsWhatACallerWrote) {
  const std::vector<double> fresh = StateOf(CreateLayer(kConfig));
  const std::vector<float> values = Weights(7);
  for (const bool in_maxima : {false, true}) {
    for (const double number : {1.0, std::nan("")}) {
      LayerAccumulator layer = CreateLayer(kConfig);
      Add(layer, Weights(8));
      if (in_maxima) {
        for (double& value : layer.maxima()) value = 0.0;
      } else {
        for (double& value : layer.sums()) value = number;
      }
      layer.Reset();
      EXPECT_TRUE(SameBits(StateOf(layer), fresh)) << "in maxima: " << in_maxima << ", " << number;
      LayerAccumulator expected = CreateLayer(kConfig);
      Add(layer, values);
      Add(expected, values);
      EXPECT_TRUE(SameBits(StateOf(layer), StateOf(expected)));
    }
  }
}

TEST(LayerAccumulatorStateTest, NothingMeasuredIsNotZero) {
  const LayerStats stats = CreateLayer(kConfig).Stats();
  EXPECT_TRUE(stats.heads.empty());
  for (const MetricInfo& info : AllMetrics()) EXPECT_FALSE(stats.layer.Has(info.metric)) << info.name;
}

// Rows [first, end) of both heads.
void AddRows(LayerAccumulator& layer, const std::vector<float>& values, size_t first, size_t end) {
  AttentionView view = ViewOf(values, 1, kHeads, kQueries, kKeys);
  view.data = &values[first * kKeys];
  view.queries = end - first;
  const Status status = layer.AddWeights(view);
  ASSERT_TRUE(status.ok()) << status.message();
}

// Sequence 1 alone is open, with a whole block of rows and three rows of the next.
TEST(LayerAccumulatorStateTest, OpenPartsTellWhereMatricesStand) {
  const std::vector<float> values = Weights(20);
  LayerAccumulator layer = CreateLayer(kConfig);
  AttentionView view = ViewOf(values, 1, kHeads, kQueries, kKeys);
  view.first_sequence = 1;
  ASSERT_TRUE(layer.AddWeights(view).ok());
  const std::span<const double> sums = std::as_const(layer).sums();
  const std::span<const double> maxima = std::as_const(layer).maxima();
  const OpenParts parts = layer.open_parts();
  ASSERT_EQ(parts.matrices, 2 * kHeads);
  ASSERT_EQ(parts.keys, kKeys);
  const auto total = [](std::span<const double> of) { return std::accumulate(of.begin(), of.end(), 0.0); };
  for (size_t i = 0; i < parts.matrices; ++i) {
    const bool is_open = i >= kHeads;
    EXPECT_EQ(maxima[parts.matrix_keys + i], is_open ? static_cast<double>(kKeys) : 0.0);
    EXPECT_NEAR(total(sums.subspan(parts.columns + i * kKeys, kKeys)), is_open ? 16.0 : 0.0, 1e-4);
    EXPECT_NEAR(total(sums.subspan(parts.partial_columns + i * kKeys, kKeys)), is_open ? 3.0 : 0.0, 1e-4);
  }
  EXPECT_GT(total(sums.first(parts.columns).subspan(layer.closed_sums())), 0.0);
  layer.EndSequence();
  EXPECT_EQ(total(std::as_const(layer).sums().first(parts.columns).subspan(layer.closed_sums())), 0.0);
  EXPECT_EQ(LayerAccumulator().open_parts().matrices, 0u);
}

// Within a block of rows, whose column sums are not in the array until someone asks for it.
TEST(LayerAccumulatorStateTest, TheStateMayBeReadAtAnyRow) {
  const std::vector<float> values = Weights(21);
  LayerAccumulator whole = CreateLayer(kConfig);
  Add(whole, values);
  whole.EndSequence();
  LayerAccumulator read = CreateLayer(kConfig);
  LayerAccumulator changeable = CreateLayer(kConfig);
  for (size_t row = 0; row < kQueries; ++row) {
    AddRows(read, values, row, row + 1);
    const std::span<const double> sums = std::as_const(read).sums();
    AddRows(changeable, values, row, row + 1);
    EXPECT_TRUE(SameBits(std::vector<double>(sums.begin(), sums.end()),
                         std::vector<double>(changeable.sums().begin(), changeable.sums().end())))
        << "after row " << row;
  }
  read.EndSequence();
  changeable.EndSequence();
  EXPECT_TRUE(SameBits(StateOf(read), StateOf(whole)));
  EXPECT_TRUE(SameBits(StateOf(changeable), StateOf(whole)));
}

// A copy of both arrays goes on where the original was, at every row.
TEST(LayerAccumulatorStateTest, ACopiedStateGoesOn) {
  const std::vector<float> values = Weights(22);
  LayerAccumulator whole = CreateLayer(kConfig);
  Add(whole, values);
  whole.EndSequence();
  for (size_t row = 0; row <= kQueries; ++row) {
    LayerAccumulator original = CreateLayer(kConfig);
    if (row != 0) AddRows(original, values, 0, row);
    LayerAccumulator copy = CreateLayer(kConfig);
    Add(copy, Weights(23));  // what is overwritten leaves nothing behind
    const std::span<const double> sums = std::as_const(original).sums();
    const std::span<const double> maxima = std::as_const(original).maxima();
    std::copy(sums.begin(), sums.end(), copy.sums().begin());
    std::copy(maxima.begin(), maxima.end(), copy.maxima().begin());
    if (row != kQueries) AddRows(copy, values, row, kQueries);
    copy.EndSequence();
    EXPECT_TRUE(SameBits(StateOf(copy), StateOf(whole))) << "copied after row " << row;
  }
}

// An all-reduce that adds maxima, or one of other types: the metrics are wrong, but nothing beyond the arrays is
// touched, which the address sanitizer sees.
TEST(LayerAccumulatorStateTest, NumbersOfNoAccumulator) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double number : {100.0, 0.5, -1.0, 0x1p53, 0x1p64, 1e300, kInfinity, -kInfinity, std::nan("")}) {
    for (const bool in_sums : {false, true}) {
      for (const size_t keys : {kKeys, size_t{0}}) {
        LayerConfig config = kConfig;
        config.max_keys = keys;
        LayerAccumulator layer = CreateLayer(config);
        const auto write = [&layer, number, in_sums] {
          for (double& value : layer.maxima()) value = number;
          for (double& value : layer.sums()) value = in_sums ? number : 3.0;
        };
        write();
        layer.Stats();
        if (keys != 0) AddRows(layer, Weights(24), 0, 5);
        layer.Stats();
        write();
        LayerAccumulator other = CreateLayer(config);
        EXPECT_TRUE(other.Merge(layer).ok());
        other.EndSequence();
        layer.EndSequence();
        layer.Stats();
        layer.Reset();
        EXPECT_FALSE(layer.Stats().layer.Has(Metric::kRows));
      }
    }
  }
}

TEST(LayerAccumulatorStateTest, MovesCarryTheState) {
  LayerAccumulator first = CreateLayer(kConfig);
  Add(first, Weights(7));
  const std::vector<double> state = StateOf(first);
  LayerAccumulator second = std::move(first);
  EXPECT_TRUE(SameBits(StateOf(second), state));
  LayerAccumulator third = CreateLayer({.heads = 1, .max_keys = 1});
  third = std::move(second);
  EXPECT_TRUE(SameBits(StateOf(third), state));
  third.EndSequence();
  EXPECT_EQ(third.Stats().layer[Metric::kRows], static_cast<double>(kHeads * kQueries));
  ASSERT_TRUE(LayerAccumulator::Create({.heads = 1, .max_keys = 4}, &third).ok());
  EXPECT_FALSE(third.Stats().layer.Has(Metric::kRows)) << "Create replaces what was there";
}

TEST(LayerAccumulatorStateTest, AnEmptyAccumulatorRefuses) {
  LayerAccumulator empty;
  const std::vector<float> values = Weights(8);
  const ActivationView activation = ContiguousActivation(values.data(), ElementType::kFloat32, 1, 1, 8);
  for (const Status& status :
       {empty.AddWeights(ViewOf(values, 1, kHeads, kQueries, kKeys)), empty.AddResidual(activation, activation),
        empty.AddGradient({.data = values.data(), .size = 8}), empty.Merge(CreateLayer(kConfig))}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("Create"), std::string::npos) << status.message();
  }
  LayerAccumulator layer = CreateLayer(kConfig);
  EXPECT_EQ(layer.Merge(empty).code(), StatusCode::kInvalidArgument);
  empty.EndSequence();
  empty.Reset();
  EXPECT_FALSE(empty.Stats().layer.Has(Metric::kRows));
  EXPECT_TRUE(empty.sums().empty());
  EXPECT_TRUE(empty.maxima().empty());
  EXPECT_EQ(empty.closed_sums(), 0u);
  EXPECT_EQ(empty.closed_maxima(), 0u);
}

// Without keys there is no attention to add, but residual streams and gradients.
TEST(LayerAccumulatorStateTest, NoKeys) {
  LayerAccumulator layer = CreateLayer({.heads = 2});
  EXPECT_EQ(layer.AddWeights(ViewOf(Weights(9), 1, kHeads, kQueries, kKeys)).code(), StatusCode::kOutOfRange);
  EXPECT_TRUE(layer.AddWeights({}).ok()) << "a view of nothing";
  EXPECT_FALSE(layer.Stats().layer.Has(Metric::kRows));
  // Rows without keys are empty rows.
  ASSERT_TRUE(layer.AddWeights({.heads = 2, .queries = 5}).ok());
  EXPECT_EQ(layer.Stats().layer[Metric::kMaskedRows], 10.0);
  EXPECT_FALSE(layer.Stats().layer.Has(Metric::kEntropy));
  layer.EndSequence();
  EXPECT_EQ(layer.Stats().layer[Metric::kRows], 10.0);
}

}  // namespace
}  // namespace attnscope::test

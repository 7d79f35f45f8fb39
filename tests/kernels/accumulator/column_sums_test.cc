// SPDX-License-Identifier: Apache-2.0
//
// Column sums of open sequences, and of those that end, against the oracle.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using ColumnSumsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(ColumnSumsTest);

// What a receiver has got, matrix by matrix.
struct Received {
  struct Matrix {
    size_t sequence;
    size_t head;
    std::vector<double> columns;
  };
  std::vector<Matrix> matrices;

  ColumnReceiver receiver() {
    return {this, [](void* opaque, size_t sequence, size_t head, std::span<const double> columns) {
              static_cast<Received*>(opaque)->matrices.push_back({sequence, head, {columns.begin(), columns.end()}});
            }};
  }
};

std::vector<double> ColumnsOf(const LayerAccumulator& layer, size_t sequence, size_t head) {
  std::vector<double> columns(layer.OpenKeys(sequence, head), -1.0);
  EXPECT_TRUE(layer.ColumnSums(sequence, head, columns).ok());
  return columns;
}

void ExpectColumns(const std::vector<double>& columns, const ExactMatrix& exact, const std::string& what) {
  for (size_t i = 0; i < std::max(columns.size(), exact.columns.size()); ++i) {
    const long double expected = i < exact.columns.size() ? exact.columns[i] : 0.0L;
    const double actual = i < columns.size() ? columns[i] : 0.0;
    EXPECT_TRUE(Within(actual, expected, 1e-6L * expected + 1e-30L)) << "column " << i << ", " << what;
  }
}

// Rows of two sequences and three heads: at any number of rows the sums so far, whatever of them stands in a block.
TEST_P(ColumnSumsTest, OfOpenSequences) {
  constexpr size_t kQueries = 37, kKeys = 70;
  const std::vector<float> weights = MixedRows(1, 2 * 3 * kQueries, kKeys);
  const AttentionView view = ViewOf(weights, 2, 3, kQueries, kKeys);
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 100, .max_batch = 2});
  EXPECT_EQ(layer.OpenKeys(1, 2), 0u);
  for (size_t rows = 0; rows < kQueries;) {
    const size_t count = std::min<size_t>(1 + rows % 7, kQueries - rows);
    ASSERT_TRUE(layer.AddWeights(RowsOfView(view, rows, count)).ok());
    rows += count;
    for (size_t i = 0; i < 6; ++i) {
      const std::string what = std::to_string(rows) + " rows of matrix " + std::to_string(i);
      ASSERT_EQ(layer.OpenKeys(i / 3, i % 3), kKeys);
      ExpectColumns(ColumnsOf(layer, i / 3, i % 3),
                    ExactMatrixOf(ExactWeightsOf(RowsOfView(view, 0, rows), {}, i / 3, i % 3)), what);
    }
  }
  // The same where the blocks have moved to the arrays.
  const std::vector<double> before = ColumnsOf(layer, 1, 2);
  layer.sums();
  EXPECT_TRUE(SameBits(ColumnsOf(layer, 1, 2), before));
  // Room beyond the keys is filled with zeros.
  std::vector<double> more(kKeys + 5, 7.0);
  ASSERT_TRUE(layer.ColumnSums(1, 2, more).ok());
  EXPECT_TRUE(std::all_of(more.begin() + kKeys, more.end(), [](double sum) { return sum == 0.0; }));
}

TEST_P(ColumnSumsTest, OfSequencesThatEnd) {
  constexpr size_t kQueries = 21, kKeys = 70;
  const std::vector<float> weights = MixedRows(2, 2 * 3 * kQueries, kKeys);
  LayerAccumulator layer = CreateLayer({.heads = 4, .max_keys = kKeys, .max_batch = 2});
  LayerAccumulator without = CreateLayer({.heads = 4, .max_keys = kKeys, .max_batch = 2});
  for (const bool handed_out : {false, true}) {
    for (LayerAccumulator* each : {&layer, &without}) {
      ASSERT_TRUE(each->AddWeights(ViewOf(weights, 2, 3, kQueries, kKeys), {.causal = true}).ok());
      if (handed_out) each->sums();
    }
    for (const size_t sequence : {size_t{1}, size_t{0}}) {
      std::vector<std::vector<double>> open;
      for (size_t head = 0; head < 3; ++head) open.push_back(ColumnsOf(layer, sequence, head));
      Received received;
      ASSERT_TRUE(layer.EndSequence(sequence, received.receiver()).ok());
      ASSERT_TRUE(without.EndSequence(sequence).ok());
      ASSERT_EQ(received.matrices.size(), 3u);  // the fourth head has no rows
      for (size_t head = 0; head < 3; ++head) {
        EXPECT_EQ(received.matrices[head].sequence, sequence);
        EXPECT_EQ(received.matrices[head].head, head);
        EXPECT_TRUE(SameBits(received.matrices[head].columns, open[head]));
      }
      EXPECT_EQ(layer.OpenKeys(sequence, 0), 0u);
    }
    EXPECT_TRUE(SameBits(StateOf(layer), StateOf(without)));
  }
}

// By position, whatever rows see.
TEST_P(ColumnSumsTest, OfAnyVisibility) {
  Random random(5);
  for (int round = 0; round < (kSlowBuild ? 10 : 60) && !HasFailure(); ++round) {
    AttentionSizes sizes;
    sizes.queries = 1 + random.Below(40);
    sizes.keys = 1 + random.Below(60);
    sizes.max_keys = sizes.keys + random.Below(20);
    const RandomVisibility visibility(sizes, random);
    const VisibleAttention attention(sizes, {.mask = *visibility}, ElementType::kFloat32, random.Bits());
    LayerAccumulator layer = CreateLayer(attention.config());
    ASSERT_TRUE(attention.AddAll(InputKind::kWeights, layer).ok());
    for (size_t i = 0; i < sizes.batch * sizes.heads; ++i) {
      const size_t sequence = i / sizes.heads, head = i % sizes.heads;
      ExpectColumns(ColumnsOf(layer, sequence, head),
                    ExactMatrixOf(ExactWeightsOf(attention.weights(), *visibility, sequence, head)),
                    "round " + std::to_string(round) + TextOf(*visibility, sizes.batch));
    }
  }
}

TEST(ColumnSumsErrors, NameTheArgument) {
  std::vector<double> columns(8);
  EXPECT_EQ(LayerAccumulator().ColumnSums(0, 0, columns).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(LayerAccumulator().OpenKeys(0, 0), 0u);
  LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = 8});
  EXPECT_EQ(layer.ColumnSums(1, 0, columns).message(), "sequence is 1, the accumulator was made for 1");
  EXPECT_EQ(layer.ColumnSums(0, 2, columns).message(), "head is 2, the accumulator was made for 2");
  EXPECT_EQ(layer.OpenKeys(1, 0), 0u);
  EXPECT_EQ(layer.OpenKeys(0, 2), 0u);
  Received received;
  EXPECT_EQ(layer.EndSequence(1, received.receiver()).message(), "sequence is 1, the accumulator was made for 1");
  const std::vector<float> weights(2 * 8, 0.125f);
  ASSERT_TRUE(layer.AddWeights(ViewOf(weights, 1, 2, 1, 8)).ok());
  const std::vector<double> untouched = columns;
  EXPECT_EQ(layer.ColumnSums(0, 1, std::span(columns).first(7)).message(),
            "columns has room for 7 keys, but open matrix [0, 1] has 8");
  EXPECT_EQ(columns, untouched);
}

}  // namespace
}  // namespace attnscope::test

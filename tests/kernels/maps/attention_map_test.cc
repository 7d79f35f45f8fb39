// SPDX-License-Identifier: Apache-2.0
//
// Maps of weights, logits, and queries and keys against the oracle: what rows see in random combinations, masks by
// value, any cut into calls and any number of threads.
#include "attnscope/attention_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/limits.h"
#include "attnscope/thread_runner.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using AttentionMapTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(AttentionMapTest);

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int kRounds = kSlowBuild ? 10 : 80;

std::vector<AttentionMap> MapsFor(size_t heads, size_t queries, size_t keys, size_t most_cells) {
  std::vector<AttentionMap> maps;
  for (size_t head = 0; head < heads; ++head) {
    maps.push_back(MakeAttentionMap(2, static_cast<int64_t>(head), queries, keys, most_cells));
  }
  return maps;
}

Status Pool(InputKind kind, const VisibleAttention& attention, const SoftmaxParams& params,
            std::vector<AttentionMap>* maps, const Runner& runner = {}) {
  switch (kind) {
    case InputKind::kWeights:
      return PoolWeights(attention.weights(), 0, params.mask, *maps, runner);
    case InputKind::kLogits:
      return PoolLogits(attention.logits(), 0, params, *maps, runner);
    case InputKind::kQueriesKeys:
      return PoolQueriesKeys(attention.queries_keys(), 0, params, *maps, runner);
  }
  return {};
}

// The weight of each key of a matrix's rows, -1 where it is not seen.
std::vector<std::vector<long double>> ExactMatrixOf(InputKind kind, const VisibleAttention& attention,
                                                    const SoftmaxParams& params, const AttentionSizes& sizes,
                                                    size_t sequence, size_t head, long double* error) {
  std::vector<std::vector<long double>> matrix(sizes.queries, std::vector<long double>(sizes.keys, -1.0L));
  *error = 0.0L;
  if (kind == InputKind::kWeights) {
    const AttentionView view = attention.weights();
    for (size_t i = 0; i < sizes.queries * sizes.keys; ++i) {
      if (!Sees(params.mask, sizes.matrix(), sequence, head, i / sizes.keys, i % sizes.keys)) continue;
      const size_t first = (sequence * sizes.heads + head) * sizes.queries * sizes.keys;
      matrix[i / sizes.keys][i % sizes.keys] = LoadElement(view.type, view.data, first + i);
    }
    return matrix;
  }
  const auto logits = kind == InputKind::kLogits
                          ? ExactLogitsOf(attention.logits(), params, sequence, head)
                          : ExactLogitsOf(attention.queries_keys(), params, sequence, head, error);
  const long double sink = params.sinks == nullptr ? -HUGE_VALL : static_cast<long double>(params.sinks[head]);
  for (size_t row = 0; row < sizes.queries; ++row) {
    const ExactSoftmax softmax = ExactSoftmaxOf(logits[row], sink);
    for (size_t key = 0; key < logits[row].size(); ++key) {
      if (logits[row][key] != -HUGE_VALL) matrix[row][key] = softmax.weights[key];
    }
  }
  return matrix;
}

void ExpectExact(InputKind kind, const VisibleAttention& attention, const SoftmaxParams& params,
                 const AttentionSizes& sizes, const std::vector<AttentionMap>& maps, const std::string& what) {
  for (size_t head = 0; head < sizes.heads; ++head) {
    const AttentionMap& map = maps[head];
    std::vector<long double> expected(map.rows * map.columns, -1.0L);
    long double error = 0.0L;
    for (size_t sequence = 0; sequence < sizes.batch; ++sequence) {
      long double of_sequence = 0.0L;
      const auto matrix = ExactMatrixOf(kind, attention, params, sizes, sequence, head, &of_sequence);
      error = std::max(error, of_sequence);
      for (size_t row = 0; row < map.rows; ++row) {
        for (size_t column = 0; column < map.columns; ++column) {
          for (size_t i = row * sizes.queries / map.rows; i < (row + 1) * sizes.queries / map.rows; ++i) {
            for (size_t j = column * sizes.keys / map.columns; j < (column + 1) * sizes.keys / map.columns; ++j) {
              long double& cell = expected[row * map.columns + column];
              cell = std::max(cell, matrix[i][j]);
            }
          }
        }
      }
    }
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto actual = static_cast<long double>(map.cells[i]);
      const std::string where = what + ": head " + std::to_string(head) + ", cell " + std::to_string(i);
      if (expected[i] < 0.0L || kind == InputKind::kWeights) {
        ASSERT_EQ(actual, expected[i]) << where;
      } else {
        const long double bound = expected[i] * (2e-6L + 3.0L * error) + 1e-36L;
        ASSERT_TRUE(std::abs(actual - expected[i]) <= bound) << where << " is " << actual << ", not " << expected[i];
      }
    }
  }
}

AttentionSizes RandomSizes(Random& random) {
  AttentionSizes sizes;
  sizes.batch = 1 + random.Below(2);
  sizes.kv_heads = 1 + random.Below(2);
  sizes.heads = sizes.kv_heads * (1 + random.Below(3));
  sizes.queries = 1 + random.Below(60);
  sizes.keys = 1 + random.Below(90);
  sizes.head_dim = 1 + random.Below(20);
  sizes.max_keys = sizes.keys + random.Below(30);
  return sizes;
}

TEST_P(AttentionMapTest, OfRandomInputs) {
  ThreadRunner threads;
  ASSERT_TRUE(ThreadRunner::Create(3, &threads).ok());
  Random random(5);
  for (int round = 0; round < kRounds; ++round) {
    const AttentionSizes sizes = RandomSizes(random);
    const RandomVisibility visibility(sizes, random);
    SoftmaxParams params;
    params.mask = *visibility;
    std::vector<float> sinks(sizes.heads, 0.5f);
    if (random.Below(3) == 0) params.sinks = sinks.data();
    const ElementType type = kAllTypes[random.Below(3)];
    VisibleAttention attention(sizes, params, type, random.Bits());
    if (random.Below(2) == 0) attention.MaskLogits({-kInfinity, -1e9f}, random.Bits());
    const size_t most_cells = 1 + random.Below(64);
    for (const InputKind kind : kAllInputs) {
      std::vector<AttentionMap> maps = MapsFor(sizes.heads, sizes.queries, sizes.keys, most_cells);
      Status status = Pool(kind, attention, params, &maps);
      ASSERT_TRUE(status.ok()) << status.message();
      ExpectExact(kind, attention, params, sizes, maps,
                  "round " + std::to_string(round) + ", " + NameOf(kind) + TextOf(*visibility, sizes.batch));
      if (HasFatalFailure()) return;
      std::vector<AttentionMap> by_threads = MapsFor(sizes.heads, sizes.queries, sizes.keys, most_cells);
      status = Pool(kind, attention, params, &by_threads, threads.runner());
      ASSERT_TRUE(status.ok()) << status.message();
      for (size_t head = 0; head < sizes.heads; ++head) ASSERT_EQ(by_threads[head].cells, maps[head].cells) << round;
    }
  }
}

TEST_P(AttentionMapTest, CutsDoNotMatter) {
  AttentionSizes sizes;
  sizes.batch = 1;
  sizes.queries = 50;
  SoftmaxParams params;
  params.mask.causal = true;
  params.mask.window = 20;
  const VisibleAttention attention(sizes, params, ElementType::kFloat32, 7);
  for (const InputKind kind : kAllInputs) {
    std::vector<AttentionMap> whole = MapsFor(sizes.heads, sizes.queries, sizes.keys, 11);
    ASSERT_TRUE(Pool(kind, attention, params, &whole).ok());
    for (const size_t step : {1u, 3u, 16u, 49u}) {
      std::vector<AttentionMap> cut = MapsFor(sizes.heads, sizes.queries, sizes.keys, 11);
      for (size_t first = 0; first < sizes.queries; first += step) {
        const size_t count = std::min<size_t>(step, sizes.queries - first);
        SoftmaxParams of_rows = params;
        of_rows.mask = VisibilityOfRows(params.mask, sizes.matrix(), first, count);
        const auto rows_of = [&](AttentionView view) {
          view.data = static_cast<const float*>(view.data) + static_cast<int64_t>(first) * view.query_stride;
          view.queries = count;
          return view;
        };
        QueryKeyView products = attention.queries_keys();
        products.query_data =
            static_cast<const float*>(products.query_data) + static_cast<int64_t>(first) * products.query_stride;
        products.queries = count;
        const Status status =
            kind == InputKind::kWeights  ? PoolWeights(rows_of(attention.weights()), first, of_rows.mask, cut)
            : kind == InputKind::kLogits ? PoolLogits(rows_of(attention.logits()), first, of_rows, cut)
                                         : PoolQueriesKeys(products, first, of_rows, cut);
        ASSERT_TRUE(status.ok()) << status.message();
      }
      for (size_t head = 0; head < sizes.heads; ++head) EXPECT_EQ(cut[head].cells, whole[head].cells) << step;
    }
  }
}

TEST_P(AttentionMapTest, BadNumbersAreNaN) {
  // Three rows of four keys, each a cell.
  std::vector<float> values = {0.5f, 0.25f, 0.25f, 0.0f, 0.5f, kNan, 0.5f, 0.0f, -0.5f, kInfinity, 0.5f, 0.5f};
  std::vector<AttentionMap> maps = MapsFor(1, 3, 4, 64);
  const AttentionView view = ContiguousAttention(values.data(), ElementType::kFloat32, 1, 1, 3, 4);
  ASSERT_TRUE(PoolWeights(view, 0, {}, maps).ok());
  const auto is_nan = [&](size_t row) {
    std::string text;
    for (size_t i = 0; i < 4; ++i) text += std::isnan(maps[0].cells[4 * row + i]) ? 'x' : '.';
    return text;
  };
  EXPECT_EQ(is_nan(0) + is_nan(1) + is_nan(2),
            "....."
            "x.."
            "xx..");
  EXPECT_EQ(maps[0].cells[0], 0.5f);
  // Of logits, the whole row is none: but for the key that it does not see.
  values = {1.0f, 2.0f, 3.0f, 4.0f, 1.0f, kNan, 1.0f, 1.0f, 1.0f, kInfinity, 0.0f, 0.0f};
  maps = MapsFor(1, 3, 4, 64);
  SoftmaxParams params;
  const int64_t key_lengths[] = {3};
  params.mask.key_lengths = key_lengths;
  ASSERT_TRUE(PoolLogits(view, 0, params, maps).ok());
  EXPECT_EQ(is_nan(0) + is_nan(1) + is_nan(2), "....xxx.xxx.");
  for (const size_t cell : {3u, 7u, 11u}) EXPECT_EQ(maps[0].cells[cell], kHiddenCell);
}

TEST(AttentionMap, ZeroIsNotHidden) {
  const std::vector<float> values = {1.0f, 0.0f, 0.0f, 0.0f};
  std::vector<AttentionMap> maps = MapsFor(1, 2, 2, 64);
  Visibility causal;
  causal.causal = true;
  ASSERT_TRUE(PoolWeights(ContiguousAttention(values.data(), ElementType::kFloat32, 1, 1, 2, 2), 0, causal, maps).ok());
  EXPECT_EQ(maps[0].cells, (std::vector<float>{1.0f, kHiddenCell, 0.0f, 0.0f}));
}

TEST(AttentionMap, OfNothing) {
  std::vector<AttentionMap> maps = MapsFor(2, 0, 0, 64);
  EXPECT_TRUE(maps[0].cells.empty());
  EXPECT_TRUE(PoolWeights(ContiguousAttention(nullptr, ElementType::kFloat32, 1, 2, 0, 0), 0, {}, maps).ok());
  maps = MapsFor(1, 5, 5, 0);
  EXPECT_EQ(maps[0].cells, (std::vector<float>{kHiddenCell})) << "at least one cell";
}

TEST(AttentionMap, RefusesWhatDoesNotFit) {
  const std::vector<float> values(2 * 4 * 8);
  const AttentionView view = ContiguousAttention(values.data(), ElementType::kFloat32, 1, 2, 4, 8);
  const auto expect = [&](std::vector<AttentionMap> maps, size_t first, const AttentionView& of, StatusCode code,
                          const std::string& message) {
    const std::vector<AttentionMap> before = maps;
    const Status status = PoolWeights(of, first, {}, maps);
    EXPECT_EQ(status.code(), code);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
    for (size_t i = 0; i < maps.size(); ++i) EXPECT_EQ(maps[i].cells, before[i].cells);
  };
  expect(MapsFor(1, 4, 8, 64), 0, view, StatusCode::kInvalidArgument, "maps are 1, for a view of 2 heads");
  expect(MapsFor(2, 4, 8, 64), 1, view, StatusCode::kOutOfRange, "queries 1 to 1 + 4 are beyond the 4 of the maps");
  expect(MapsFor(2, 4, 8, 64), SIZE_MAX, view, StatusCode::kOutOfRange, "are beyond the 4 of the maps");
  expect(MapsFor(2, 4, 7, 64), 0, view, StatusCode::kOutOfRange, "keys are 8, more than the 7 of the maps");
  std::vector<AttentionMap> maps = MapsFor(2, 4, 8, 64);
  maps[1] = MakeAttentionMap(0, 0, 5, 8);
  expect(maps, 0, view, StatusCode::kInvalidArgument, "maps[1] is 5 x 8 of 5 queries and 8 keys, but maps[0] is 4 x 8");
  maps = MapsFor(2, 4, 8, 64);
  maps[1].cells.pop_back();
  expect(maps, 0, view, StatusCode::kInvalidArgument, "maps[1] is 4 x 8 of 4 queries and 8 keys, but has 31 cells");
  maps = MapsFor(2, 4, 8, 64);
  maps[0].rows = 5;
  expect(maps, 0, view, StatusCode::kInvalidArgument, "maps[0] is 5 x 8 of 4 queries and 8 keys, which is no map");
  AttentionView null = view;
  null.data = nullptr;
  expect(MapsFor(2, 4, 8, 64), 0, null, StatusCode::kInvalidArgument, "data");
}

}  // namespace
}  // namespace attnscope::test

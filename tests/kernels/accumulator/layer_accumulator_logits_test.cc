// SPDX-License-Identifier: Apache-2.0
//
// Layers measured from logits, and from queries and keys, against the oracle and against one another, on every target.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using LogitsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(LogitsTest);

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// One shape of attention, and every way of masking it.
struct Shape {
  size_t batch = 2;
  size_t heads = 4;
  size_t kv_heads = 2;
  size_t queries = 21;
  size_t keys = 37;
  size_t head_dim = 24;
};

struct MaskCase {
  std::string name;
  SoftmaxParams params;
};

// The bias and the lengths must outlive the masks.
std::vector<MaskCase> AllMasks(const Shape& shape, const std::vector<float>& bias, const int64_t* lengths) {
  std::vector<MaskCase> cases = {{"no mask", {}}};
  for (const int64_t offset :
       {int64_t{0}, int64_t{-5}, static_cast<int64_t>(shape.keys - shape.queries), int64_t{100}}) {
    cases.push_back({"causal " + std::to_string(offset), {.mask = {.causal = true, .causal_offset = offset}}});
  }
  cases.push_back({"lengths", {.mask = {.key_lengths = lengths}}});
  cases.push_back({"causal and lengths", {.mask = {.causal = true, .causal_offset = 3, .key_lengths = lengths}}});
  cases.push_back({"scale and cap", {.scale = 0.31, .soft_cap = 2.0, .mask = {.causal = true}}});
  const auto keys = static_cast<int64_t>(shape.keys);
  const auto queries = static_cast<int64_t>(shape.queries);
  cases.push_back({"bias of a row", {.bias = {.data = bias.data()}}});
  cases.push_back({"bias of heads", {.soft_cap = 3.0, .bias = {.data = bias.data(), .head_stride = keys}}});
  cases.push_back(
      {"bias of a matrix", {.mask = {.causal = true}, .bias = {.data = bias.data(), .query_stride = keys}}});
  cases.push_back({"bias of everything",
                   {.bias = {.data = bias.data(),
                             .batch_stride = static_cast<int64_t>(shape.heads) * queries * keys,
                             .head_stride = queries * keys,
                             .query_stride = keys}}});
  return cases;
}

// A bias with masked keys, also whole rows of them.
std::vector<float> BiasOf(const Shape& shape) {
  std::vector<float> bias = Normals(77, shape.batch * shape.heads * shape.queries * shape.keys);
  for (size_t i = 0; i < bias.size(); i += 5) bias[i] = -kInfinity;
  std::fill_n(bias.begin() + static_cast<ptrdiff_t>(3 * shape.keys), shape.keys, -kInfinity);
  return bias;
}

TEST_P(LogitsTest, EveryMaskAndType) {
  const Shape shape;
  const std::vector<float> bias = BiasOf(shape);
  const int64_t lengths[] = {30, 0};
  const std::vector<float> logits = Normals(1, shape.batch * shape.heads * shape.queries * shape.keys, 3.0);
  for (const ElementType type : kAllTypes) {
    std::vector<float> stored(logits.size());
    StoreElements(type, logits, stored.data());
    const AttentionView view =
        ContiguousAttention(stored.data(), type, shape.batch, shape.heads, shape.queries, shape.keys);
    for (const MaskCase& mask : AllMasks(shape, bias, lengths)) {
      LayerAccumulator layer = CreateLayer({.heads = shape.heads, .max_keys = shape.keys, .max_batch = shape.batch});
      ASSERT_TRUE(layer.AddLogits(view, mask.params).ok());
      ExactLogitLayer exact(shape.heads);
      exact.Add(view, mask.params);
      exact.ExpectEqual(layer.Stats(), mask.name + ", " + NameOf(type));
    }
  }
}

TEST_P(LogitsTest, QueriesAndKeysOfEveryMaskTypeAndGroup) {
  for (const size_t kv_heads : std::initializer_list<size_t>{1, 2, 4}) {
    Shape shape;
    shape.kv_heads = kv_heads;
    const std::vector<float> bias = BiasOf(shape);
    const int64_t lengths[] = {0, 30};
    const std::vector<float> queries = Normals(2, shape.batch * shape.heads * shape.queries * shape.head_dim);
    const std::vector<float> keys = Normals(3, shape.batch * shape.kv_heads * shape.keys * shape.head_dim, 2.0);
    for (const ElementType type : kAllTypes) {
      std::vector<float> stored_queries(queries.size()), stored_keys(keys.size());
      StoreElements(type, queries, stored_queries.data());
      StoreElements(type, keys, stored_keys.data());
      const QueryKeyView view =
          ContiguousQueryKey(stored_queries.data(), stored_keys.data(), type, shape.batch, shape.heads, shape.kv_heads,
                             shape.queries, shape.keys, shape.head_dim);
      for (const MaskCase& mask : AllMasks(shape, bias, lengths)) {
        LayerAccumulator layer = CreateLayer({.heads = shape.heads, .max_keys = shape.keys, .max_batch = shape.batch});
        ASSERT_TRUE(layer.AddQueriesKeys(view, mask.params).ok());
        ExactLogitLayer exact(shape.heads);
        exact.Add(view, mask.params);
        exact.ExpectEqual(layer.Stats(), mask.name + ", " + NameOf(type) + ", kv_heads " + std::to_string(kv_heads));
      }
    }
  }
}

// All three ways to the same weights, within the contract of each.
TEST_P(LogitsTest, WeightsLogitsQueriesAndKeysAgree) {
  const size_t heads = 2, tokens = 130, head_dim = 16;
  const std::vector<float> queries = Normals(4, heads * tokens * head_dim);
  const std::vector<float> keys = Normals(5, heads * tokens * head_dim);
  const QueryKeyView view =
      ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, heads, heads, tokens, tokens, head_dim);
  for (const int64_t offset : {0, -3, 20, 1000}) {
    const SoftmaxParams params = {.mask = {.causal = true, .causal_offset = offset}};
    std::vector<float> logits(heads * tokens * tokens), weights(heads * tokens * tokens);
    for (size_t head = 0; head < heads; ++head) {
      long double error = 0.0L;
      const auto exact = ExactLogitsOf(view, params, 0, head, &error);
      for (size_t row = 0; row < tokens; ++row) {
        const ExactSoftmax softmax = ExactSoftmaxOf(exact[row]);
        for (size_t key = 0; key < exact[row].size(); ++key) {
          logits[(head * tokens + row) * tokens + key] = static_cast<float>(exact[row][key]);
          weights[(head * tokens + row) * tokens + key] = static_cast<float>(softmax.weights[key]);
        }
      }
    }
    const LayerConfig config = {.heads = heads, .max_keys = tokens};
    LayerAccumulator from_weights = CreateLayer(config);
    LayerAccumulator from_logits = CreateLayer(config);
    LayerAccumulator from_queries_keys = CreateLayer(config);
    ASSERT_TRUE(from_weights.AddWeights(ViewOf(weights, 1, heads, tokens, tokens), params.mask).ok());
    ASSERT_TRUE(from_logits.AddLogits(ViewOf(logits, 1, heads, tokens, tokens), params).ok());
    ASSERT_TRUE(from_queries_keys.AddQueriesKeys(view, params).ok());
    const MetricValues expected = from_weights.Stats().layer;
    for (const MetricValues& actual : {from_logits.Stats().layer, from_queries_keys.Stats().layer}) {
      for (const MetricInfo& info : AllMetrics()) {
        if (info.group != MetricGroup::kAttention) continue;
        EXPECT_EQ(actual.Has(info.metric), expected.Has(info.metric)) << info.name;
        if (!expected.Has(info.metric)) continue;
        EXPECT_TRUE(Within(actual[info.metric], expected[info.metric], 1e-5L * std::abs(expected[info.metric])))
            << info.name << ", offset " << offset;
      }
    }
    EXPECT_FALSE(expected.Has(Metric::kLogitMean)) << "weights have no logits";
    EXPECT_FALSE(expected.Has(Metric::kSaturationRatio));
  }
}

TEST_P(LogitsTest, AShiftOfAllLogitsChangesNothing) {
  const size_t rows = 40, keys = 100;
  std::vector<float> logits = Normals(6, rows * keys, 4.0);
  // Multiples of 2^-7, so that adding the shift is exact.
  for (float& logit : logits) logit = std::round(logit * 128.0f) / 128.0f;
  LayerAccumulator plain = CreateLayer({.max_keys = keys});
  ASSERT_TRUE(plain.AddLogits(ViewOf(logits, 1, 1, rows, keys)).ok());
  for (const float shift : {1.0f, -3.0f, 1e4f, -1e4f, 65536.0f}) {
    std::vector<float> moved = logits;
    for (float& logit : moved) logit += shift;
    LayerAccumulator layer = CreateLayer({.max_keys = keys});
    ASSERT_TRUE(layer.AddLogits(ViewOf(moved, 1, 1, rows, keys)).ok());
    const MetricValues expected = plain.Stats().layer;
    const MetricValues actual = layer.Stats().layer;
    for (const MetricInfo& info : AllMetrics()) {
      const bool moves = info.metric == Metric::kLogitMean || info.metric == Metric::kMaxAbsLogit ||
                         info.metric == Metric::kMaxLogit || info.metric == Metric::kLogSumExp;
      if (moves || !expected.Has(info.metric)) continue;
      EXPECT_TRUE(Within(actual[info.metric], expected[info.metric], 1e-6L * std::abs(expected[info.metric])))
          << info.name << " after a shift of " << shift;
    }
    EXPECT_TRUE(Within(actual[Metric::kLogitMean], expected[Metric::kLogitMean] + static_cast<double>(shift), 1e-6L));
    EXPECT_TRUE(Within(actual[Metric::kMaxLogit], expected[Metric::kMaxLogit] + static_cast<double>(shift), 1e-6L));
    EXPECT_TRUE(Within(actual[Metric::kLogSumExp], expected[Metric::kLogSumExp] + static_cast<double>(shift), 1e-5L));
  }
}

TEST_P(LogitsTest, PermutingKeysPermutesColumns) {
  const size_t rows = 33, keys = 90;
  const std::vector<float> logits = Normals(7, rows * keys, 2.0);
  std::vector<size_t> order(keys);
  for (size_t i = 0; i < keys; ++i) order[i] = i * 37 % keys;  // 37 and 90 share no factor
  std::vector<float> permuted(logits.size());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t key = 0; key < keys; ++key) permuted[row * keys + order[key]] = logits[row * keys + key];
  }
  LayerAccumulator plain = CreateLayer({.max_keys = keys});
  LayerAccumulator other = CreateLayer({.max_keys = keys});
  ASSERT_TRUE(plain.AddLogits(ViewOf(logits, 1, 1, rows, keys)).ok());
  ASSERT_TRUE(other.AddLogits(ViewOf(permuted, 1, 1, rows, keys)).ok());
  const MetricValues expected = plain.Stats().layer;
  const MetricValues actual = other.Stats().layer;
  for (const MetricInfo& info : AllMetrics()) {
    if (!expected.Has(info.metric) || info.metric == Metric::kFirstTokenMass) continue;
    if (info.metric == Metric::kSinkPosition) {
      EXPECT_EQ(actual[info.metric], static_cast<double>(order[static_cast<size_t>(expected[info.metric])]));
      continue;
    }
    EXPECT_TRUE(Within(actual[info.metric], expected[info.metric], 1e-6L * std::abs(expected[info.metric])))
        << info.name;
  }
}

TEST_P(LogitsTest, SaturationBoundIsAnOption) {
  // Largest weights 0.5, 0.9, 0.999.
  const std::vector<float> logits = {0.0f, 0.0f, std::log(9.0f), 0.0f, std::log(999.0f), 0.0f};
  for (const auto& [bound, share] : {std::pair{0.99, 1.0 / 3.0}, {0.8, 2.0 / 3.0}, {0.5, 1.0}, {0.9999, 0.0}}) {
    LayerAccumulator layer = CreateLayer({.max_keys = 2, .saturation_bound = bound});
    ASSERT_TRUE(layer.AddLogits(ViewOf(logits, 1, 1, 3, 2)).ok());
    EXPECT_TRUE(Within(layer.Stats().layer[Metric::kSaturationRatio], share, 1e-12L)) << bound;
  }
}

TEST_P(LogitsTest, UnmeasuredRowsAreCounted) {
  std::vector<float> logits = Normals(8, 60);
  logits[3] = std::numeric_limits<float>::quiet_NaN();  // row 0: invalid
  logits[10] = kInfinity;                               // row 1: invalid
  std::fill_n(logits.begin() + 20, 10, -kInfinity);     // row 2: masked
  std::fill_n(logits.begin() + 31, 9, -kInfinity);      // row 3: one key
  LayerAccumulator layer = CreateLayer({.max_keys = 10});
  ASSERT_TRUE(layer.AddLogits(ViewOf(logits, 1, 1, 6, 10)).ok());
  const MetricValues values = layer.Stats().layer;
  EXPECT_EQ(values[Metric::kRows], 6.0);
  EXPECT_EQ(values[Metric::kInvalidRows], 2.0);
  EXPECT_EQ(values[Metric::kEmptyRows], 0.0);
  EXPECT_EQ(values[Metric::kMaskedRows], 1.0);
  ExactLogitLayer exact(1);
  exact.Add(ViewOf(logits, 1, 1, 6, 10));
  exact.ExpectEqual(layer.Stats(), "unmeasured rows");
  // Nothing but unmeasured rows: no logit metric.
  LayerAccumulator none = CreateLayer({.max_keys = 10});
  ASSERT_TRUE(none.AddLogits(ViewOf(std::vector<float>(10, -kInfinity), 1, 1, 1, 10)).ok());
  EXPECT_FALSE(none.Stats().layer.Has(Metric::kLogitMean));
  EXPECT_EQ(none.Stats().layer[Metric::kMaskedRows], 1.0);
}

// The bounds of docs/metrics.md, of the logits as they are given.
TEST_P(LogitsTest, LogitMetricsAreWithinTheirBounds) {
  constexpr size_t kRows = 40, kKeys = 75;
  const std::vector<float> bias = Normals(8, kRows * kKeys);
  std::vector<uint8_t> shown(kKeys, 1);
  shown[3] = 0;
  std::vector<SoftmaxParams> all(5);
  all[1].scale = 0.37;
  all[2].soft_cap = 30.0;
  all[3].bias.data = bias.data();
  all[3].bias.query_stride = kKeys;
  all[4].mask.key_mask.data = shown.data();
  for (const float offset : {0.0f, 300.0f, -1e5f}) {
    std::vector<float> logits = Normals(7, kRows * kKeys);
    for (float& logit : logits) logit = 3.0f * logit + offset;
    for (const SoftmaxParams& params : all) {
      long double sum = 0.0L, squares = 0.0L, count = 0.0L, max = -HUGE_VALL, max_abs = 0.0L;
      for (size_t i = 0; i < kRows * kKeys; ++i) {
        if (params.mask.key_mask.data != nullptr && shown[i % kKeys] == 0) continue;
        long double s = static_cast<long double>(logits[i]) * (params.scale == 0.0 ? 1.0L : params.scale);
        if (params.soft_cap != 0.0) s = params.soft_cap * std::tanh(s / params.soft_cap);
        if (params.bias.data != nullptr) s += static_cast<long double>(bias[i]);
        sum += s;
        squares += s * s;
        count += 1.0L;
        max = std::max(max, s);
        max_abs = std::max(max_abs, std::abs(s));
      }
      LayerAccumulator layer = CreateLayer({.max_keys = kKeys});
      ASSERT_TRUE(
          layer.AddLogits(ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 1, kRows, kKeys), params).ok());
      const MetricValues values = layer.Stats().layer;
      const long double bound = 6e-8L * max_abs;
      EXPECT_TRUE(Within(values[Metric::kLogitMean], sum / count, bound)) << offset;
      EXPECT_TRUE(Within(values[Metric::kMaxLogit], max, bound)) << offset;
      EXPECT_TRUE(Within(values[Metric::kMaxAbsLogit], max_abs, bound)) << offset;
      const long double variance = squares / count - sum / count * (sum / count);
      EXPECT_TRUE(Within(values[Metric::kLogitStd], std::sqrt(std::max(variance, 0.0L)), 5.0L * bound)) << offset;
    }
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Mean-matrix mode where rows of its matrices see different keys: a row of the mean sees the keys that one of them
// sees. Against the oracle, from all inputs, on every target.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using MeanVisibilityTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(MeanVisibilityTest);

std::vector<std::vector<long double>> LogitsOf(const AttentionView& logits, const SoftmaxParams& params,
                                               size_t sequence, size_t head) {
  return ExactLogitsOf(logits, params, sequence, head);
}

std::vector<std::vector<long double>> LogitsOf(const QueryKeyView& view, const SoftmaxParams& params, size_t sequence,
                                               size_t head) {
  long double error = 0.0L;  // far below what is allowed here
  return ExactLogitsOf(view, params, sequence, head, &error);
}

// `View` is AttentionView, of logits, or QueryKeyView.
template <class View>
ExactMatrix ExactMeanOfSoftmax(const View& view, const SoftmaxParams& params) {
  std::vector<std::vector<ExactWeights>> matrices;
  for (size_t i = 0; i < view.batch * view.heads; ++i) {
    const size_t sequence = i / view.heads, head = i % view.heads;
    matrices.push_back(ExactWeightsOf({view.queries, view.keys}, params, sequence, head,
                                      LogitsOf(view, params, sequence, head), nullptr));
  }
  return ExactMeanOf(matrices);
}

template <class View>
void ExpectMeanOfSoftmax(const MetricValues& actual, const View& view, const SoftmaxParams& params,
                         const std::string& what) {
  const ExactMatrix exact = ExactMeanOfSoftmax(view, params);
  const MetricValues expected = ExactMetrics(std::span(&exact, 1), 1e-3);
  for (const MetricInfo& info : AllMetrics()) {
    if (info.group != MetricGroup::kAttention || info.metric == Metric::kSinkRate) continue;
    EXPECT_EQ(actual.Has(info.metric), expected.Has(info.metric)) << info.name << ", " << what;
    if (!expected.Has(info.metric)) continue;
    const double magnitude = std::max(1.0, std::abs(expected[info.metric]));
    // Weights are float32 before their mean is.
    EXPECT_TRUE(Within(actual[info.metric], expected[info.metric], info.is_count ? 0.0 : 4e-6 * magnitude))
        << info.name << ", " << what;
  }
}

void Check(const AttentionSizes& sizes, const SoftmaxParams& params, VisibleAttention& attention,
           const std::string& what) {
  LayerConfig config = attention.config();
  config.mean_matrix = true;
  LayerAccumulator from_weights = CreateLayer(config);
  ASSERT_TRUE(attention.AddAll(InputKind::kWeights, from_weights).ok()) << what;
  ExpectMean(from_weights.Stats(), ExactMeanOf(attention.weights(), params.mask), 1e-3, what + ", weights");
  LayerAccumulator from_logits = CreateLayer(config);
  ASSERT_TRUE(attention.AddAll(InputKind::kLogits, from_logits).ok()) << what;
  ExpectMeanOfSoftmax(from_logits.Stats().layer, attention.logits(), params, "logits, " + what);
  LayerAccumulator from_products = CreateLayer(config);
  ASSERT_TRUE(attention.AddAll(InputKind::kQueriesKeys, from_products).ok()) << what;
  ExpectMeanOfSoftmax(from_products.Stats().layer, attention.queries_keys(), params, "queries, " + what);
  for (const InputKind kind : kAllInputs) {
    LayerAccumulator whole = CreateLayer(config), cut = CreateLayer(config);
    ASSERT_TRUE(attention.AddAll(kind, whole).ok());
    for (size_t first = 0, count = 0; first < sizes.queries; first += count) {
      count = std::min<size_t>(1 + first % 5, sizes.queries - first);
      ASSERT_TRUE(attention.AddRows(kind, first, count, cut).ok());
    }
    EXPECT_TRUE(SameBits(StateOf(cut), StateOf(whole))) << what << ", " << NameOf(kind);
  }
}

TEST_P(MeanVisibilityTest, Combinations) {
  Random random(31);
  for (int round = 0; round < (kSlowBuild ? 20 : 100) && !HasFailure(); ++round) {
    AttentionSizes sizes;
    sizes.batch = 1 + random.Below(3);
    sizes.heads = 2 * (1 + random.Below(2));
    sizes.queries = 1 + random.Below(30);
    sizes.keys = 1 + random.Below(60);
    sizes.max_keys = sizes.keys;
    const RandomVisibility drawn(sizes, random);
    SoftmaxParams params = {.mask = *drawn};
    if (params.mask.key_positions != nullptr) continue;
    params.mask.first_keys = nullptr;  // the mean's first column is column 0
    VisibleAttention attention(sizes, params, ElementType::kFloat32, random.Bits());
    Check(sizes, params, attention,
          "round " + std::to_string(round) + ", " + std::to_string(sizes.queries) + " x " + std::to_string(sizes.keys) +
              TextOf(params.mask, sizes.batch));
  }
}

// Keys that are masked by value are not seen either.
TEST_P(MeanVisibilityTest, MaskedValues) {
  const AttentionSizes sizes = {.max_keys = 37};
  for (const bool causal : {false, true}) {
    const SoftmaxParams params = {.mask = {.causal = causal}};
    VisibleAttention attention(sizes, params, ElementType::kFloat32, 5);
    attention.MaskLogits({-std::numeric_limits<float>::infinity(), -1e9f}, 6);
    Check(sizes, params, attention, "masked values");
  }
  // A window as a bias that all heads have: rows of the second block see other keys than those of the first.
  std::vector<float> bias(sizes.queries * sizes.keys, -1e30f);
  for (size_t row = 0; row < sizes.queries; ++row) {
    for (size_t key = row; key < row + 7; ++key) bias[row * sizes.keys + key] = 0.0f;
  }
  const SoftmaxParams params = {.bias = {.data = bias.data(), .query_stride = static_cast<int64_t>(sizes.keys)}};
  VisibleAttention attention(sizes, params, ElementType::kFloat32, 7);
  Check(sizes, params, attention, "a bias of a matrix");
  // One key of all, and a row that sees none in any head.
  std::vector<float> logits(2 * 3 * 4, -std::numeric_limits<float>::infinity());
  logits[1] = logits[14] = 0.5f;
  const AttentionView view = ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 2, 3, 4);
  LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = 4, .mean_matrix = true});
  ASSERT_TRUE(layer.AddLogits(view).ok());
  EXPECT_EQ(layer.Stats().layer[Metric::kRows], 3.0);
  EXPECT_EQ(layer.Stats().layer[Metric::kMaskedRows], 2.0);
  EXPECT_EQ(layer.Stats().layer[Metric::kEmptyRows], 0.0);
  EXPECT_EQ(layer.Stats().layer[Metric::kTop5], 1.0);
}

}  // namespace
}  // namespace attnscope::test

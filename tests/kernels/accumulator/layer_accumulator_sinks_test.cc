// SPDX-License-Identifier: Apache-2.0
//
// Learned sinks in the softmax, and weights whose sums are meant to be below 1: what becomes of every metric, and the
// share that belongs to no key, against the oracle, on every target.
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

using SinksTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(SinksTest);

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST_P(SinksTest, AgainstTheOracle) {
  const AttentionSizes sizes;
  const int64_t lengths[] = {37, 12};
  const std::vector<std::vector<float>> all = {
      {0.0f, 0.0f, 0.0f, 0.0f},       {-kInfinity, -kInfinity, -kInfinity, -kInfinity},
      {-100.0f, -100.0f, 0.0f, 5.0f}, {-kInfinity, -3.0f, 8.0f, 2.0f},
      {-1e30f, -1e38f, 6.0f, 1.0f},
  };
  for (const std::vector<float>& sinks : all) {
    for (SoftmaxParams params : {SoftmaxParams{}, SoftmaxParams{.scale = 0.3, .soft_cap = 2.5},
                                 SoftmaxParams{.mask = {.causal = true, .key_lengths = lengths, .window = 4}}}) {
      params.sinks = sinks.data();
      std::string what = "sinks";
      for (const float sink : sinks) what.append(" ").append(std::to_string(sink));
      ExpectExactOfAllInputs(sizes, params, 21, what);
    }
  }
}

// Large ones leave little: of one matrix, as which of several has the strongest column is known to 2^-22 of a mass.
TEST_P(SinksTest, LargeSinksAgainstTheOracle) {
  const AttentionSizes one = {.batch = 1, .heads = 1, .kv_heads = 1};
  for (const float sink : {12.0f, 20.0f, 30.0f, 40.0f}) {
    for (SoftmaxParams params : {SoftmaxParams{}, SoftmaxParams{.scale = 0.3, .soft_cap = 2.5},
                                 SoftmaxParams{.mask = {.causal = true, .window = 4}}}) {
      params.sinks = &sink;
      ExpectExactOfAllInputs(one, params, 22, "sink " + std::to_string(sink));
    }
  }
}

// exp(s) = 1 and 3 for the keys, 4 for the sink.
TEST_P(SinksTest, ByHand) {
  const std::vector<float> logits = {0.0f, std::log(3.0f), 0.0f, std::log(3.0f)};
  const float sinks[] = {std::log(4.0f), -kInfinity};
  LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = 2});
  ASSERT_TRUE(layer.AddLogits(ViewOf(logits, 1, 2, 1, 2), {.sinks = sinks}).ok());
  const LayerStats stats = layer.Stats();
  const MetricValues& head = stats.heads[0];
  EXPECT_TRUE(Within(head[Metric::kNullMass], 0.5L, 1e-6L));
  EXPECT_TRUE(Within(head[Metric::kMaxRowWeight], 0.375L, 1e-6L));
  EXPECT_TRUE(Within(head[Metric::kTop5], 0.5L, 1e-6L));
  EXPECT_TRUE(Within(head[Metric::kEntropy], -0.125L * std::log(0.125L) - 0.375L * std::log(0.375L), 1e-6L));
  EXPECT_TRUE(Within(head[Metric::kLogSumExp], std::log(4.0L), 1e-6L)) << "of the keys' logits";
  EXPECT_EQ(head[Metric::kUnnormalizedRows], 0.0);
  EXPECT_TRUE(Within(stats.heads[1][Metric::kNullMass], 0.0L, 1e-6L));
  EXPECT_TRUE(Within(stats.layer[Metric::kNullMass], 0.25L, 1e-6L));
  // Without sinks nothing is said of it.
  LayerAccumulator without = CreateLayer({.heads = 2, .max_keys = 2});
  ASSERT_TRUE(without.AddLogits(ViewOf(logits, 1, 2, 1, 2)).ok());
  EXPECT_FALSE(without.Stats().layer.Has(Metric::kNullMass));
  EXPECT_FALSE(without.Stats().heads[0].Has(Metric::kNullMass));
}

// A sink that takes everything: what float32 leaves of the weights, the row is one that sees keys.
TEST_P(SinksTest, SinksThatTakeEverything) {
  for (const float sink : {60.0f, 85.0f, 100.0f, 1e4f, 1e30f, std::numeric_limits<float>::max()}) {
    for (const size_t keys : {size_t{3}, size_t{50}}) {
      const std::vector<float> logits(keys, 0.0f);
      LayerAccumulator layer = CreateLayer({.max_keys = keys});
      ASSERT_TRUE(layer.AddLogits(ViewOf(logits, 1, 1, 1, keys), {.sinks = &sink}).ok());
      const MetricValues values = layer.Stats().layer;
      const std::string what = std::to_string(sink) + ", " + std::to_string(keys) + " keys";
      EXPECT_EQ(values[Metric::kRows], 1.0);
      EXPECT_EQ(values[Metric::kInvalidRows], 0.0) << what;
      EXPECT_EQ(values[Metric::kMaskedRows], 0.0) << what;
      EXPECT_EQ(values[Metric::kEmptyRows], 0.0) << what << ": its sink has all, which is no fault";
      EXPECT_TRUE(Within(values[Metric::kNullMass], 1.0L, 2e-6L)) << what;
      EXPECT_TRUE(Within(values[Metric::kMaxRowWeight], 0.0L, 1e-25L)) << what;
      EXPECT_TRUE(Within(values[Metric::kEntropy], 0.0L, 1e-20L)) << what;
      EXPECT_TRUE(Within(values[Metric::kLogitMean], 0.0L, 1e-6L)) << what;
      EXPECT_TRUE(Within(values[Metric::kLogSumExp], std::log(static_cast<long double>(keys)), 1e-5L)) << what;
      EXPECT_EQ(values[Metric::kSaturationRatio], 0.0) << what;
      EXPECT_EQ(values[Metric::kUnnormalizedRows], 0.0) << what;
    }
  }
}

// A sink moves with a shift of all logits, whatever its size.
TEST_P(SinksTest, AShiftOfLogitsAndSinkChangesNothing) {
  const size_t rows = 20, keys = 70;
  Random random(5);
  std::vector<float> logits(rows * keys);
  for (float& logit : logits) logit = std::round(static_cast<float>(3.0 * random.Normal()) * 128.0f) / 128.0f;
  const float sink = 2.25f;
  LayerAccumulator plain = CreateLayer({.max_keys = keys});
  ASSERT_TRUE(plain.AddLogits(ViewOf(logits, 1, 1, rows, keys), {.sinks = &sink}).ok());
  for (const float shift : {3.0f, -1e4f, 65536.0f}) {
    std::vector<float> moved = logits;
    for (float& logit : moved) logit += shift;
    const float moved_sink = sink + shift;
    LayerAccumulator layer = CreateLayer({.max_keys = keys});
    ASSERT_TRUE(layer.AddLogits(ViewOf(moved, 1, 1, rows, keys), {.sinks = &moved_sink}).ok());
    for (const Metric metric : {Metric::kEntropy, Metric::kMaxRowWeight, Metric::kTop10, Metric::kNullMass,
                                Metric::kNormalizedEntropy, Metric::kMaxColSum, Metric::kSaturationRatio}) {
      const double expected = plain.Stats().layer[metric];
      EXPECT_TRUE(Within(layer.Stats().layer[metric], expected, 2e-6L * std::abs(expected)))
          << InfoOf(metric).name << " after a shift of " << shift;
    }
  }
}

// Also where what all keys have in common, here a bias, is beyond what float32 holds beside their differences.
TEST_P(SinksTest, LogitsFarFromZero) {
  const size_t rows = 9, keys = 70;
  Random random(6);
  std::vector<float> logits(rows * keys);
  for (float& logit : logits) logit = static_cast<float>(3.0 * random.Normal());
  for (const float far : {0x1p20f, 0x1p30f, -0x1p26f}) {
    const std::vector<float> bias(keys, far);
    for (const float sink : {far, -kInfinity}) {
      LayerAccumulator layer = CreateLayer({.max_keys = keys});
      const AttentionView view = ViewOf(logits, 1, 1, rows, keys);
      const SoftmaxParams params = {.bias = {.data = bias.data()}, .sinks = &sink};
      ASSERT_TRUE(layer.AddLogits(view, params).ok());
      const float near_sink = sink - far;
      LayerAccumulator near = CreateLayer({.max_keys = keys});
      ASSERT_TRUE(near.AddLogits(view, {.sinks = &near_sink}).ok());
      for (const Metric metric : {Metric::kEntropy, Metric::kMaxRowWeight, Metric::kTop10, Metric::kNullMass,
                                  Metric::kNormalizedEntropy, Metric::kMaxColSum, Metric::kSinkPosition}) {
        const double expected = near.Stats().layer[metric];
        // An s_j is off by 2^-50 of the bias, which counts against a sink.
        EXPECT_TRUE(Within(layer.Stats().layer[metric], expected, 5e-6L * std::max(1.0, std::abs(expected))))
            << InfoOf(metric).name << " at " << far << ", sink " << sink;
      }
    }
  }
}

// A saturated row is one whose key has 0.99 of everything, sink and all.
TEST_P(SinksTest, Saturation) {
  const std::vector<float> logits = {10.0f, 0.0f};
  for (const auto& [sink, saturated] : {std::pair{-kInfinity, 1.0}, {4.0f, 1.0}, {6.0f, 0.0}, {9.0f, 0.0}}) {
    LayerAccumulator layer = CreateLayer({.max_keys = 2});
    ASSERT_TRUE(layer.AddLogits(ViewOf(logits, 1, 1, 1, 2), {.sinks = &sink}).ok());
    EXPECT_EQ(layer.Stats().layer[Metric::kSaturationRatio], saturated) << sink;
  }
}

// Sinks are of the heads of the view; rows without keys stay masked.
TEST_P(SinksTest, MaskedRowsHaveNoNullMass) {
  const std::vector<float> logits(2 * 3 * 5, -kInfinity);
  const float sinks[] = {0.0f, 50.0f};
  LayerAccumulator layer = CreateLayer({.heads = 4, .max_keys = 5});
  AttentionView view = ViewOf(logits, 1, 2, 3, 5);
  view.first_head = 2;
  ASSERT_TRUE(layer.AddLogits(view, {.sinks = sinks}).ok());
  EXPECT_EQ(layer.Stats().layer[Metric::kMaskedRows], 6.0);
  EXPECT_FALSE(layer.Stats().layer.Has(Metric::kNullMass));
  const std::vector<float> zeros(2 * 3 * 5);
  view.data = zeros.data();
  ASSERT_TRUE(layer.AddLogits(view, {.sinks = sinks}).ok());
  EXPECT_TRUE(Within(layer.Stats().heads[2][Metric::kNullMass], 1.0L / 6.0L, 1e-6L));
  EXPECT_TRUE(Within(layer.Stats().heads[3][Metric::kNullMass], 1.0L, 1e-6L));
}

// From weights: sums below 1 are meant, sums above are none of a distribution, and rows of zeros are empty.
TEST_P(SinksTest, WeightsWithNullMass) {
  const std::vector<float> weights = {0.25f, 0.25f, 0.0f,  0.0f,  //
                                      0.5f,  0.5f,  0.0f,  0.0f,  //
                                      0.5f,  0.5f,  0.25f, 0.0f,  //
                                      0.0f,  0.0f,  0.0f,  0.0f};
  AttentionView view = ViewOf(weights, 1, 1, 4, 4);
  view.null_mass = true;
  LayerAccumulator layer = CreateLayer({.max_keys = 4});
  ASSERT_TRUE(layer.AddWeights(view).ok());
  const MetricValues values = layer.Stats().layer;
  EXPECT_EQ(values[Metric::kUnnormalizedRows], 1.0) << "1.25";
  EXPECT_EQ(values[Metric::kEmptyRows], 1.0);
  EXPECT_TRUE(Within(values[Metric::kNullMass], (0.5L + 0.0L - 0.25L) / 3.0L, 1e-6L));
  ExactLayer exact(1);
  exact.Add(view);
  exact.ExpectEqual(layer.Stats(), "null mass");
  view.null_mass = false;
  LayerAccumulator without = CreateLayer({.max_keys = 4});
  ASSERT_TRUE(without.AddWeights(view).ok());
  EXPECT_EQ(without.Stats().layer[Metric::kUnnormalizedRows], 2.0) << "0.5 as well";
  EXPECT_FALSE(without.Stats().layer.Has(Metric::kNullMass));
  // Rows of both kinds in one sequence: the mean is of those whose sums are meant.
  view.null_mass = true;
  ASSERT_TRUE(without.AddWeights(view).ok());
  EXPECT_EQ(without.Stats().layer[Metric::kUnnormalizedRows], 3.0);
  EXPECT_TRUE(Within(without.Stats().layer[Metric::kNullMass], 0.25L / 3.0L, 1e-6L));
}

}  // namespace
}  // namespace attnscope::test

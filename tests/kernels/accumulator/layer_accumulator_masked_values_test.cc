// SPDX-License-Identifier: Apache-2.0
//
// Keys that are masked by value: -infinity and finite masks in logits and biases of every type, exactly at their bound,
// and what stands behind them, on every target.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
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

using MaskedValuesTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(MaskedValuesTest);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kLowestHalf = -65504.0f;
constexpr float kLowestBFloat = -0x1.FEp127f;
constexpr float kLowestFloat = std::numeric_limits<float>::lowest();

// One row of logits with a bias; the layer that measured it, which must agree with the oracle.
MetricValues Measure(const std::vector<float>& logits, ElementType type, const std::vector<float>& bias,
                     ElementType bias_type, const SoftmaxParams& given, const std::string& what) {
  std::vector<uint8_t> stored(logits.size() * sizeof(float)), stored_bias(logits.size() * sizeof(float));
  StoreElements(type, logits, stored.data());
  StoreElements(bias_type, bias, stored_bias.data());
  SoftmaxParams params = given;
  params.bias.data = bias.empty() ? nullptr : stored_bias.data();
  params.bias.type = bias_type;
  const AttentionView view = ContiguousAttention(stored.data(), type, 1, 1, 1, logits.size());
  LayerAccumulator layer = CreateLayer({.max_keys = logits.size()});
  EXPECT_TRUE(layer.AddLogits(view, params).ok()) << what;
  ExactLogitLayer exact(1);
  exact.Add(view, params);
  exact.ExpectEqual(layer.Stats(), what);
  return layer.Stats().layer;
}

MetricValues Measure(const std::vector<float>& logits, ElementType type, const std::string& what,
                     const SoftmaxParams& params = {}) {
  return Measure(logits, type, {}, ElementType::kFloat32, params, what);
}

TEST_P(MaskedValuesTest, LogitsOfEveryType) {
  struct Case {
    ElementType type;
    float value;
    bool masks;
  };
  const Case cases[] = {
      {ElementType::kFloat32, -kInfinity, true},
      {ElementType::kFloat32, kLowestFloat, true},
      {ElementType::kFloat32, -1e9f, true},
      {ElementType::kFloat32, -1e8f, true},  // the default bound itself
      {ElementType::kFloat32, std::nextafter(-1e8f, 0.0f), false},
      {ElementType::kFloat32, kLowestHalf, false},  // of another type
      {ElementType::kFloat16, -kInfinity, true},
      {ElementType::kFloat16, kLowestHalf, true},
      {ElementType::kFloat16, -65472.0f, false},  // the next float16
      {ElementType::kBFloat16, -kInfinity, true},
      {ElementType::kBFloat16, kLowestBFloat, true},
      {ElementType::kBFloat16, -1e9f, true},
      {ElementType::kBFloat16, kLowestHalf, false},
  };
  for (const Case& one : cases) {
    for (const size_t keys : {size_t{3}, size_t{40}}) {
      std::vector<float> logits(keys, 1.5f);
      logits[1] = one.value;
      logits[keys - 1] = one.value;
      const std::string what = std::string(NameOf(one.type)) + " " + std::to_string(one.value);
      const MetricValues values = Measure(logits, one.type, what);
      EXPECT_EQ(values[Metric::kMaxAbsLogit] == 1.5, one.masks) << what;
      // Nothing is seen where all are masked; a row of large logits is one of equals.
      const MetricValues all = Measure(std::vector<float>(keys, one.value), one.type, what + ", all");
      EXPECT_EQ(all[Metric::kMaskedRows], one.masks ? 1.0 : 0.0) << what;
      EXPECT_EQ(all.Has(Metric::kEntropy), !one.masks) << what;
    }
  }
}

TEST_P(MaskedValuesTest, TheBoundIsAnOption) {
  const std::vector<float> logits = {0.0f, -5.0f, -6.0f, std::nextafter(-5.0f, 0.0f), 1.0f, -kInfinity, -1e30f};
  for (const auto& [bound, seen] : {std::pair<double, double>{-5.0, 3.0},
                                    {-6.0, 4.0},
                                    {-6.0000001, 5.0},
                                    {-5.0000001, 4.0},
                                    {-1e31, 6.0},
                                    {-1e300, 6.0},
                                    {-HUGE_VAL, 6.0},
                                    {0.5, 1.0},
                                    {1.0, 0.0},
                                    {1e300, 0.0}}) {
    const SoftmaxParams params = {.masked_below = bound};
    const std::string what = "masked below " + std::to_string(bound);
    const MetricValues values = Measure(logits, ElementType::kFloat32, what, params);
    EXPECT_EQ(values[Metric::kMaskedRows], seen == 0.0 ? 1.0 : 0.0) << what;
    // The same as a bias.
    Measure(std::vector<float>(logits.size(), 2.0f), ElementType::kFloat32, logits, ElementType::kFloat32, params,
            what + ", bias");
  }
  // -infinity: finite values are no masks, of no type.
  const SoftmaxParams off = {.masked_below = -HUGE_VAL};
  for (const auto& [type, value] : {std::pair{ElementType::kFloat32, kLowestFloat},
                                    {ElementType::kFloat16, kLowestHalf},
                                    {ElementType::kBFloat16, kLowestBFloat}}) {
    EXPECT_EQ(Measure({value, value}, type, "switched off", off)[Metric::kMaskedRows], 0.0) << NameOf(type);
    EXPECT_EQ(Measure({-kInfinity, -kInfinity}, type, "switched off", off)[Metric::kMaskedRows], 1.0) << NameOf(type);
  }
}

// What is masked passes neither scale nor soft cap, and its bias is not looked at; nor is the logit of a masked bias.
TEST_P(MaskedValuesTest, NothingElseOfAMaskedKeyCounts) {
  for (const float anything : {kNaN, kInfinity, -kInfinity, 1e30f, 0.0f}) {
    for (const float mask : {-kInfinity, -1e9f, kLowestFloat}) {
      for (const SoftmaxParams& params :
           {SoftmaxParams{}, SoftmaxParams{.scale = 1e-12}, SoftmaxParams{.soft_cap = 5.0}}) {
        for (const size_t keys : {size_t{4}, size_t{37}}) {
          std::vector<float> logits(keys, 1.0f), bias(keys, 0.5f);
          logits[2] = mask;
          bias[2] = anything;
          const std::string what = std::to_string(mask) + " beside " + std::to_string(anything);
          EXPECT_EQ(
              Measure(logits, ElementType::kFloat32, bias, ElementType::kFloat32, params, what)[Metric::kInvalidRows],
              0.0)
              << what;
          std::swap(logits[2], bias[2]);
          EXPECT_EQ(
              Measure(logits, ElementType::kFloat32, bias, ElementType::kFloat32, params, what)[Metric::kInvalidRows],
              0.0)
              << what;
          // Of a whole row.
          EXPECT_EQ(Measure(std::vector<float>(keys, anything), ElementType::kFloat32, std::vector<float>(keys, mask),
                            ElementType::kFloat32, params, what)[Metric::kMaskedRows],
                    1.0)
              << what;
        }
      }
    }
  }
}

// Masked keys anywhere among the others, by logit or by bias, with anything in the other of the two: the row measures
// as it does with -infinity there.
TEST_P(MaskedValuesTest, AnythingStandsBehindAMask) {
  Random random(77);
  for (int round = 0; round < (kSlowBuild ? 300 : 3000) && !HasFailure(); ++round) {
    const size_t keys = 1 + random.Below(70);
    const bool by_default = random.Below(2) == 0;
    const SoftmaxParams params = {.masked_below = by_default ? SoftmaxParams().masked_below : -kInfinity};
    std::vector<float> logits = Normals(random.Bits(), keys, 3.0), bias = Normals(random.Bits(), keys, 3.0);
    std::vector<float> plain_logits = logits, plain_bias = bias;
    const std::vector<float> anything = {kNaN, kInfinity, -kInfinity, -1e9f, kLowestFloat, 0.0f, 3e38f};
    for (size_t masked = random.Below(6); masked > 0; --masked) {
      const size_t key = random.Below(keys);
      const bool by_logit = random.Below(2) == 0;
      (by_logit ? logits : bias)[key] = by_default && random.Below(2) == 0 ? -1e9f : -kInfinity;
      (by_logit ? bias : logits)[key] = anything[random.Below(anything.size())];
      plain_logits[key] = -kInfinity;
      plain_bias[key] = 0.0f;
    }
    const float factor = std::vector<float>{1.0f, 0.5f, -2.0f}[random.Below(3)];
    const auto state = [&](const std::vector<float>& row, const std::vector<float>& added) {
      SoftmaxParams biased = params;
      biased.bias = {.data = added.data(), .head_factors = &factor};
      LayerAccumulator layer = CreateLayer({.max_keys = keys});
      EXPECT_TRUE(layer.AddLogits(ContiguousAttention(row.data(), ElementType::kFloat32, 1, 1, 1, keys), biased).ok());
      return StateOf(layer);
    };
    EXPECT_TRUE(SameBits(state(logits, bias), state(plain_logits, plain_bias)))
        << "round " << round << ", " << keys << " keys, factor " << factor;
  }
}

// A bias of +infinity times a factor below 0 masks its key.
TEST_P(MaskedValuesTest, InfiniteBiasesByTheirSign) {
  for (size_t keys = 1; keys < 40; ++keys) {
    for (size_t at = 0; at < keys; ++at) {
      const std::vector<float> logits = Normals(keys, keys);
      std::vector<float> bias(keys, 0.25f);
      bias[at] = kInfinity;
      for (const float factor : {1.0f, -1.0f}) {
        LayerAccumulator layer = CreateLayer({.max_keys = keys});
        const SoftmaxParams params = {.bias = {.data = bias.data(), .head_factors = &factor}};
        ASSERT_TRUE(
            layer.AddLogits(ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 1, 1, keys), params).ok());
        const MetricValues values = layer.Stats().layer;
        EXPECT_EQ(values[Metric::kInvalidRows], factor > 0.0f ? 1.0 : 0.0) << keys << " keys, " << at;
        EXPECT_EQ(values[Metric::kMaskedRows], factor < 0.0f && keys == 1 ? 1.0 : 0.0) << keys << " keys, " << at;
        if (factor < 0.0f && keys > 1) {
          EXPECT_GT(values[Metric::kEntropy], keys == 2 ? -1.0 : 0.0) << keys << " keys, " << at;
        }
      }
    }
  }
}

// NaN and +infinity of keys that are seen make rows invalid, as ever.
TEST_P(MaskedValuesTest, WhatIsSeenCounts) {
  for (const float bad : {kNaN, kInfinity}) {
    for (const bool in_bias : {false, true}) {
      std::vector<float> logits(20, 1.0f), bias(20, 0.0f);
      (in_bias ? bias : logits)[7] = bad;
      logits[3] = -kInfinity;
      EXPECT_EQ(Measure(logits, ElementType::kFloat32, bias, ElementType::kFloat32, {}, "bad")[Metric::kInvalidRows],
                1.0);
    }
  }
}

// Every pair of types, with factors that would make a mask of a number and a number of a mask.
TEST_P(MaskedValuesTest, BiasesOfEveryType) {
  Random random(3);
  for (const ElementType type : kAllTypes) {
    for (const ElementType bias_type : kAllTypes) {
      const float lowest = bias_type == ElementType::kFloat16 ? kLowestHalf : kLowestBFloat;
      for (const float factor : {1.0f, 0.0f, -2.0f, 1e-12f, 1e5f}) {
        std::vector<float> logits(67), bias(67);
        for (size_t i = 0; i < 67; ++i) {
          logits[i] = static_cast<float>(random.Normal());
          bias[i] = i % 5 == 0   ? -kInfinity
                    : i % 5 == 1 ? lowest
                                 : static_cast<float>(random.Normal()) / (1.0f + std::abs(factor));
        }
        const SoftmaxParams params = {.bias = {.head_factors = &factor}};
        const MetricValues values = Measure(
            logits, type, bias, bias_type, params,
            std::string(NameOf(type)) + ", bias of " + NameOf(bias_type) + ", factor " + std::to_string(factor));
        EXPECT_EQ(values[Metric::kInvalidRows], 0.0);
        EXPECT_LE(values[Metric::kEffectiveRank], 40.0 * (1.0 + 1e-5)) << "three in five keys are seen";
      }
    }
  }
}

// Queries and keys are masked by biases alone: a product far below the bound is a logit.
TEST_P(MaskedValuesTest, ProductsMaskNothing) {
  const AttentionSizes sizes = {.batch = 1, .heads = 2, .kv_heads = 1, .queries = 9, .keys = 30, .max_keys = 30};
  std::vector<float> queries(2 * 9 * 12, 1e5f), keys(30 * 12, -1e5f);
  for (size_t i = 0; i < keys.size(); i += 12) keys[i] -= static_cast<float>(i);
  std::vector<float> bias(30, 0.0f);
  const QueryKeyView view =
      ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, 2, 1, sizes.queries, sizes.keys, 12);
  SoftmaxParams params = {.scale = 1.0, .bias = {.data = bias.data()}};
  for (const bool some_masked : {false, true}) {
    if (some_masked) bias[29] = bias[4] = kLowestFloat;
    LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = 30});
    ASSERT_TRUE(layer.AddQueriesKeys(view, params).ok());
    const MetricValues values = layer.Stats().layer;
    EXPECT_EQ(values[Metric::kMaskedRows], 0.0);
    EXPECT_LT(values[Metric::kMaxLogit], -1e10);
    EXPECT_EQ(values[Metric::kMaxRowWeight], 1.0);
    EXPECT_EQ(values[Metric::kSinkPosition], 0.0);
  }
  bias.assign(30, -1e9f);
  LayerAccumulator layer = CreateLayer({.heads = 2, .max_keys = 30});
  ASSERT_TRUE(layer.AddQueriesKeys(view, params).ok());
  EXPECT_EQ(layer.Stats().layer[Metric::kMaskedRows], 18.0);
}

// A layer whose rows are masked in part, whole and in one head, by each value: rows are counted once.
TEST_P(MaskedValuesTest, LayersOfEveryTypeAndValue) {
  const AttentionSizes sizes;
  for (const ElementType type : kAllTypes) {
    std::vector<float> masks = {-kInfinity};
    masks.push_back(type == ElementType::kFloat16 ? kLowestHalf : -1e9f);
    if (type != ElementType::kFloat16) masks.push_back(kLowestBFloat);
    for (const SoftmaxParams& params :
         {SoftmaxParams{}, SoftmaxParams{.soft_cap = 3.0}, SoftmaxParams{.mask = {.causal = true, .window = 5}}}) {
      VisibleAttention attention(sizes, params, type, 9);
      attention.MaskLogits(masks, 10);
      attention.ExpectExact(InputKind::kLogits, "masked values");
      attention.ExpectCutsDoNotMatter(InputKind::kLogits, 11, "masked values");
    }
  }
}

}  // namespace
}  // namespace attnscope::test

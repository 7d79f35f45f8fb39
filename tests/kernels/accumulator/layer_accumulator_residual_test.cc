// SPDX-License-Identifier: Apache-2.0
//
// Residual ratios and gradient norms of a layer: against long double, over strides and sequences, at the ends of the
// range, and where the input is zero.
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using LayerAccumulatorResidualTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(LayerAccumulatorResidualTest);

struct ExactRatios {
  long double sequences = 0.0L;  // mean over sequences
  long double tokens = 0.0L;     // mean over tokens
};

ExactRatios RatiosOf(const ActivationView& before, const ActivationView& after) {
  ExactRatios ratios;
  for (size_t sequence = 0; sequence < before.batch; ++sequence) {
    long double all_update = 0.0L, all_input = 0.0L;
    for (size_t token = 0; token < before.tokens; ++token) {
      long double update = 0.0L, input = 0.0L;
      const auto row = [&](const ActivationView& view) {
        const int64_t offset =
            static_cast<int64_t>(sequence) * view.batch_stride + static_cast<int64_t>(token) * view.token_stride;
        return static_cast<const uint8_t*>(view.data) + offset * static_cast<int64_t>(ElementBytes(view.type));
      };
      for (size_t i = 0; i < before.channels; ++i) {
        const long double from = LoadElement(before.type, row(before), i);
        const long double difference = LoadElement(after.type, row(after), i) - from;
        update += difference * difference;
        input += from * from;
      }
      ratios.tokens += std::sqrt(update / input) / static_cast<long double>(before.batch * before.tokens);
      all_update += update;
      all_input += input;
    }
    ratios.sequences += std::sqrt(all_update / all_input) / static_cast<long double>(before.batch);
  }
  return ratios;
}

TEST_P(LayerAccumulatorResidualTest, RatiosAgreeWithLongDouble) {
  for (const ElementType type : kAllTypes) {
    for (const size_t channels : {size_t{1}, size_t{7}, size_t{64}, size_t{513}}) {
      constexpr size_t kBatch = 3, kTokens = 5;
      const size_t count = kBatch * kTokens * channels;
      std::vector<uint8_t> before(count * ElementBytes(type));
      std::vector<uint8_t> after(before.size());
      StoreElements(type, Normals(1, count), before.data());
      StoreElements(type, Normals(2, count), after.data());
      const ActivationView from = ContiguousActivation(before.data(), type, kBatch, kTokens, channels);
      const ActivationView to = ContiguousActivation(after.data(), type, kBatch, kTokens, channels);
      LayerAccumulator layer = CreateLayer({});
      ASSERT_TRUE(layer.AddResidual(from, to).ok());
      const ExactRatios exact = RatiosOf(from, to);
      const MetricValues values = layer.Stats().layer;
      EXPECT_TRUE(Within(values[Metric::kResidualRatio], exact.sequences, 1e-12L * exact.sequences));
      EXPECT_TRUE(Within(values[Metric::kTokenResidualRatio], exact.tokens, 1e-12L * exact.tokens));
      EXPECT_EQ(values[Metric::kInfiniteResiduals], 0.0);
    }
  }
}

// [tokens, batch, channels] with NaN in the padding, and tokens backwards.
TEST_P(LayerAccumulatorResidualTest, AnyStrides) {
  constexpr size_t kBatch = 2, kTokens = 4, kChannels = 19, kPadded = 23;
  std::vector<float> before = Normals(3, kTokens * kBatch * kPadded);
  std::vector<float> after = Normals(4, kTokens * kBatch * kPadded);
  for (size_t i = 0; i < before.size(); ++i) {
    if (i % kPadded >= kChannels) before[i] = after[i] = std::numeric_limits<float>::quiet_NaN();
  }
  ActivationView from = ContiguousActivation(before.data(), ElementType::kFloat32, kBatch, kTokens, kChannels);
  from.batch_stride = kPadded;
  from.token_stride = kBatch * kPadded;
  ActivationView to = from;
  to.data = after.data();
  const ExactRatios exact = RatiosOf(from, to);
  LayerAccumulator layer = CreateLayer({});
  ASSERT_TRUE(layer.AddResidual(from, to).ok());
  const double ratio = layer.Stats().layer[Metric::kResidualRatio];
  EXPECT_TRUE(Within(ratio, exact.sequences, 1e-12L * exact.sequences));
  for (ActivationView* view : {&from, &to}) {
    view->data = static_cast<const float*>(view->data) + (kTokens - 1) * kBatch * kPadded;
    view->token_stride = -view->token_stride;
  }
  layer.Reset();
  ASSERT_TRUE(layer.AddResidual(from, to).ok());
  EXPECT_TRUE(Within(layer.Stats().layer[Metric::kResidualRatio], ratio, 1e-12L * ratio));
}

// Two tokens of three channels.
ActivationView SixValues(const std::vector<float>& values) {
  return ContiguousActivation(values.data(), ElementType::kFloat32, 1, 2, 3);
}

TEST_P(LayerAccumulatorResidualTest, ZeroInput) {
  const std::vector<float> zeros(6);
  const std::vector<float> ones(6, 1.0f);
  LayerAccumulator layer = CreateLayer({});
  ASSERT_TRUE(layer.AddResidual(SixValues(zeros), SixValues(zeros)).ok());
  EXPECT_EQ(layer.Stats().layer[Metric::kResidualRatio], 0.0) << "no update of no input";
  EXPECT_EQ(layer.Stats().layer[Metric::kInfiniteResiduals], 0.0);
  ASSERT_TRUE(layer.AddResidual(SixValues(zeros), SixValues(ones)).ok());
  ASSERT_TRUE(layer.AddResidual(SixValues(ones), SixValues(ones)).ok());
  const MetricValues values = layer.Stats().layer;
  EXPECT_EQ(values[Metric::kResidualRatio], std::numeric_limits<double>::infinity());
  EXPECT_EQ(values[Metric::kTokenResidualRatio], std::numeric_limits<double>::infinity());
  EXPECT_EQ(values[Metric::kInfiniteResiduals], 1.0);
}

TEST_P(LayerAccumulatorResidualTest, BadNumbersAreCounted) {
  const std::vector<float> ones(6, 1.0f);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> broken = ones;
    broken[4] = bad;
    LayerAccumulator layer = CreateLayer({});
    ASSERT_TRUE(layer.AddResidual(SixValues(ones), SixValues(ones)).ok());
    ASSERT_TRUE(layer.AddResidual(SixValues(broken), SixValues(broken)).ok());
    const MetricValues values = layer.Stats().layer;
    EXPECT_FALSE(values.Has(Metric::kResidualRatio)) << bad;
    EXPECT_EQ(values[Metric::kInfiniteResiduals], 1.0) << bad;
  }
}

// A gradient with such numbers has a norm that says so, and is not as if nobody had measured one.
TEST_P(LayerAccumulatorResidualTest, BadGradientsAreTold) {
  const std::vector<float> ones(6, 1.0f);
  const std::vector<float> broken = {1.0f, NAN, 2.0f};
  const std::vector<float> infinite = {1.0f, -INFINITY};
  LayerAccumulator layer = CreateLayer({});
  const auto add = [&layer](const std::vector<float>& buffer) {
    ASSERT_TRUE(layer.AddGradient({.data = buffer.data(), .size = buffer.size()}).ok());
  };
  add(ones);
  add(infinite);
  EXPECT_EQ(layer.Stats().layer[Metric::kGradientNorm], std::numeric_limits<double>::infinity());
  add(broken);
  LayerAccumulator merged = CreateLayer({});
  EXPECT_FALSE(merged.Stats().layer.IsGivenAsNaN(Metric::kGradientNorm));
  ASSERT_TRUE(merged.Merge(layer).ok());
  for (const LayerAccumulator* each : {&layer, &merged}) {
    EXPECT_FALSE(each->Stats().layer.Has(Metric::kGradientNorm));
    EXPECT_TRUE(each->Stats().layer.IsGivenAsNaN(Metric::kGradientNorm));
  }
  layer.Reset();
  EXPECT_FALSE(layer.Stats().layer.IsGivenAsNaN(Metric::kGradientNorm));
}

TEST_P(LayerAccumulatorResidualTest, EndsOfTheRange) {
  for (const float scale : {FLT_MAX, FLT_TRUE_MIN}) {
    const std::vector<float> before(3000, scale);
    std::vector<float> after(3000, -scale);
    const auto view = [](const std::vector<float>& values) {
      return ContiguousActivation(values.data(), ElementType::kFloat32, 1, 3, 1000);
    };
    LayerAccumulator layer = CreateLayer({});
    ASSERT_TRUE(layer.AddResidual(view(before), view(after)).ok());
    ASSERT_TRUE(layer.AddGradient({.data = before.data(), .size = before.size()}).ok());
    const MetricValues values = layer.Stats().layer;
    EXPECT_TRUE(Within(values[Metric::kResidualRatio], 2.0L, 1e-12L)) << scale;
    EXPECT_TRUE(Within(values[Metric::kTokenResidualRatio], 2.0L, 1e-12L)) << scale;
    const long double norm = static_cast<long double>(scale) * std::sqrt(3000.0L);
    EXPECT_TRUE(Within(values[Metric::kGradientNorm], norm, 1e-12L * norm)) << scale;
  }
}

TEST_P(LayerAccumulatorResidualTest, GradientNormIsOverAllBuffers) {
  LayerAccumulator layer = CreateLayer({});
  EXPECT_FALSE(layer.Stats().layer.Has(Metric::kGradientNorm));
  long double squares = 0.0L;
  for (const ElementType type : kAllTypes) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}}) {
      std::vector<uint8_t> bytes(size * ElementBytes(type) + 1);
      StoreElements(type, Normals(size, size), bytes.data());
      for (size_t i = 0; i < size; ++i) squares += std::pow(LoadElement(type, bytes.data(), i), 2.0L);
      ASSERT_TRUE(layer.AddGradient({.data = bytes.data(), .type = type, .size = size}).ok());
    }
  }
  const long double norm = std::sqrt(squares);
  EXPECT_TRUE(Within(layer.Stats().layer[Metric::kGradientNorm], norm, 1e-12L * norm));
}

TEST_P(LayerAccumulatorResidualTest, NaNShows) {
  std::vector<float> before(64, 1.0f);
  const std::vector<float> after(64, 2.0f);
  before[40] = std::numeric_limits<float>::quiet_NaN();
  const auto view = [](const std::vector<float>& values) {
    return ContiguousActivation(values.data(), ElementType::kFloat32, 1, 4, 16);
  };
  LayerAccumulator layer = CreateLayer({});
  ASSERT_TRUE(layer.AddResidual(view(before), view(after)).ok());
  EXPECT_TRUE(std::isnan(layer.Stats().layer[Metric::kResidualRatio]));
}

}  // namespace
}  // namespace attnscope::test

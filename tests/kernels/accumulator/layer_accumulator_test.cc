// SPDX-License-Identifier: Apache-2.0
//
// What a layer measures: the golden numbers of real attention, random attention against the oracle, and residual
// streams and gradients, on every target.
#include "attnscope/layer_accumulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/golden.h"
#include "tests/support/npy_file.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using LayerAccumulatorTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(LayerAccumulatorTest);

struct RealLayer {
  std::string name;
  NpyFile attention;  // [heads, queries, keys]
  NpyFile before;     // [tokens, channels]
  NpyFile after;
  nlohmann::json golden;
};

std::vector<RealLayer> RealLayers() {
  std::vector<RealLayer> layers;
  for (const std::string run : {"use_short", "use_long"}) {
    const nlohmann::json golden = testing_tools::ReadGolden(run);
    for (const std::string index : {"0", "1"}) {
      std::string name = run;
      name.append("_L").append(index);
      layers.push_back({name, ReadNpy(name + "_attn.npy"), ReadNpy(name + "_resid_in.npy"),
                        ReadNpy(name + "_resid_out.npy"), golden.at(index)});
    }
  }
  return layers;
}

// Compares every number of `golden`; `of` finds it in an array of heads or by itself. `element_error` is the relative
// error of each weight.
template <typename Of>
void ExpectGolden(const MetricValues& actual, const nlohmann::json& golden, double keys, const Of& of,
                  const std::string& what, double element_error = 0.0) {
  size_t compared = 0;
  for (const MetricInfo& info : AllMetrics()) {
    if (!golden.contains(info.name)) continue;
    const double expected = of(golden.at(std::string(info.name)));
    const double bound =
        BoundOf(info.metric, expected, keys) + (info.metric == Metric::kMaxRowWeight ? element_error * expected : 0.0);
    EXPECT_TRUE(Within(actual[info.metric], expected, bound)) << info.name << what;
    ++compared;
  }
  EXPECT_EQ(compared, golden.size()) << "a golden number is no metric";
}

double Itself(const nlohmann::json& value) { return value.get<double>(); }

TEST_P(LayerAccumulatorTest, GoldenNumbersOfWeights) {
  for (const RealLayer& real : RealLayers()) {
    const size_t heads = real.attention.shape[0];
    const size_t tokens = real.attention.shape[1];
    LayerAccumulator layer = CreateLayer({.heads = heads, .max_keys = tokens});
    ASSERT_TRUE(layer.AddWeights(ViewOf(real.attention.values, 1, heads, tokens, tokens)).ok());
    const LayerStats stats = layer.Stats();
    const nlohmann::json& golden = real.golden.at("weights");
    ExpectGolden(stats.layer, golden.at("layer"), static_cast<double>(tokens), Itself, " of " + real.name);
    ASSERT_EQ(stats.heads.size(), heads);
    for (size_t head = 0; head < heads; ++head) {
      const auto of_head = [head](const nlohmann::json& values) { return values.at(head).get<double>(); };
      ExpectGolden(stats.heads[head], golden.at("heads"), static_cast<double>(tokens), of_head,
                   " of " + real.name + ", head " + std::to_string(head));
      ExpectRanges(stats.heads[head], real.name);
    }
    EXPECT_EQ(stats.layer[Metric::kRows], static_cast<double>(heads * tokens));
    EXPECT_EQ(stats.layer[Metric::kInvalidRows], 0.0);
    EXPECT_EQ(stats.layer[Metric::kUnnormalizedRows], 0.0);
  }
}

TEST_P(LayerAccumulatorTest, GoldenNumbersOfTheMeanMatrix) {
  for (const RealLayer& real : RealLayers()) {
    const size_t heads = real.attention.shape[0];
    const size_t tokens = real.attention.shape[1];
    LayerAccumulator layer = CreateLayer({.heads = heads, .max_keys = tokens, .mean_matrix = true});
    ASSERT_TRUE(layer.AddWeights(ViewOf(real.attention.values, 1, heads, tokens, tokens)).ok());
    const LayerStats stats = layer.Stats();
    ExpectGolden(stats.layer, real.golden.at("mean_matrix"), static_cast<double>(tokens), Itself, " of " + real.name,
                 5e-7);
    EXPECT_EQ(stats.heads.size(), 1u);
    EXPECT_EQ(stats.layer[Metric::kRows], static_cast<double>(tokens));
  }
}

TEST_P(LayerAccumulatorTest, GoldenNumbersOfTheResidualStream) {
  for (const RealLayer& real : RealLayers()) {
    const size_t tokens = real.before.shape[0];
    const size_t channels = real.before.shape[1];
    LayerAccumulator layer = CreateLayer({});
    const auto view = [&](const NpyFile& file) {
      return ContiguousActivation(file.values.data(), ElementType::kFloat32, 1, tokens, channels);
    };
    ASSERT_TRUE(layer.AddResidual(view(real.before), view(real.after)).ok());
    const MetricValues values = layer.Stats().layer;
    const nlohmann::json& golden = real.golden.at("residual");
    for (const Metric metric : {Metric::kResidualRatio, Metric::kTokenResidualRatio}) {
      const double expected = golden.at(std::string(InfoOf(metric).name)).get<double>();
      EXPECT_TRUE(Within(values[metric], expected, 1e-12L * expected)) << InfoOf(metric).name << " of " << real.name;
    }
    EXPECT_EQ(values[Metric::kInfiniteResiduals], 0.0);
    EXPECT_FALSE(values.Has(Metric::kEntropy)) << "no attention was given";
  }
}

TEST_P(LayerAccumulatorTest, RandomAttentionAgreesWithTheOracle) {
  struct Shape {
    size_t batch, heads, queries, keys;
  };
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{1, 1, 1, 2}, Shape{2, 3, 5, 7}, Shape{1, 2, 33, 130},
                             Shape{3, 2, 17, 300}, Shape{2, 1, 40, 64}, Shape{1, 1, 2, 5000}}) {
    for (const ElementType type : kAllTypes) {
      for (const double sigma : {1.0, 4.0}) {
        const size_t rows = shape.batch * shape.heads * shape.queries;
        const std::vector<float> values = SoftmaxRows(rows, rows, shape.keys, sigma);
        std::vector<uint8_t> bytes(values.size() * ElementBytes(type));
        StoreElements(type, values, bytes.data());
        const AttentionView view =
            ContiguousAttention(bytes.data(), type, shape.batch, shape.heads, shape.queries, shape.keys);
        std::vector<int64_t> lengths(shape.batch);
        for (size_t i = 0; i < shape.batch; ++i) lengths[i] = static_cast<int64_t>(i * 5 % (shape.keys + 1));
        for (const Mask& mask : {Mask{}, Mask{.causal = true}, Mask{.causal = true, .causal_offset = 3},
                                 Mask{.causal = true, .causal_offset = -4}, Mask{.key_lengths = lengths.data()},
                                 Mask{.causal = true, .causal_offset = 1, .key_lengths = lengths.data()}}) {
          LayerAccumulator layer =
              CreateLayer({.heads = shape.heads, .max_keys = shape.keys + 3, .max_batch = shape.batch});
          ASSERT_TRUE(layer.AddWeights(view, mask).ok());
          ExactLayer exact(shape.heads);
          exact.Add(view, mask);
          const std::string what = std::to_string(rows) + " rows of " + std::to_string(shape.keys) + " " +
                                   NameOf(type) + (mask.causal ? ", causal" : "") +
                                   (mask.key_lengths != nullptr ? ", key lengths" : "");
          exact.ExpectEqual(layer.Stats(), what);
          if (!mask.causal && mask.key_lengths == nullptr && type == ElementType::kFloat32) {
            ExpectRanges(layer.Stats().layer, what);
          }
        }
      }
    }
  }
}

TEST_P(LayerAccumulatorTest, BadRowsAreCountedAndInNoMean) {
  std::vector<float> values = SoftmaxRows(9, 120, 50, 2.0);
  const auto row = [&](size_t index) { return values.begin() + static_cast<std::ptrdiff_t>(index * 50); };
  *row(3) = std::numeric_limits<float>::quiet_NaN();
  row(21)[49] = -0.25f;
  row(47)[20] = std::numeric_limits<float>::infinity();
  std::fill_n(row(5), 50, 0.0f);
  for (size_t i = 0; i < 50; ++i) row(100)[static_cast<std::ptrdiff_t>(i)] *= 1.01f;
  for (size_t i = 40; i < 60; ++i) *row(i) = -1.0f;  // all of sequence 0, head 2
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 50, .max_batch = 2});
  ASSERT_TRUE(layer.AddWeights(ViewOf(values, 2, 3, 20, 50)).ok());
  ExactLayer exact(3);
  exact.Add(ViewOf(values, 2, 3, 20, 50));
  const LayerStats stats = layer.Stats();
  exact.ExpectEqual(stats, "bad rows");
  EXPECT_EQ(stats.layer[Metric::kInvalidRows], 22.0);
  EXPECT_EQ(stats.layer[Metric::kEmptyRows], 1.0);
  EXPECT_EQ(stats.layer[Metric::kUnnormalizedRows], 1.0);
  EXPECT_EQ(stats.layer[Metric::kMatrices], 5.0);
}

TEST_P(LayerAccumulatorTest, TolerancesAreOfEachType) {
  const std::vector<float> values = {0.5f, 0.51f, 0.5f, 0.53f, 0.5f, 0.5f};  // sums 1.01, 1.03, 1
  for (const ElementType type : kAllTypes) {
    std::vector<uint8_t> bytes(values.size() * ElementBytes(type));
    StoreElements(type, values, bytes.data());
    LayerAccumulator layer = CreateLayer({.max_keys = 2});
    ASSERT_TRUE(layer.AddWeights(ContiguousAttention(bytes.data(), type, 1, 1, 3, 2)).ok());
    const double expected = type == ElementType::kFloat32 ? 2.0 : 1.0;
    EXPECT_EQ(layer.Stats().layer[Metric::kUnnormalizedRows], expected) << NameOf(type);
    LayerAccumulator lenient = CreateLayer({.max_keys = 2, .tolerance_float32 = 0.1, .tolerance_half = 0.1});
    ASSERT_TRUE(lenient.AddWeights(ContiguousAttention(bytes.data(), type, 1, 1, 3, 2)).ok());
    EXPECT_EQ(lenient.Stats().layer[Metric::kUnnormalizedRows], 0.0) << NameOf(type);
  }
}

}  // namespace
}  // namespace attnscope::test

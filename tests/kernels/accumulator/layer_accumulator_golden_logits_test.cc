// SPDX-License-Identifier: Apache-2.0
//
// The golden numbers of real logits, and of the real queries and keys that made them, on every target.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/golden.h"
#include "tests/support/npy_file.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using GoldenLogitsTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(GoldenLogitsTest);

struct RealLogits {
  std::string name;
  NpyFile logits;   // [heads, queries, keys], scaled
  NpyFile queries;  // [heads, queries, head_dim]
  NpyFile keys;     // [heads, keys, head_dim]
  nlohmann::json golden;
};

std::vector<RealLogits> AllRealLogits() {
  std::vector<RealLogits> layers;
  for (const std::string run : {"use_short", "use_long"}) {
    const nlohmann::json golden = testing_tools::ReadGolden(run);
    for (const std::string index : {"0", "1"}) {
      std::string name = run;
      name.append("_L").append(index);
      layers.push_back(
          {name, ReadNpy(name + "_logits.npy"), ReadNpy(name + "_q.npy"), ReadNpy(name + "_k.npy"), golden.at(index)});
    }
  }
  return layers;
}

void ExpectGoldenStats(const LayerStats& stats, const nlohmann::json& golden, double keys) {
  const nlohmann::json& attention = golden.at("attention");
  EXPECT_EQ(testing_tools::ExpectGolden(attention.at("layer"), stats.layer, keys), attention.at("layer").size());
  const nlohmann::json& heads = attention.at("heads");
  ASSERT_EQ(stats.heads.size(), heads.at("entropy").size());
  for (size_t head = 0; head < stats.heads.size(); ++head) {
    const nlohmann::json one = testing_tools::GoldenHead(heads, head);
    EXPECT_EQ(testing_tools::ExpectGolden(one, stats.heads[head], keys), one.size());
    ExpectRanges(stats.heads[head], "head " + std::to_string(head));
  }
  size_t compared = 0;
  for (const Metric metric : {Metric::kLogitMean, Metric::kLogitStd, Metric::kMaxAbsLogit, Metric::kSaturationRatio}) {
    const double expected = golden.at(std::string(InfoOf(metric).name)).get<double>();
    EXPECT_TRUE(Within(stats.layer[metric], expected, 2e-6 * std::abs(expected))) << InfoOf(metric).name;
    ++compared;
  }
  EXPECT_EQ(compared + 1, golden.size()) << "a golden number is not compared";
  EXPECT_TRUE(stats.layer.Has(Metric::kLogSumExp));
  EXPECT_EQ(stats.layer[Metric::kInvalidRows], 0.0);
  EXPECT_EQ(stats.layer[Metric::kUnnormalizedRows], 0.0);
}

TEST_P(GoldenLogitsTest, Logits) {
  for (const RealLogits& real : AllRealLogits()) {
    const size_t heads = real.logits.shape[0];
    const size_t tokens = real.logits.shape[1];
    for (const bool causal : {false, true}) {
      SCOPED_TRACE(real.name + (causal ? ", causal" : ""));
      LayerAccumulator layer = CreateLayer({.heads = heads, .max_keys = tokens});
      ASSERT_TRUE(
          layer.AddLogits(ViewOf(real.logits.values, 1, heads, tokens, tokens), {.mask = {.causal = causal}}).ok());
      ExpectGoldenStats(layer.Stats(), real.golden.at(causal ? "logits_causal" : "logits"),
                        static_cast<double>(tokens));
    }
  }
}

TEST_P(GoldenLogitsTest, QueriesAndKeys) {
  for (const RealLogits& real : AllRealLogits()) {
    const size_t heads = real.queries.shape[0];
    const size_t tokens = real.queries.shape[1];
    const QueryKeyView view =
        ContiguousQueryKey(real.queries.values.data(), real.keys.values.data(), ElementType::kFloat32, 1, heads, heads,
                           tokens, tokens, real.queries.shape[2]);
    for (const bool causal : {false, true}) {
      SCOPED_TRACE(real.name + (causal ? ", causal" : ""));
      LayerAccumulator layer = CreateLayer({.heads = heads, .max_keys = tokens});
      ASSERT_TRUE(layer.AddQueriesKeys(view, {.mask = {.causal = causal}}).ok());
      ExpectGoldenStats(layer.Stats(), real.golden.at(causal ? "logits_causal" : "logits"),
                        static_cast<double>(tokens));
    }
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Memory does not grow with queries times keys: against 131072 keys, the resident memory above the inputs stays under
// 256 MiB. (Nothing that is kept depends on the number of queries, so that some of them are enough.) And an accumulator
// for many keys costs what it uses.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

// The most memory that this process has had resident since the last call of ResetPeak, in bytes; Linux only.
size_t PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

bool ResetPeak() {
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  return clear.good();
}

TEST(LongContextMemoryTest, Queries512Keys131072) {
  if (kSlowBuild) GTEST_SKIP() << "sanitizers have memory of their own";
  constexpr size_t kKeys = 131072, kQueries = 512, kHeadDim = 128;
  std::vector<float> queries(kQueries * kHeadDim), keys(kKeys * kHeadDim);
  Random random(1);
  for (float& value : queries) value = static_cast<float>(random.Normal());
  for (float& value : keys) value = static_cast<float>(random.Uniform() - 0.5);
  if (PeakBytes() == 0 || !ResetPeak()) GTEST_SKIP() << "this system does not tell its memory";
  const size_t inputs = PeakBytes();
  LayerAccumulator layer = CreateLayer({.heads = 1, .max_keys = kKeys});
  ASSERT_TRUE(layer
                  .AddQueriesKeys(ContiguousQueryKey(queries.data(), keys.data(), ElementType::kFloat32, 1, 1, 1,
                                                     kQueries, kKeys, kHeadDim),
                                  {.mask = {.causal = true, .causal_offset = kKeys - kQueries}})
                  .ok());
  EXPECT_EQ(layer.Stats().layer[Metric::kRows], static_cast<double>(kQueries));
  const size_t used = PeakBytes() - inputs;
  std::printf("[ observed ] %zu MiB above the inputs\n", used >> 20);
  EXPECT_LT(used, size_t{256} << 20);
  EXPECT_GT(used, kKeys * 16 * sizeof(float)) << "less than a block of rows: was it measured at all?";
}

// Whatever makes the scratch larger is meant to be seen here.
TEST(LongContextMemoryTest, ScratchForKeys131072) {
  const LayerAccumulator layer = CreateLayer({.heads = 1, .max_keys = 131072});
  EXPECT_EQ((layer.ScratchBytes() + (size_t{1} << 19)) >> 20, 61u);
}

TEST(LongContextMemoryTest, KeysThatNothingUsesCostNothing) {
  if (kSlowBuild) GTEST_SKIP() << "sanitizers have memory of their own";
  for (const bool mean_matrix : {false, true}) {
    if (PeakBytes() == 0 || !ResetPeak()) GTEST_SKIP() << "this system does not tell its memory";
    const size_t before = PeakBytes();
    LayerAccumulator layer = CreateLayer({.heads = 1, .max_keys = size_t{1} << 27, .mean_matrix = mean_matrix});
    const std::vector<float> weights(40 * 1000, 1e-3f);
    ASSERT_TRUE(layer.AddWeights(ContiguousAttention(weights.data(), ElementType::kFloat32, 1, 1, 40, 1000)).ok());
    EXPECT_EQ(layer.Stats().layer[Metric::kRows], 40.0);
    for (double& maximum : layer.maxima()) maximum = 0.0;
    layer.Reset();
    EXPECT_LT(PeakBytes() - before, size_t{4} << 20);
  }
}

}  // namespace
}  // namespace attnscope::test

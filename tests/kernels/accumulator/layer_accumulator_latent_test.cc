// SPDX-License-Identifier: Apache-2.0
//
// The absorbed form of latent attention, as DeepSeek V2 and V3 decode: 128 query heads of 576 that share one head of
// keys, which are part of wider rows. Against the oracle, for a decode step and for a chunk of queries under a mask.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/exact_logits.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using LatentAttentionTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(LatentAttentionTest);

constexpr size_t kHeads = 128;
constexpr size_t kHeadDim = 576;
constexpr size_t kKeyStride = 640;

void Check(size_t queries, size_t keys) {
  const std::vector<float> query_data = Normals(1, kHeads * queries * kHeadDim);
  const std::vector<float> key_data = Normals(2, keys * kKeyStride);
  QueryKeyView view = ContiguousQueryKey(query_data.data(), key_data.data(), ElementType::kFloat32, 1, kHeads, 1,
                                         queries, keys, kHeadDim);
  view.key_stride = static_cast<int64_t>(kKeyStride);
  const SoftmaxParams params = {.scale = 0.1147, .mask = {.causal = true}};  // DeepSeek V3's
  LayerAccumulator layer = CreateLayer({.heads = kHeads, .max_keys = keys});
  ASSERT_TRUE(layer.AddQueriesKeys(view, params).ok());
  ExactLogitLayer exact(kHeads);
  exact.Add(view, params);
  exact.ExpectEqual(layer.Stats(), std::to_string(queries) + " queries");
}

TEST_P(LatentAttentionTest, DecodeStep) { Check(1, kSlowBuild ? 19 : 77); }

TEST_P(LatentAttentionTest, ChunkOfQueries) { Check(3, kSlowBuild ? 11 : 51); }

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Scores of keys where rows see what any Visibility, mask by value, bias and sink leaves them: against the oracle, and
// the same bits however rows are cut into calls, however many threads there are, and by way of an accumulator, which
// measures the same as without.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/thread_runner.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/random_softmax.h"
#include "tests/support/row_inputs.h"
#include "tests/support/score_oracle.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using KeyScoresVisibilityTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(KeyScoresVisibilityTest);

constexpr int kRounds = kSlowBuild ? 20 : 150;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

KeyScores CreateScores(const KeyScoresConfig& config) {
  KeyScores scores;
  const Status status = KeyScores::Create(config, &scores);
  EXPECT_TRUE(status.ok()) << status.message();
  return scores;
}

// Of every head.
std::vector<double> AllScores(const KeyScores& scores) {
  std::vector<double> all;
  const KeyScoresConfig config = scores.config();
  for (size_t i = 0; i < config.max_batch * config.heads; ++i) {
    const size_t sequence = i / config.heads, head = i % config.heads;
    std::vector<double> of_head(scores.Keys(sequence, head / (config.heads / config.groups)));
    EXPECT_TRUE(scores.HeadScores(sequence, head, of_head).ok());
    all.insert(all.end(), of_head.begin(), of_head.end());
    all.push_back(static_cast<double>(scores.Rows(sequence, head)));
  }
  return all;
}

KeyScoresConfig RandomConfig(const AttentionSizes& sizes, Random& random) {
  KeyScoresConfig config = {.heads = sizes.heads, .max_keys = sizes.max_keys, .max_batch = sizes.batch};
  const size_t groups[] = {1, sizes.kv_heads, sizes.heads};
  config.groups = groups[random.Below(3)];
  if (random.Below(3) == 0) config.window = 1 + random.Below(25);
  if (random.Below(2) == 0) config.decay = 0.05 + 0.95 * random.Uniform();
  return config;
}

// Rows cut at random, with several threads; to the scores, or to a layer that they are attached to.
template <class Layer>
void AddCut(const VisibleAttention& attention, InputKind kind, size_t queries, size_t threads, Random& random,
            Layer& layer) {
  ThreadRunner pool;
  ASSERT_TRUE(ThreadRunner::Create(threads, &pool).ok());
  for (size_t first = 0, count = 0; first < queries; first += count) {
    count = 1 + random.Below(queries - first);
    const Status status = attention.AddRows(kind, first, count, layer, pool.runner());
    ASSERT_TRUE(status.ok()) << status.message();
  }
}

TEST_P(KeyScoresVisibilityTest, Combinations) {
  Random random(21);
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const AttentionSizes sizes = RandomSizes(random);
    const RandomVisibility visibility(sizes, random);
    const RandomSoftmax softmax(sizes, *visibility, random);
    const ElementType type = kAllTypes[random.Below(3)];
    VisibleAttention attention(sizes, softmax.params(), type, random.Bits());
    if (random.Below(2) == 0) {
      attention.MaskLogits({-kInfinity, type == ElementType::kFloat16 ? -65504.0f : -1e9f}, random.Bits());
    }
    const KeyScoresConfig config = RandomConfig(sizes, random);
    for (const InputKind kind : kAllInputs) {
      const std::string what = "round " + std::to_string(round) + ", " + NameOf(type) + " " + NameOf(kind) +
                               ", window " + std::to_string(config.window) + ", decay " + std::to_string(config.decay) +
                               TextOf(*visibility, sizes.batch);
      KeyScores whole = CreateScores(config);
      ASSERT_TRUE(attention.AddRows(kind, 0, sizes.queries, whole).ok()) << what;
      ScoreOracle oracle(config);
      if (kind == InputKind::kWeights) oracle.AddWeights(attention.weights(), *visibility);
      if (kind == InputKind::kLogits) oracle.AddLogits(attention.logits(), softmax.params());
      if (kind == InputKind::kQueriesKeys) oracle.AddQueriesKeys(attention.queries_keys(), softmax.params());
      oracle.ExpectEqual(whole, what);
      const std::vector<double> expected = AllScores(whole);

      LayerAccumulator alone = CreateLayer(attention.config());
      ASSERT_TRUE(attention.AddAll(kind, alone).ok()) << what;
      for (const size_t threads : {size_t{1}, size_t{3}}) {
        KeyScores cut = CreateScores(config);
        AddCut(attention, kind, sizes.queries, threads, random, cut);
        EXPECT_TRUE(SameBits(AllScores(cut), expected)) << what << ", cut, " << threads << " threads";

        KeyScores attached = CreateScores(config);
        LayerAccumulator layer = CreateLayer(attention.config());
        ASSERT_TRUE(layer.Attach(attached).ok());
        AddCut(attention, kind, sizes.queries, threads, random, layer);
        EXPECT_TRUE(SameBits(AllScores(attached), expected)) << what << ", attached, " << threads << " threads";
        EXPECT_TRUE(SameBits(StateOf(layer), StateOf(alone))) << what << ", " << threads << " threads";
      }
    }
  }
}

// Scores may be attached in the middle, and moved, and outlive, or be outlived by, the accumulator.
TEST_P(KeyScoresVisibilityTest, AttachAndDetach) {
  const AttentionSizes sizes = {.queries = 20, .keys = 30, .max_keys = 40};
  const SoftmaxParams params = {.mask = {.causal = true}};
  const VisibleAttention attention(sizes, params, ElementType::kFloat32, 3);
  const KeyScoresConfig config = {.heads = sizes.heads, .groups = 2, .max_keys = 50, .max_batch = sizes.batch};
  for (const InputKind kind : kAllInputs) {
    LayerAccumulator layer = CreateLayer(attention.config());
    KeyScores expected = CreateScores(config);
    KeyScores scores = CreateScores(config);
    ASSERT_TRUE(attention.AddRows(kind, 0, 5, layer).ok());
    ASSERT_TRUE(layer.Attach(scores).ok());
    KeyScores moved = std::move(scores);
    LayerAccumulator moved_layer = std::move(layer);
    ASSERT_TRUE(attention.AddRows(kind, 5, 10, moved_layer).ok());
    ASSERT_TRUE(attention.AddRows(kind, 5, 10, expected).ok());
    EXPECT_TRUE(SameBits(AllScores(moved), AllScores(expected)));
    moved_layer.Detach();
    ASSERT_TRUE(attention.AddRows(kind, 15, 5, moved_layer).ok());
    EXPECT_TRUE(SameBits(AllScores(moved), AllScores(expected)));
    {
      KeyScores brief = CreateScores(config);
      ASSERT_TRUE(moved_layer.Attach(brief).ok());
    }
    moved_layer.EndSequence();
    ASSERT_TRUE(attention.AddRows(kind, 0, 20, moved_layer).ok());
    moved_layer = LayerAccumulator();
    EXPECT_TRUE(SameBits(AllScores(moved), AllScores(expected)));
  }
}

}  // namespace
}  // namespace attnscope::test

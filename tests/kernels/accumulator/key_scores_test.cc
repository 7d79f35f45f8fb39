// SPDX-License-Identifier: Apache-2.0
//
// Scores of a cache's keys over hundreds of steps of decoding, in which keys are evicted, moved and cleared at random,
// and sequences end, against the oracle that keeps whole matrices; what every head has heard of is then taken by
// TopKeys.
#include "attnscope/key_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/row_inputs.h"
#include "tests/support/score_oracle.h"
#include "tests/support/target_test.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using KeyScoresTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(KeyScoresTest);

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

KeyScores CreateScores(const KeyScoresConfig& config) {
  KeyScores scores;
  const Status status = KeyScores::Create(config, &scores);
  EXPECT_TRUE(status.ok()) << status.message();
  return scores;
}

std::vector<double> ScoresOf(const KeyScores& scores, size_t sequence, size_t group) {
  std::vector<double> values(scores.Keys(sequence, group));
  EXPECT_TRUE(scores.Scores(sequence, group, values).ok());
  return values;
}

std::vector<size_t> TopKeysOf(const KeyScores& scores, size_t group, const KeyChoice& choice) {
  std::vector<size_t> keys(scores.Keys(0, group));
  size_t count = 0;
  const Status status = scores.TopKeys(0, group, choice, keys, &count);
  EXPECT_TRUE(status.ok()) << status.message();
  keys.resize(count);
  return keys;
}

// `count` of `keys` keys, ascending.
std::vector<size_t> SomeKeys(size_t keys, size_t count, Random& random) {
  std::vector<size_t> all(keys);
  std::iota(all.begin(), all.end(), size_t{0});
  for (size_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.Below(keys - i)]);
  all.resize(count);
  std::sort(all.begin(), all.end());
  return all;
}

// One layer's cache: the same steps for the scores and for the oracle.
class Cache {
 public:
  Cache(const KeyScoresConfig& config, uint64_t seed)
      : config_(config), random_(seed), scores_(CreateScores(config)), oracle_(config) {}

  // Some queries, of as many new keys, of one sequence, to all groups together if they have as many keys.
  void Decode(size_t sequence, InputKind kind) {
    bool same = true;
    for (size_t group = 1; group < config_.groups; ++group) {
      same = same && scores_.Keys(sequence, group) == scores_.Keys(sequence, 0);
    }
    const size_t new_keys = random_.Below(6) == 0 ? 1 + random_.Below(40) : 1;
    for (size_t group = 0; group < (same ? 1 : config_.groups); ++group) {
      const size_t groups = same ? config_.groups : 1;
      const size_t keys = std::min(scores_.Keys(sequence, group) + new_keys, config_.max_keys);
      Add(sequence, group, groups, std::min(new_keys, keys), keys, kind);
    }
  }

  void Evict(size_t sequence) {
    const size_t group = random_.Below(config_.groups);
    const size_t keys = scores_.Keys(sequence, group);
    const std::vector<size_t> some = SomeKeys(keys, random_.Below(keys + 1), random_);
    const size_t begin = random_.Below(keys + 1);
    const size_t end = begin + random_.Below(keys - begin + 1);
    const auto delta =
        static_cast<int64_t>(random_.Below(config_.max_keys - (end - begin) + 1)) - static_cast<int64_t>(begin);
    switch (random_.Below(4)) {
      case 0:
        EXPECT_TRUE(scores_.Keep(sequence, group, some).ok());
        return oracle_.Keep(sequence, group, some);
      case 1:
        EXPECT_TRUE(scores_.Remove(sequence, group, some).ok());
        return oracle_.Remove(sequence, group, some);
      case 2:
        EXPECT_TRUE(scores_.Clear(sequence, group, some).ok());
        return oracle_.Clear(sequence, group, some);
      default:
        EXPECT_TRUE(scores_.Shift(sequence, group, begin, end, delta).ok());
        return oracle_.Shift(sequence, group, begin, end, delta);
    }
  }

  // One of every group's keys, as caches that evict the same of all heads do.
  void RemoveOldest(size_t sequence) {
    const std::vector<size_t> oldest = {0};
    for (size_t group = 0; group < config_.groups; ++group) {
      if (scores_.Keys(sequence, group) == 0) return;
    }
    EXPECT_TRUE(scores_.Remove(sequence, kAllGroups, oldest).ok());
    for (size_t group = 0; group < config_.groups; ++group) oracle_.Remove(sequence, group, oldest);
  }

  void EndSequence(size_t sequence) {
    EXPECT_TRUE(scores_.EndSequence(sequence).ok());
    oracle_.EndSequence(sequence);
  }

  void Expect(const std::string& what) const { oracle_.ExpectEqual(scores_, what); }
  Random& random() { return random_; }

 private:
  void Add(size_t sequence, size_t first_group, size_t groups, size_t queries, size_t keys, InputKind kind) {
    const size_t per_group = config_.heads / config_.groups;
    const AttentionSizes sizes = {1, groups * per_group, groups, queries, keys, 1 + random_.Below(9), keys};
    const SoftmaxParams params = {.mask = {.causal = true}};
    const VisibleAttention attention(sizes, params, kAllTypes[random_.Below(3)], random_.Bits());
    const auto place = [&](auto view) {
      view.first_sequence = sequence;
      view.first_head = first_group * per_group;
      return view;
    };
    Status status;
    if (kind == InputKind::kWeights) {
      status = scores_.AddWeights(place(attention.weights()), params.mask);
      oracle_.AddWeights(place(attention.weights()), params.mask);
    } else if (kind == InputKind::kLogits) {
      status = scores_.AddLogits(place(attention.logits()), params);
      oracle_.AddLogits(place(attention.logits()), params);
    } else {
      status = scores_.AddQueriesKeys(place(attention.queries_keys()), params);
      oracle_.AddQueriesKeys(place(attention.queries_keys()), params);
    }
    EXPECT_TRUE(status.ok()) << status.message();
  }

  KeyScoresConfig config_;
  Random random_;
  KeyScores scores_;
  ScoreOracle oracle_;
};

KeyScoresConfig ConfigOf(size_t window, double decay) {
  return {.heads = 4, .groups = 2, .max_keys = 75, .max_batch = 2, .window = window, .decay = decay};
}

std::string TextOf(const KeyScoresConfig& config) {
  return "window " + std::to_string(config.window) + ", decay " + std::to_string(config.decay);
}

const KeyScoresConfig kConfigs[] = {ConfigOf(0, 1.0), ConfigOf(0, 0.97), ConfigOf(0, 0.25), ConfigOf(0, 1e-12),
                                    ConfigOf(1, 1.0), ConfigOf(7, 1.0),  ConfigOf(20, 0.9)};

TEST_P(KeyScoresTest, DecodingWithEvictions) {
  constexpr int kSteps = kSlowBuild ? 60 : 300;
  uint64_t seed = 1;
  for (const KeyScoresConfig& config : kConfigs) {
    Cache cache(config, ++seed);
    Random& random = cache.random();
    for (int step = 0; step < kSteps && !HasFailure(); ++step) {
      const size_t sequence = random.Below(2);
      cache.Decode(sequence, kAllInputs[random.Below(3)]);
      if (random.Below(4) == 0) cache.Evict(sequence);
      if (random.Below(3) == 0) cache.RemoveOldest(sequence);
      if (random.Below(60) == 0) cache.EndSequence(sequence);
      cache.Expect(TextOf(config) + ", step " + std::to_string(step));
    }
  }
}

// Weights that are exact in every type, in binary: the scores are too.
TEST_P(KeyScoresTest, ScoresOfAFewRows) {
  const std::vector<float> rows = {0.5f, 0.25f, 0.25f, 0.0f, /**/ 0.0f, 0.5f, 0.25f, 0.25f};
  const AttentionView view = ContiguousAttention(rows.data(), ElementType::kFloat32, 1, 1, 2, 4);
  KeyScores sum = CreateScores({.max_keys = 4});
  ASSERT_TRUE(sum.AddWeights(view).ok());
  EXPECT_EQ(ScoresOf(sum, 0, 0), (std::vector<double>{0.5, 0.75, 0.5, 0.25}));
  KeyScores decayed = CreateScores({.max_keys = 4, .decay = 0.5});
  ASSERT_TRUE(decayed.AddWeights(view).ok());
  EXPECT_EQ(ScoresOf(decayed, 0, 0), (std::vector<double>{0.25, 0.625, 0.375, 0.25}));
  KeyScores last = CreateScores({.max_keys = 4, .window = 1});
  ASSERT_TRUE(last.AddWeights(view).ok());
  EXPECT_EQ(ScoresOf(last, 0, 0), (std::vector<double>{0.0, 0.5, 0.25, 0.25}));
  EXPECT_EQ(last.Rows(0, 0), 2u);
}

// A row with NaN, an infinity or a negative weight gives nothing, but it is a row: others decay, and windows move.
TEST_P(KeyScoresTest, InvalidRowsGiveNothing) {
  for (const float bad : {kNaN, -kNaN, std::numeric_limits<float>::infinity(), -0.25f}) {
    for (const size_t window : {size_t{0}, size_t{2}}) {
      for (size_t at = 0; at < 70; at += 23) {
        std::vector<float> rows(3 * 70, 0.125f);
        rows[70 + at] = bad;
        KeyScores scores = CreateScores({.max_keys = 70, .window = window, .decay = 0.5});
        ASSERT_TRUE(scores.AddWeights(ContiguousAttention(rows.data(), ElementType::kFloat32, 1, 1, 3, 70)).ok());
        EXPECT_EQ(ScoresOf(scores, 0, 0), std::vector<double>(70, window == 0 ? 0.125 * 1.25 : 0.125));
        EXPECT_EQ(scores.Rows(0, 0), 3u);
        // Of logits what makes a row invalid is NaN and +infinity.
        if (bad == -0.25f) continue;
        ASSERT_TRUE(scores.EndSequence(0).ok());
        rows[70 + at] = bad;
        ASSERT_TRUE(scores.AddLogits(ContiguousAttention(rows.data(), ElementType::kFloat32, 1, 1, 3, 70)).ok());
        const std::vector<double> of_logits = ScoresOf(scores, 0, 0);
        for (const double score : of_logits) {
          EXPECT_TRUE(Within(score, (window == 0 ? 1.25L : 1.0L) / 70.0L, 1e-7L));
        }
      }
    }
  }
}

// Zeros with a sign, and weights beyond what float32 sums hold.
TEST_P(KeyScoresTest, OddWeights) {
  const float huge = std::numeric_limits<float>::max();
  const std::vector<float> rows = {0.5f, -0.0f, 0.25f, 0.25f, /**/ huge,  0.0f, 1.0f,  huge, /**/
                                   huge, huge,  -0.0f, 0.0f,  /**/ 0.25f, 0.5f, 0.25f, 0.0f};
  for (const KeyScoresConfig& config : kConfigs) {
    KeyScoresConfig one = config;
    one.heads = one.groups = one.max_batch = 1;
    one.max_keys = 4;
    KeyScores scores = CreateScores(one);
    ScoreOracle oracle(one);
    for (int repeat = 0; repeat < 9; ++repeat) {
      const AttentionView view = ContiguousAttention(rows.data(), ElementType::kFloat32, 1, 1, 4, 4);
      ASSERT_TRUE(scores.AddWeights(view).ok());
      oracle.AddWeights(view);
      oracle.ExpectEqual(scores, TextOf(config) + ", repeat " + std::to_string(repeat));
    }
  }
}

// Scores of keys that nobody attends to any more fade to zero, also beyond what float64 holds.
TEST_P(KeyScoresTest, DecaysToZero) {
  const std::vector<float> first = {0.75f, 0.25f};
  const std::vector<float> later(2000 * 2, 0.0f);
  KeyScores scores = CreateScores({.max_keys = 2, .decay = 0.5});
  ASSERT_TRUE(scores.AddWeights(ContiguousAttention(first.data(), ElementType::kFloat32, 1, 1, 1, 2)).ok());
  ASSERT_TRUE(scores.AddWeights(ContiguousAttention(later.data(), ElementType::kFloat32, 1, 1, 800, 2)).ok());
  EXPECT_EQ(ScoresOf(scores, 0, 0), (std::vector<double>{std::ldexp(0.75, -800), std::ldexp(0.25, -800)}));
  ASSERT_TRUE(scores.AddWeights(ContiguousAttention(later.data(), ElementType::kFloat32, 1, 1, 2000, 2)).ok());
  EXPECT_EQ(ScoresOf(scores, 0, 0), (std::vector<double>{0.0, 0.0}));
}

// Groups of heads are summed, equal scores are taken by position, and what is to stay stays.
TEST_P(KeyScoresTest, TopKeys) {
  const std::vector<float> rows = {0.125f,
                                   0.25f,
                                   0.125f,
                                   0.125f,
                                   0.25f,
                                   0.125f,
                                   /**/  //
                                   0.125f,
                                   0.0f,
                                   0.125f,
                                   0.25f,
                                   0.25f,
                                   0.25f,
                                   /**/  //
                                   0.0f,
                                   0.0f,
                                   0.0f,
                                   0.0f,
                                   0.0f,
                                   1.0f,
                                   /**/  //
                                   0.0f,
                                   0.5f,
                                   0.5f,
                                   0.0f,
                                   0.0f,
                                   0.0f};
  KeyScores scores = CreateScores({.heads = 4, .groups = 2, .max_keys = 6});
  ASSERT_TRUE(scores.AddWeights(ContiguousAttention(rows.data(), ElementType::kFloat32, 1, 4, 1, 6)).ok());
  EXPECT_EQ(ScoresOf(scores, 0, 0), (std::vector<double>{0.25, 0.25, 0.25, 0.375, 0.5, 0.375}));
  using Keys = std::vector<size_t>;
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 0}), Keys());
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 1}), (Keys{4}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 2}), (Keys{3, 4}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 5}), (Keys{0, 1, 3, 4, 5}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 1, .first = 1, .recent = 2}), (Keys{0, 3, 4, 5}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 1, .first = 4}), (Keys{0, 1, 2, 3, 4}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 9}), (Keys{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.heavy = 9, .first = SIZE_MAX, .recent = SIZE_MAX}), (Keys{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(TopKeysOf(scores, 0, {.recent = 4}), (Keys{2, 3, 4, 5}));
  EXPECT_EQ(TopKeysOf(scores, 1, {.heavy = 2}), (Keys{1, 5}));
}

// Cells that are left empty begin again at zero, and may be beyond the view that follows where it has positions.
TEST_P(KeyScoresTest, CellsWithPositions) {
  const std::vector<float> rows = {0.25f, kNaN, 0.25f, 0.5f, /**/ 0.5f, 0.25f, 0.25f, kNaN};
  const int64_t cells[] = {1000000, -1, 999999, 5};
  KeyScores scores = CreateScores({.max_keys = 4});
  ASSERT_TRUE(scores
                  .AddWeights(ContiguousAttention(rows.data(), ElementType::kFloat32, 1, 1, 1, 4),
                              {.causal = true, .key_positions = cells})
                  .ok());
  EXPECT_EQ(ScoresOf(scores, 0, 0), (std::vector<double>{0.25, 0.0, 0.25, 0.5}));
  const std::vector<size_t> freed = {3};
  ASSERT_TRUE(scores.Clear(0, 0, freed).ok());
  const int64_t fewer_cells[] = {1000000, 1000001, 999999};
  ASSERT_TRUE(scores
                  .AddWeights(ContiguousAttention(rows.data() + 4, ElementType::kFloat32, 1, 1, 1, 3),
                              {.causal = true, .key_positions = fewer_cells})
                  .ok());
  EXPECT_EQ(ScoresOf(scores, 0, 0), (std::vector<double>{0.75, 0.25, 0.5, 0.0}));
}

TEST_P(KeyScoresTest, ResetAndMove) {
  const std::vector<float> rows(2 * 3 * 5, 0.2f);
  const AttentionView view = ContiguousAttention(rows.data(), ElementType::kFloat32, 2, 3, 1, 5);
  for (const size_t window : {size_t{0}, size_t{3}}) {
    const KeyScoresConfig config = {.heads = 3, .max_keys = 9, .max_batch = 2, .window = window};
    KeyScores scores = CreateScores(config);
    ASSERT_TRUE(scores.AddWeights(view).ok());
    KeyScores moved = std::move(scores);
    moved.Reset();
    EXPECT_EQ(moved.Keys(1, 2), 0u);
    EXPECT_EQ(moved.Rows(1, 2), 0u);
    KeyScores fresh = CreateScores(config);
    for (KeyScores* each : {&moved, &fresh}) ASSERT_TRUE(each->AddWeights(view).ok());
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(SameBits(ScoresOf(moved, i / 3, i % 3), ScoresOf(fresh, i / 3, i % 3)));
    }
    EXPECT_EQ(moved.config().groups, 3u);
    EXPECT_EQ(KeyScores().config(), KeyScoresConfig());
  }
}

}  // namespace
}  // namespace attnscope::test

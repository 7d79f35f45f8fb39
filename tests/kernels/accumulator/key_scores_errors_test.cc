// SPDX-License-Identifier: Apache-2.0
//
// Everything that a caller can get wrong with scores of keys: an error that names the argument and its value, and
// scores that are as before.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"

namespace attnscope::test {
namespace {

constexpr KeyScoresConfig kConfig = {.heads = 4, .groups = 2, .max_keys = 8, .max_batch = 2};

void ExpectError(const Status& status, StatusCode code, std::initializer_list<std::string> named) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const std::string& part : named) {
    EXPECT_NE(status.message().find(part), std::string::npos) << "'" << part << "' is not in: " << status.message();
  }
}

class KeyScoresErrorsTest : public ::testing::Test {
 protected:
  KeyScoresErrorsTest() {
    EXPECT_TRUE(KeyScores::Create(kConfig, &scores_).ok());
    EXPECT_TRUE(scores_.AddWeights(View(2, 4, 1, 6)).ok());
    before_ = All();
  }
  ~KeyScoresErrorsTest() override { EXPECT_TRUE(SameBits(All(), before_)) << "the scores are unchanged"; }

  AttentionView View(size_t batch, size_t heads, size_t queries, size_t keys) const {
    return ContiguousAttention(weights_.data(), ElementType::kFloat32, batch, heads, queries, keys);
  }
  std::vector<double> All() const {
    std::vector<double> all;
    for (size_t i = 0; i < 4; ++i) {
      std::vector<double> scores(scores_.Keys(i / 2, i % 2));
      EXPECT_TRUE(scores_.Scores(i / 2, i % 2, scores).ok());
      all.insert(all.end(), scores.begin(), scores.end());
    }
    return all;
  }

  const std::vector<float> weights_ = std::vector<float>(1000, 0.125f);
  KeyScores scores_;
  std::vector<double> before_;
};

TEST_F(KeyScoresErrorsTest, Configurations) {
  const auto expect = [](KeyScoresConfig config, std::initializer_list<std::string> named) {
    KeyScores scores;
    ExpectError(KeyScores::Create(config, &scores), StatusCode::kInvalidArgument, named);
    EXPECT_EQ(scores.config(), KeyScoresConfig());
  };
  expect({.heads = 0, .max_keys = 8}, {"heads is 0"});
  expect({.heads = 65537, .max_keys = 8}, {"heads is 65537"});
  expect({.heads = 4}, {"max_keys is 0"});
  expect({.max_keys = size_t{1} << 31}, {"max_keys is 2147483648"});
  expect({.max_keys = 8, .max_batch = 0}, {"max_batch is 0"});
  expect({.heads = 4, .groups = 3, .max_keys = 8}, {"groups is 3", "heads, which is 4"});
  expect({.heads = 4, .groups = 8, .max_keys = 8}, {"groups is 8", "heads, which is 4"});
  expect({.max_keys = 8, .window = 65537}, {"window is 65537", "65536"});
  expect({.max_keys = 8, .decay = 0.0}, {"decay is 0.0"});
  expect({.max_keys = 8, .decay = -0.5}, {"decay is -0.5"});
  expect({.max_keys = 8, .decay = 1.5}, {"decay is 1.5"});
  expect({.max_keys = 8, .decay = std::nan("")}, {"decay is nan"});
  KeyScores scores;
  ExpectError(KeyScores::Create(
                  {.heads = 65536, .max_keys = (size_t{1} << 31) - 1, .max_batch = 65536, .window = 65536}, &scores),
              StatusCode::kOutOfMemory, {"65536 heads", "65536 sequences", "2147483647 keys", "window 65536"});
}

TEST_F(KeyScoresErrorsTest, Empty) {
  KeyScores empty;
  LayerAccumulator layer = CreateLayer({.heads = 4, .max_keys = 8, .max_batch = 2});
  const std::initializer_list<std::string> named = {"KeyScores::Create"};
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  std::vector<double> scores(8);
  std::vector<size_t> keys(8);
  size_t count = 77;
  ExpectError(empty.AddWeights(View(1, 1, 1, 1)), kInvalid, named);
  ExpectError(empty.AddLogits(View(1, 1, 1, 1)), kInvalid, named);
  ExpectError(empty.AddQueriesKeys({}), kInvalid, named);
  ExpectError(empty.Reserve(), kInvalid, named);
  ExpectError(empty.Scores(0, 0, scores), kInvalid, named);
  ExpectError(empty.HeadScores(0, 0, scores), kInvalid, named);
  ExpectError(empty.TopKeys(0, 0, {}, keys, &count), kInvalid, named);
  ExpectError(empty.Keep(0, 0, {}), kInvalid, named);
  ExpectError(empty.Remove(0, 0, {}), kInvalid, named);
  ExpectError(empty.Clear(0, 0, {}), kInvalid, named);
  ExpectError(empty.Shift(0, 0, 0, 0, 0), kInvalid, named);
  ExpectError(empty.EndSequence(0), kInvalid, named);
  ExpectError(layer.Attach(empty), kInvalid, named);
  ExpectError(LayerAccumulator().Attach(scores_), kInvalid, {"LayerAccumulator::Create"});
  empty.Reset();
  EXPECT_EQ(empty.Keys(0, 0) + empty.Rows(0, 0) + empty.ScratchBytes(), 0u);
  EXPECT_EQ(count, 77u);
}

TEST_F(KeyScoresErrorsTest, Views) {
  ExpectError(scores_.AddWeights(View(1, 5, 1, 7)), StatusCode::kOutOfRange, {"5 heads", "room for 4"});
  ExpectError(scores_.AddLogits(View(3, 4, 1, 7)), StatusCode::kOutOfRange, {"3 sequences", "room for 2"});
  ExpectError(scores_.AddWeights(View(1, 4, 1, 9)), StatusCode::kOutOfRange, {"9 keys", "max_keys is 8"});
  AttentionView view = View(1, 4, 1, 7);
  view.data = nullptr;
  ExpectError(scores_.AddWeights(view), StatusCode::kInvalidArgument, {"weights.data is null"});
  const int64_t cells[] = {0, 1, 2, 3, -2, 5, 6, 7, 8};
  ExpectError(scores_.AddWeights(View(1, 4, 1, 8), {.key_positions = cells}), StatusCode::kInvalidArgument,
              {"key_positions[4] is -2"});
  const int64_t too_many_cells[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  ExpectError(scores_.AddWeights(View(1, 4, 1, 9), {.key_positions = too_many_cells}), StatusCode::kOutOfRange,
              {"9 keys", "max_keys is 8"});
  ExpectError(scores_.AddLogits(View(1, 4, 1, 7), {.scale = -1.0}), StatusCode::kInvalidArgument, {"scale is -1"});
  QueryKeyView queries_keys =
      ContiguousQueryKey(weights_.data(), weights_.data(), ElementType::kFloat32, 1, 4, 3, 1, 7, 8);
  ExpectError(scores_.AddQueriesKeys(queries_keys), StatusCode::kInvalidArgument, {"kv_heads is 3"});
}

// Fewer keys than the scores have: nobody told what was evicted.
TEST_F(KeyScoresErrorsTest, KeysThatWereLost) {
  const std::initializer_list<std::string> named = {"have 5 keys", "group 1 have 6", "Keep", "EndSequence"};
  AttentionView view = View(1, 2, 1, 5);
  view.first_head = 2;
  view.first_sequence = 1;
  ExpectError(scores_.AddWeights(view), StatusCode::kInvalidArgument, named);
  ExpectError(scores_.AddLogits(view), StatusCode::kInvalidArgument, named);
  QueryKeyView queries_keys =
      ContiguousQueryKey(weights_.data(), weights_.data(), ElementType::kFloat32, 1, 2, 1, 1, 5, 8);
  queries_keys.first_head = 2;
  ExpectError(scores_.AddQueriesKeys(queries_keys), StatusCode::kInvalidArgument, named);
  const int64_t lengths[] = {6, 5};
  ExpectError(scores_.AddWeights(View(2, 4, 1, 7), {.key_lengths = lengths}), StatusCode::kInvalidArgument,
              {"have 5 keys", "sequence 1, group 0 have 6"});
  // By way of an accumulator, which is then unchanged, too.
  LayerAccumulator layer = CreateLayer({.heads = 4, .max_keys = 8, .max_batch = 2});
  ASSERT_TRUE(layer.Attach(scores_).ok());
  ExpectError(layer.AddWeights(view), StatusCode::kInvalidArgument, named);
  ExpectError(layer.AddLogits(view), StatusCode::kInvalidArgument, named);
  ExpectError(layer.AddQueriesKeys(queries_keys), StatusCode::kInvalidArgument, named);
  EXPECT_TRUE(SameBits(StateOf(layer), StateOf(CreateLayer(layer.config()))));
}

TEST_F(KeyScoresErrorsTest, PlacesAndRoom) {
  std::vector<double> scores(8);
  std::vector<size_t> keys(8);
  size_t count = 77;
  constexpr StatusCode kRange = StatusCode::kOutOfRange;
  ExpectError(scores_.Scores(2, 0, scores), kRange, {"sequence is 2", "max_batch is 2"});
  ExpectError(scores_.Scores(0, 2, scores), kRange, {"group is 2", "there are 2"});
  ExpectError(scores_.Scores(0, kAllGroups, scores), kRange, {"group is kAllGroups"});
  ExpectError(scores_.HeadScores(0, 4, scores), kRange, {"head is 4", "heads is 4"});
  ExpectError(scores_.TopKeys(0, 2, {}, keys, &count), kRange, {"group is 2"});
  ExpectError(scores_.EndSequence(2), kRange, {"sequence is 2"});
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  ExpectError(scores_.Scores(0, 0, {scores.data(), 5}), kInvalid, {"scores has room for 5", "expected 6"});
  ExpectError(scores_.HeadScores(0, 0, {scores.data(), 0}), kInvalid, {"scores has room for 0", "expected 6"});
  ExpectError(scores_.TopKeys(0, 0, {.heavy = 3, .recent = 1}, {keys.data(), 3}, &count), kInvalid,
              {"keys has room for 3", "expected 4"});
  EXPECT_EQ(count, 77u);
  EXPECT_EQ(scores_.Keys(2, 0) + scores_.Keys(0, 2) + scores_.Rows(0, 4) + scores_.Rows(SIZE_MAX, 0), 0u);
}

TEST_F(KeyScoresErrorsTest, Evictions) {
  using Keys = std::vector<size_t>;
  const auto each = [&](size_t sequence, size_t group, const Keys& keys, StatusCode code,
                        std::initializer_list<std::string> named) {
    ExpectError(scores_.Keep(sequence, group, keys), code, named);
    ExpectError(scores_.Remove(sequence, group, keys), code, named);
    ExpectError(scores_.Clear(sequence, group, keys), code, named);
  };
  each(2, 0, {}, StatusCode::kOutOfRange, {"sequence is 2"});
  each(0, 2, {}, StatusCode::kOutOfRange, {"group is 2"});
  each(0, 0, {1, 6}, StatusCode::kOutOfRange, {"keys[1] is 6", "there are 6"});
  each(0, 0, {3, 3}, StatusCode::kInvalidArgument, {"keys[1] is 3", "which is 3"});
  each(0, 1, {3, 4, 2}, StatusCode::kInvalidArgument, {"keys[2] is 2", "which is 4"});
  // All groups or none.
  const Keys last = {5};
  KeyScores uneven;
  ASSERT_TRUE(KeyScores::Create(kConfig, &uneven).ok());
  ASSERT_TRUE(uneven.AddWeights(View(1, 4, 1, 6)).ok());
  ASSERT_TRUE(uneven.Remove(0, 1, last).ok());
  ExpectError(uneven.Remove(0, kAllGroups, last), StatusCode::kOutOfRange, {"keys[0] is 5", "group 1"});
  EXPECT_EQ(uneven.Keys(0, 0), 6u);
  constexpr StatusCode kRange = StatusCode::kOutOfRange;
  ExpectError(scores_.Shift(0, 0, 4, 3, 0), StatusCode::kInvalidArgument, {"begin is 4", "end, which is 3"});
  ExpectError(scores_.Shift(0, 0, 4, 7, 0), kRange, {"[4, 7)", "there are 6"});
  ExpectError(scores_.Shift(0, kAllGroups, 4, 6, -5), kRange, {"[4, 6)", "by -5"});
  ExpectError(scores_.Shift(0, 0, 4, 6, 3), kRange, {"[4, 6)", "by 3", "max_keys is 8"});
  ExpectError(scores_.Shift(0, 0, 4, 6, std::numeric_limits<int64_t>::min()), kRange, {"-9223372036854775808"});
}

TEST_F(KeyScoresErrorsTest, Attaching) {
  const auto expect = [&](const LayerConfig& config, std::initializer_list<std::string> named) {
    ExpectError(CreateLayer(config).Attach(scores_), StatusCode::kInvalidArgument, named);
  };
  expect({.heads = 3, .max_keys = 8, .max_batch = 2}, {"heads of the key scores is 4", "expected 3"});
  expect({.heads = 4, .max_keys = 8, .max_batch = 1}, {"max_batch of the key scores is 2", "expected 1"});
  expect({.heads = 4, .max_keys = 9, .max_batch = 2}, {"max_keys of the key scores is 8", "at least 9"});
  expect({.heads = 4, .max_keys = 8, .max_batch = 2, .mean_matrix = true}, {"mean-matrix mode"});
}

}  // namespace
}  // namespace attnscope::test

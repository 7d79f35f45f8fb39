// SPDX-License-Identifier: Apache-2.0
//
// Every field of Visibility and of what a softmax has besides that a caller can get wrong, from all inputs: an error
// that names the field and its value, and a state that is as before.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr AttentionSizes kSizes = {.queries = 5, .keys = 20, .max_keys = 30};

class VisibilityErrorsTest : public ::testing::Test {
 protected:
  VisibilityErrorsTest() {
    EXPECT_TRUE(attention_.AddAll(InputKind::kLogits, layer_).ok());
    before_ = StateOf(layer_);
  }

  Status Add(InputKind kind, const SoftmaxParams& params) {
    if (kind == InputKind::kWeights) return layer_.AddWeights(attention_.weights(), params.mask);
    if (kind == InputKind::kLogits) return layer_.AddLogits(attention_.logits(), params);
    return layer_.AddQueriesKeys(attention_.queries_keys(), params);
  }

  void Expect(InputKind kind, const SoftmaxParams& params, std::initializer_list<std::string> named) {
    const Status status = Add(kind, params);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << NameOf(kind) << ": " << status.message();
    for (const std::string& part : named) {
      EXPECT_NE(status.message().find(part), std::string::npos)
          << NameOf(kind) << ": '" << part << "' is not in: " << status.message();
    }
    EXPECT_TRUE(SameBits(StateOf(layer_), before_)) << "the state is unchanged";
  }
  // From all inputs.
  void Expect(const Visibility& visibility, std::initializer_list<std::string> named) {
    for (const InputKind kind : kAllInputs) Expect(kind, {.mask = visibility}, named);
  }
  // From those that have a softmax.
  void ExpectOfSoftmax(const SoftmaxParams& params, std::initializer_list<std::string> named) {
    for (const InputKind kind : {InputKind::kLogits, InputKind::kQueriesKeys}) Expect(kind, params, named);
  }

  const VisibleAttention attention_{kSizes, {}, ElementType::kFloat32, 1};
  LayerAccumulator layer_ = CreateLayer(attention_.config());
  std::vector<double> before_;
};

TEST_F(VisibilityErrorsTest, Lengths) {
  struct Field {
    const char* name;
    const int64_t* Visibility::*field;
    int64_t most;
  };
  for (const Field& field :
       {Field{"key_lengths", &Visibility::key_lengths, 20}, Field{"first_keys", &Visibility::first_keys, 20},
        Field{"query_lengths", &Visibility::query_lengths, 5}}) {
    for (const int64_t bad :
         {int64_t{-1}, field.most + 1, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
      for (const size_t place : {size_t{0}, size_t{1}}) {
        int64_t lengths[] = {field.most, 0};
        lengths[place] = bad;
        Visibility visibility;
        visibility.*(field.field) = lengths;
        Expect(visibility, {std::string(field.name) + "[" + std::to_string(place) + "]", std::to_string(bad),
                            std::to_string(field.most)});
      }
    }
  }
  // With positions, lengths are of these.
  const std::vector<int64_t> positions(20, 3);
  const int64_t lengths[] = {30, 31};
  Expect({.key_lengths = lengths, .key_positions = positions.data()}, {"key_lengths[1]", "31", "30"});
  Expect({.first_keys = lengths, .key_positions = positions.data()}, {"first_keys[1]", "31", "30"});
}

TEST_F(VisibilityErrorsTest, Windows) {
  for (const int64_t bad : {int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    Expect({.window = bad}, {"window", std::to_string(bad)});
  }
  for (const int64_t bad : {int64_t{-2}, std::numeric_limits<int64_t>::min()}) {
    Expect({.window_after = bad}, {"window_after", std::to_string(bad)});
  }
  for (const int bad : {2, 255}) {
    Expect({.window = 4, .window_kind = static_cast<WindowKind>(bad)}, {"window_kind", std::to_string(bad)});
  }
}

TEST_F(VisibilityErrorsTest, Segments) {
  const auto expect = [this](const std::vector<int64_t>& segments, std::initializer_list<std::string> named) {
    Expect({.segments = segments.data(), .num_segments = segments.size() - 1}, named);
  };
  expect({1, 20}, {"segments[0]", "1"});
  expect({-1, 20}, {"segments[0]", "-1"});
  expect({0, 7, 6, 20}, {"segments[2]", "6", "7"});
  expect({0, -4}, {"segments[1]", "-4"});
  expect({0, 10, 21}, {"segments[2]", "21", "20"});
  expect({0, std::numeric_limits<int64_t>::max()}, {"segments[1]", std::to_string(INT64_MAX)});
  Expect({.num_segments = 3}, {"segments", "null", "3"});
}

TEST_F(VisibilityErrorsTest, Positions) {
  std::vector<int64_t> positions(40, 3);
  for (const int64_t bad :
       {int64_t{-2}, int64_t{30}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    for (const size_t place : {size_t{0}, size_t{19}, size_t{27}}) {
      std::vector<int64_t> some = positions;
      some[place] = bad;
      Expect({.key_positions = some.data(), .key_positions_stride = 20},
             {"key_positions[" + std::to_string(place % 20) + "]", std::to_string(bad), "30"});
    }
  }
  for (const int64_t bad : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    Expect({.key_positions = positions.data(), .key_positions_stride = bad},
           {"key_positions", "batch", std::to_string(bad)});
  }
  layer_ = CreateLayer({.heads = 4, .max_keys = 30, .max_batch = 2, .mean_matrix = true});
  before_ = StateOf(layer_);
  Expect({.key_positions = positions.data()}, {"mean-matrix", "key_positions"});
}

TEST_F(VisibilityErrorsTest, StridesOfByteMasks) {
  const uint8_t byte = 1;
  const KeyMaskView good = {.data = &byte, .key_stride = 0};
  for (const int64_t bad : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                            (int64_t{1} << 60) + 1, -(int64_t{1} << 60) - 1}) {
    KeyMaskView mask = good;
    mask.batch_stride = bad;
    Expect({.key_mask = mask}, {"key_mask", "batch", std::to_string(bad)});
    mask = good;
    mask.head_stride = bad;
    Expect({.key_mask = mask}, {"key_mask", "heads", std::to_string(bad)});
    mask = good;
    mask.query_stride = bad;
    Expect({.key_mask = mask}, {"key_mask", "queries", std::to_string(bad)});
    mask = good;
    mask.key_stride = bad;
    Expect({.key_mask = mask}, {"key_mask", "keys", std::to_string(bad)});
  }
}

TEST_F(VisibilityErrorsTest, Softmax) {
  ExpectOfSoftmax({.masked_below = static_cast<double>(kNaN)}, {"masked_below", "nan"});
  ExpectOfSoftmax({.masked_below = HUGE_VAL}, {"masked_below", "inf"});
  for (const float bad : {kNaN, kInfinity}) {
    const float sinks[] = {1.0f, -kInfinity, bad, 0.0f};
    ExpectOfSoftmax({.sinks = sinks}, {"sinks[2]", std::to_string(bad)});
  }
  const std::vector<float> bias(20);
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    const float factors[] = {1.0f, 0.0f, -1.0f, bad};
    ExpectOfSoftmax({.bias = {.data = bias.data(), .head_factors = factors}}, {"head_factors[3]", std::to_string(bad)});
  }
}

// What is odd but says something.
TEST_F(VisibilityErrorsTest, TheseAreFine) {
  const int64_t none[] = {0, 0};
  const int64_t most[] = {20, 20};
  const int64_t segments[] = {0, 0, 20, 20};
  const float factors[] = {kNaN, kNaN, kNaN, kNaN};
  const Visibility fine[] = {
      {.key_lengths = most, .first_keys = most},
      {.key_lengths = most, .first_keys = none, .query_lengths = none},
      {.window = std::numeric_limits<int64_t>::max(), .window_after = std::numeric_limits<int64_t>::max()},
      {.segments = segments, .num_segments = 3},
      {.segments = segments, .num_segments = 0},
      {.key_mask = {.batch_stride = INT64_MIN, .key_stride = INT64_MAX}},  // of no mask
      {.key_positions_stride = INT64_MIN},                                 // of no positions
      {.causal = true, .causal_offset = INT64_MAX, .window = 3},
      {.causal = true, .causal_offset = INT64_MIN + 1, .window = 3, .window_kind = WindowKind::kChunked},
  };
  for (const Visibility& visibility : fine) {
    for (const InputKind kind : kAllInputs) {
      const Status status = Add(kind, {.mask = visibility, .bias = {.head_factors = factors}});
      EXPECT_TRUE(status.ok()) << status.message() << TextOf(visibility, 2);
    }
  }
}

// Fewer keys than before, in a sequence that nobody ended.
TEST_F(VisibilityErrorsTest, FewerKeysInAnOpenSequence) {
  AttentionSizes fewer = kSizes;
  fewer.keys = 12;
  fewer.batch = 1;
  const int64_t twelve[] = {12, 12};
  std::vector<int64_t> positions(12);
  for (size_t i = 0; i < 12; ++i) positions[i] = static_cast<int64_t>(i + 3);
  const VisibleAttention attention(fewer, {}, ElementType::kFloat32, 2);
  const auto add = [&](InputKind kind, size_t sequence, const Visibility& visibility) {
    AttentionView weights = attention.weights(), logits = attention.logits();
    QueryKeyView queries_keys = attention.queries_keys();
    weights.first_sequence = logits.first_sequence = queries_keys.first_sequence = sequence;
    if (kind == InputKind::kWeights) return layer_.AddWeights(weights, visibility);
    if (kind == InputKind::kLogits) return layer_.AddLogits(logits, {.mask = visibility});
    return layer_.AddQueriesKeys(queries_keys, {.mask = visibility});
  };
  for (const InputKind kind : kAllInputs) {
    for (const size_t sequence : {size_t{0}, size_t{1}}) {
      const Status status = add(kind, sequence, {.causal = true});
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << NameOf(kind);
      for (const char* part : {"12", "20", "EndSequence", "keys_were_evicted"}) {
        EXPECT_NE(status.message().find(part), std::string::npos) << part << " is not in: " << status.message();
      }
      EXPECT_TRUE(SameBits(StateOf(layer_), before_)) << "the state is unchanged";
    }
    // Also where it is the lengths that say so.
    Expect(kind, {.mask = {.key_lengths = twelve}}, {"12", "20"});
    EXPECT_TRUE(add(kind, 0, {.keys_were_evicted = true}).ok());
    EXPECT_TRUE(add(kind, 0, {.causal = true, .window = 4}).ok());
    EXPECT_TRUE(add(kind, 0, {.window_after = 4}).ok());
    EXPECT_TRUE(add(kind, 0, {.key_positions = positions.data()}).ok());
    ASSERT_TRUE(layer_.EndSequence(1).ok());
    EXPECT_TRUE(add(kind, 1, {.causal = true}).ok()) << "another sequence";
    layer_ = CreateLayer(attention_.config());
    ASSERT_TRUE(attention_.AddAll(InputKind::kLogits, layer_).ok());
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Every argument that a caller can get wrong: an error that names the argument and its value, a state that is as
// before, and no undefined behaviour on the way (these tests also run under the sanitizers).
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/limits.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"

// Memory that is refused comes back as null under the address sanitizer too, as malloc has it. The sanitizer looks this
// function up by its name.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" [[gnu::used, gnu::visibility("default")]] const char* __asan_default_options();
const char* __asan_default_options() { return "allocator_may_return_null=1"; }
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace attnscope::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr LayerConfig kConfig = {.heads = 4, .max_keys = 16, .max_batch = 2};

void ExpectError(const Status& status, StatusCode code, std::initializer_list<std::string> named) {
  EXPECT_EQ(status.code(), code) << status.message();
  for (const std::string& part : named) {
    EXPECT_NE(status.message().find(part), std::string::npos) << "'" << part << "' is not in: " << status.message();
  }
}

TEST(LayerAccumulatorConfigTest, SizesOutOfRange) {
  const auto expect = [](const LayerConfig& config, const std::string& name, size_t value) {
    LayerAccumulator layer = CreateLayer(kConfig);
    const std::vector<double> state = StateOf(layer);
    ExpectError(LayerAccumulator::Create(config, &layer), StatusCode::kInvalidArgument, {name, std::to_string(value)});
    EXPECT_TRUE(SameBits(StateOf(layer), state)) << "the accumulator is unchanged";
  };
  for (const size_t heads : {size_t{0}, size_t{65537}, SIZE_MAX}) expect({.heads = heads}, "heads", heads);
  for (const size_t keys : {size_t{1} << 31, SIZE_MAX}) expect({.max_keys = keys}, "max_keys", keys);
  for (const size_t batch : {size_t{0}, size_t{65537}, SIZE_MAX}) expect({.max_batch = batch}, "max_batch", batch);
}

TEST(LayerAccumulatorConfigTest, BoundsOutOfRange) {
  LayerAccumulator layer;
  for (const double bad : {-1e-3, kNaN, kInfinity, -kInfinity}) {
    const std::string value = std::to_string(bad);
    ExpectError(LayerAccumulator::Create({.tolerance_float32 = bad}, &layer), StatusCode::kInvalidArgument,
                {"tolerance_float32", value});
    ExpectError(LayerAccumulator::Create({.tolerance_half = bad}, &layer), StatusCode::kInvalidArgument,
                {"tolerance_half", value});
  }
}

TEST(LayerAccumulatorConfigTest, RefusedMemoryIsAnError) {
  LayerAccumulator layer = CreateLayer(kConfig);
  const size_t keys = (size_t{1} << 31) - 1;
  ExpectError(LayerAccumulator::Create({.heads = 65536, .max_keys = keys, .max_batch = 65536}, &layer),
              StatusCode::kOutOfMemory, {"65536", std::to_string(keys)});
  ExpectError(LayerAccumulator::Create({.heads = 65536, .max_keys = keys, .max_batch = 128}, &layer),
              StatusCode::kOutOfMemory, {"65536", "128", std::to_string(keys)});
  EXPECT_FALSE(layer.sums().empty()) << "the accumulator is unchanged";
}

// Calls that must fail and leave an accumulator with an open sequence as it was.
class LayerAccumulatorErrorsTest : public ::testing::Test {
 protected:
  LayerAccumulatorErrorsTest() {
    EXPECT_TRUE(layer_.AddWeights(view_).ok());
    layer_.EndSequence();
    EXPECT_TRUE(layer_.AddWeights(RowsOfView(view_, 0, 3)).ok());
    state_ = StateOf(layer_);
  }

  void Expect(const AttentionView& view, const Mask& mask, StatusCode code, std::initializer_list<std::string> named) {
    ExpectError(layer_.AddWeights(view, mask), code, named);
    EXPECT_TRUE(SameBits(StateOf(layer_), state_)) << "the state is unchanged";
  }
  void Expect(const AttentionView& view, std::initializer_list<std::string> named) {
    Expect(view, {}, StatusCode::kInvalidArgument, named);
  }

  const std::vector<float> values_ = SoftmaxRows(1, 40, 16, 1.0);
  const AttentionView view_ = ViewOf(values_, 2, 4, 5, 16);
  LayerAccumulator layer_ = CreateLayer(kConfig);
  std::vector<double> state_;
};

TEST_F(LayerAccumulatorErrorsTest, NullData) {
  AttentionView view = view_;
  view.data = nullptr;
  Expect(view, {"data", "null", std::to_string(values_.size())});
}

TEST_F(LayerAccumulatorErrorsTest, UnknownType) {
  for (const int type : {3, 7, 255}) {
    AttentionView view = view_;
    view.type = static_cast<ElementType>(type);
    Expect(view, {"type", std::to_string(type)});
  }
}

TEST_F(LayerAccumulatorErrorsTest, MoreThanTheConfigurationHas) {
  for (const size_t heads : {size_t{5}, SIZE_MAX}) {
    AttentionView view = view_;
    view.heads = heads;
    Expect(view, {}, StatusCode::kOutOfRange, {"heads", std::to_string(heads), "4"});
  }
  for (const size_t first : {size_t{1}, size_t{5}, SIZE_MAX}) {
    AttentionView view = view_;
    view.first_head = first;
    Expect(view, {}, StatusCode::kOutOfRange, {"heads", std::to_string(first), "4"});
    view = view_;
    view.first_sequence = first;
    Expect(view, {}, StatusCode::kOutOfRange, {"sequences", std::to_string(first), "2"});
  }
  for (const size_t batch : {size_t{3}, SIZE_MAX}) {
    AttentionView view = view_;
    view.batch = batch;
    Expect(view, {}, StatusCode::kOutOfRange, {"sequences", std::to_string(batch), "2"});
  }
  for (const size_t keys : {size_t{17}, SIZE_MAX}) {
    AttentionView view = view_;
    view.keys = keys;
    Expect(view, {}, StatusCode::kOutOfRange, {"keys", std::to_string(keys), "16"});
  }
}

TEST_F(LayerAccumulatorErrorsTest, SizesAndStridesThatOverflow) {
  for (const size_t queries : {SIZE_MAX, SIZE_MAX / 2, size_t{1} << 60}) {
    AttentionView view = view_;
    view.queries = queries;
    Expect(view, {"queries", std::to_string(queries)});
    view.query_stride = 0;
    Expect(view, {"queries", std::to_string(queries)});
  }
  for (const int64_t stride : {INT64_MIN, INT64_MIN + 1, INT64_MAX, int64_t{1} << 60, -(int64_t{1} << 60)}) {
    AttentionView view = view_;
    view.query_stride = stride;
    Expect(view, {"queries", std::to_string(stride)});
    view = view_;
    view.head_stride = stride;
    Expect(view, {"heads", std::to_string(stride)});
    view = view_;
    view.batch_stride = stride;
    Expect(view, {"batch", std::to_string(stride)});
  }
}

// A dimension of one needs no stride, and a view of nothing no memory: whatever stands there is not used.
TEST_F(LayerAccumulatorErrorsTest, UnusedStridesAndPointersAreFine) {
  for (const int64_t stride : {INT64_MIN, INT64_MAX}) {
    AttentionView one = view_;
    one.batch = one.heads = one.queries = 1;
    one.batch_stride = one.head_stride = one.query_stride = stride;
    EXPECT_TRUE(layer_.AddWeights(one).ok());
    for (const size_t none : {size_t{0}, size_t{1}, size_t{2}}) {
      AttentionView nothing = view_;
      (none == 0 ? nothing.batch : none == 1 ? nothing.heads : nothing.queries) = 0;
      nothing.data = nullptr;
      const std::vector<double> before = StateOf(layer_);
      static_cast<void>(layer_.AddWeights(nothing).ok());
      EXPECT_TRUE(SameBits(StateOf(layer_), before));
    }
    // Rows without keys are counted, but there is nothing to read.
    AttentionView empty_rows = view_;
    empty_rows.keys = 0;
    empty_rows.data = nullptr;
    empty_rows.batch_stride = empty_rows.head_stride = empty_rows.query_stride = 1000;
    EXPECT_TRUE(layer_.AddWeights(empty_rows, {.keys_were_evicted = true}).ok());
  }
}

// Rows without keys are still rows: too many are refused, as are offsets that overflow, and not walked.
TEST_F(LayerAccumulatorErrorsTest, EmptyRowsThatOverflow) {
  AttentionView view = view_;
  view.keys = 0;
  view.queries = SIZE_MAX;
  Expect(view, {"queries", std::to_string(SIZE_MAX)});
  for (const int64_t stride : {INT64_MIN, INT64_MAX}) {
    AttentionView far = view_;
    far.keys = 0;
    far.head_stride = far.query_stride = far.batch_stride = stride;
    Expect(far, {"queries", std::to_string(stride)});
  }
}

// Heads that are fed by calls of their own have keys of their own: fewer than any of them has had are an error.
TEST_F(LayerAccumulatorErrorsTest, FewerKeysThanSomeHeadHasHad) {
  LayerAccumulator layer = CreateLayer({.heads = 3, .max_keys = 16});
  const auto rows = [this](size_t heads, size_t keys, size_t first_head) {
    AttentionView view = ContiguousAttention(values_.data(), ElementType::kFloat32, 1, heads, 2, keys);
    view.first_head = first_head;
    return view;
  };
  ASSERT_TRUE(layer.AddWeights(rows(1, 10, 1)).ok());
  ASSERT_TRUE(layer.AddWeights(rows(1, 4, 0)).ok());
  ASSERT_TRUE(layer.AddWeights(rows(1, 4, 2)).ok());
  const std::vector<double> before = StateOf(layer);
  for (const auto& [heads, first_head] : {std::pair<size_t, size_t>{3, 0}, {2, 0}, {2, 1}, {1, 1}}) {
    const Status status = layer.AddWeights(rows(heads, 9, first_head));
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << heads << " heads from " << first_head;
    EXPECT_NE(status.message().find("has had 10"), std::string::npos) << status.message();
    EXPECT_TRUE(SameBits(StateOf(layer), before));
  }
  EXPECT_TRUE(layer.AddWeights(rows(1, 9, 0)).ok());
  EXPECT_TRUE(layer.AddWeights(rows(1, 9, 2)).ok());
  EXPECT_TRUE(layer.AddWeights(rows(3, 10, 0)).ok());
}

// As many as are allowed cost no time, and count as any others would.
TEST_F(LayerAccumulatorErrorsTest, ManyRowsWithoutKeys) {
  const Visibility evicted = {.keys_were_evicted = true};
  for (const bool mean_matrix : {false, true}) {
    for (const size_t queries :
         {size_t{5}, size_t{16}, size_t{31}, size_t{32}, size_t{33}, size_t{1000}, kMaxQueries}) {
      const LayerConfig config = {.heads = 2, .max_keys = 16, .max_batch = 2, .mean_matrix = mean_matrix};
      LayerAccumulator at_once = CreateLayer(config);
      LayerAccumulator walked = CreateLayer(config);
      const AttentionView one_row = ContiguousAttention(values_.data(), ElementType::kFloat32, 2, 2, 1, 16);
      const std::vector<float> queries_keys(64);
      QueryKeyView product = ContiguousQueryKey(queries_keys.data(), nullptr, ElementType::kFloat32, 2, 2, 2, 1, 0, 8);
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(at_once.AddWeights(one_row).ok());
        ASSERT_TRUE(walked.AddWeights(one_row).ok());
        AttentionView none = ContiguousAttention(nullptr, ElementType::kFloat32, 2, 2, queries, 0);
        product.query_stride = 0;
        product.queries = queries;
        ASSERT_TRUE(at_once.AddWeights(none, evicted).ok());
        ASSERT_TRUE(at_once.AddLogits(none, {.mask = evicted}).ok());
        ASSERT_TRUE(at_once.AddQueriesKeys(product, {.mask = evicted}).ok());
        if (queries == kMaxQueries) continue;
        none.queries = 1;
        for (size_t row = 0; row < 3 * queries; ++row) ASSERT_TRUE(walked.AddWeights(none, evicted).ok());
      }
      if (queries == kMaxQueries) {
        EXPECT_EQ(at_once.Stats().layer[Metric::kMaskedRows],
                  9.0 * static_cast<double>(queries) * (mean_matrix ? 1 : 4));
      } else {
        EXPECT_TRUE(SameBits(StateOf(at_once), StateOf(walked))) << queries;
      }
    }
  }
}

TEST_F(LayerAccumulatorErrorsTest, TooManyRows) {
  AttentionView view = view_;
  view.keys = 0;
  for (const size_t queries : {kMaxQueries + 1, size_t{1} << 56}) {
    view.queries = queries;
    view.query_stride = 0;
    Expect(view, {"queries", std::to_string(queries)});
  }
}

TEST_F(LayerAccumulatorErrorsTest, KeyLengths) {
  for (const int64_t bad : {int64_t{-1}, int64_t{17}, INT64_MIN, INT64_MAX}) {
    for (const size_t position : {size_t{0}, size_t{1}}) {
      int64_t lengths[2] = {16, 16};
      lengths[position] = bad;
      Expect(view_, {.key_lengths = lengths}, StatusCode::kInvalidArgument,
             {"key_lengths[" + std::to_string(position) + "]", std::to_string(bad)});
    }
  }
}

TEST_F(LayerAccumulatorErrorsTest, ExtremeOffsetsAreFine) {
  for (const int64_t offset : {INT64_MIN, INT64_MAX}) {
    EXPECT_TRUE(layer_.AddWeights(view_, {.causal = true, .causal_offset = offset}).ok());
  }
}

TEST_F(LayerAccumulatorErrorsTest, MeanMatrixNeedsAllHeads) {
  layer_ = CreateLayer({.heads = 4, .max_keys = 16, .max_batch = 2, .mean_matrix = true});
  state_ = StateOf(layer_);
  AttentionView view = view_;
  view.heads = 3;
  Expect(view, {"heads", "4", "3"});
  view.first_head = 1;
  Expect(view, {"heads", "4", "1"});
  view = view_;
  view.batch = 1;
  view.first_sequence = 1;
  Expect(view, {"first_sequence", "1"});
}

TEST_F(LayerAccumulatorErrorsTest, ResidualStreams) {
  const ActivationView good = ContiguousActivation(values_.data(), ElementType::kFloat32, 2, 5, 8);
  const auto expect = [&](const ActivationView& before, const ActivationView& after,
                          std::initializer_list<std::string> named) {
    ExpectError(layer_.AddResidual(before, after), StatusCode::kInvalidArgument, named);
    EXPECT_TRUE(SameBits(StateOf(layer_), state_)) << "the state is unchanged";
  };
  ActivationView other = good;
  other.channels = 7;
  expect(good, other, {"[2, 5, 8]", "[2, 5, 7]"});
  other = good;
  other.tokens = SIZE_MAX;
  expect(good, other, {std::to_string(SIZE_MAX)});
  expect(other, other, {"tokens", std::to_string(SIZE_MAX)});
  other = good;
  other.type = ElementType::kFloat16;
  expect(good, other, {"residual", "float32 before", "float16 after"});
  other.type = static_cast<ElementType>(9);
  expect(other, other, {"before", "type", "9"});
  other = good;
  other.data = nullptr;
  expect(other, good, {"before", "data", "null"});
  expect(good, other, {"after", "data", "null"});
  for (const int64_t stride : {INT64_MIN, INT64_MAX}) {
    other = good;
    other.token_stride = stride;
    expect(good, other, {"after", "tokens", std::to_string(stride)});
    other = good;
    other.batch_stride = stride;
    expect(other, good, {"before", "batch", std::to_string(stride)});
  }
  // A stream of nothing adds nothing, whatever its strides and pointers are.
  other = good;
  other.channels = 0;
  other.data = nullptr;
  other.token_stride = other.batch_stride = 1000;
  EXPECT_TRUE(layer_.AddResidual(other, other).ok());
  other = good;
  other.tokens = 0;
  EXPECT_TRUE(layer_.AddResidual(other, other).ok());
  EXPECT_TRUE(SameBits(StateOf(layer_), state_));
}

TEST_F(LayerAccumulatorErrorsTest, Gradients) {
  const auto expect = [&](const BufferView& gradient, std::initializer_list<std::string> named) {
    ExpectError(layer_.AddGradient(gradient), StatusCode::kInvalidArgument, named);
    EXPECT_TRUE(SameBits(StateOf(layer_), state_)) << "the state is unchanged";
  };
  expect({.data = nullptr, .size = 3}, {"gradient", "null", "3"});
  expect({.data = values_.data(), .type = static_cast<ElementType>(5), .size = 3}, {"type", "5"});
  expect({.data = values_.data(), .size = SIZE_MAX}, {"size", std::to_string(SIZE_MAX)});
  EXPECT_TRUE(layer_.AddGradient({}).ok());
}

}  // namespace
}  // namespace attnscope::test

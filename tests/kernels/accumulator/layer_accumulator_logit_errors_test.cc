// SPDX-License-Identifier: Apache-2.0
//
// Logits, queries and keys that make no sense: an error that names the argument and its value, and a state that stays
// as it was.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"

namespace attnscope::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

class LogitErrorsTest : public ::testing::Test {
 protected:
  LogitErrorsTest() {
    view_ = ContiguousQueryKey(queries_.data(), keys_.data(), ElementType::kFloat32, 1, 4, 2, 3, 5, 8);
    logits_ = ContiguousAttention(queries_.data(), ElementType::kFloat32, 1, 4, 3, 5);
    EXPECT_TRUE(layer_.AddQueriesKeys(view_).ok());
  }

  void ExpectError(const Status& status, StatusCode code, const std::string& part) const {
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
    EXPECT_TRUE(SameBits(StateOf(layer_), before_)) << "the state changed";
  }
  void ExpectInvalid(const QueryKeyView& view, const std::string& part, const SoftmaxParams& params = {}) {
    before_ = StateOf(layer_);
    ExpectError(layer_.AddQueriesKeys(view, params), StatusCode::kInvalidArgument, part);
  }
  void ExpectOutOfRange(const QueryKeyView& view, const std::string& part) {
    before_ = StateOf(layer_);
    ExpectError(layer_.AddQueriesKeys(view), StatusCode::kOutOfRange, part);
  }
  void ExpectInvalidParams(const SoftmaxParams& params, const std::string& part) {
    ExpectInvalid(view_, part, params);
    ExpectError(layer_.AddLogits(logits_, params), StatusCode::kInvalidArgument, part);
  }

  std::vector<float> queries_ = std::vector<float>(size_t{4} * 3 * 8, 0.5f);
  std::vector<float> keys_ = std::vector<float>(size_t{2} * 5 * 8, 0.25f);
  QueryKeyView view_;
  AttentionView logits_;
  LayerAccumulator layer_ = CreateLayer({.heads = 4, .max_keys = 6, .max_batch = 1});
  std::vector<double> before_;
};

TEST_F(LogitErrorsTest, Factors) {
  for (const double bad : {-1.0, kNaN, HUGE_VAL, 1e-40, 1e40}) {
    ExpectInvalidParams({.scale = bad}, "scale is ");
    ExpectInvalidParams({.soft_cap = bad}, "soft_cap is ");
  }
  EXPECT_TRUE(layer_.AddLogits(logits_, {.scale = 0x1p-96, .soft_cap = 0x1p96}).ok());
}

TEST_F(LogitErrorsTest, Biases) {
  const float bias = 0.0f;
  ExpectInvalidParams({.bias = {.data = &bias, .type = static_cast<ElementType>(9)}}, "bias.type is 9");
  ExpectInvalidParams({.bias = {.data = &bias, .query_stride = INT64_MAX}}, "bias overflows");
  const std::vector<float> row(5);
  EXPECT_TRUE(layer_.AddLogits(logits_, {.bias = {.data = row.data()}}).ok());
}

TEST_F(LogitErrorsTest, Masks) {
  const int64_t lengths[] = {6};
  ExpectInvalidParams({.mask = {.key_lengths = lengths}}, "mask.key_lengths[0] is 6");
  const int64_t negative[] = {-1};
  ExpectInvalidParams({.mask = {.key_lengths = negative}}, "mask.key_lengths[0] is -1");
}

TEST_F(LogitErrorsTest, Shapes) {
  QueryKeyView view = view_;
  view.head_dim = 0;
  ExpectInvalid(view, "head_dim is 0");
  view.head_dim = 1025;
  ExpectInvalid(view, "head_dim is 1025");
  view = view_;
  view.kv_heads = 3;
  ExpectInvalid(view, "kv_heads is 3");
  view.kv_heads = 0;
  ExpectInvalid(view, "kv_heads is 0");
  view.kv_heads = 8;
  ExpectInvalid(view, "kv_heads is 8");
  view = view_;
  view.query_type = static_cast<ElementType>(5);
  ExpectInvalid(view, "queries.type is 5");
  view = view_;
  view.key_type = static_cast<ElementType>(6);
  ExpectInvalid(view, "keys.type is 6");
}

TEST_F(LogitErrorsTest, MoreThanTheConfigurationHas) {
  QueryKeyView view = view_;
  view.keys = 7;
  ExpectOutOfRange(view, "7 keys");
  view = view_;
  view.first_head = 1;
  ExpectOutOfRange(view, "4 heads from 1");
  view = view_;
  view.first_sequence = 1;
  ExpectOutOfRange(view, "1 sequences from 1");
  before_ = StateOf(layer_);
  AttentionView logits = logits_;
  logits.keys = 7;
  ExpectError(layer_.AddLogits(logits), StatusCode::kOutOfRange, "logits have 7 keys");
}

TEST_F(LogitErrorsTest, PointersAndStrides) {
  QueryKeyView view = view_;
  view.query_data = nullptr;
  ExpectInvalid(view, "queries.data is null");
  view = view_;
  view.key_data = nullptr;
  ExpectInvalid(view, "keys.data is null");
  for (const int64_t stride : {INT64_MAX, INT64_MIN}) {
    view = view_;
    view.query_stride = stride;
    ExpectInvalid(view, "queries overflows");
    view = view_;
    view.key_dim_stride = stride;
    ExpectInvalid(view, "keys overflows");
  }
  view = view_;
  view.queries = SIZE_MAX;
  ExpectInvalid(view, "queries overflows");
}

TEST_F(LogitErrorsTest, Pages) {
  KeyPage pages[] = {{keys_.data(), 2}, {keys_.data() + 16, 3}};
  QueryKeyView view = view_;
  view.pages = pages;
  view.num_pages = 2;
  EXPECT_TRUE(layer_.AddQueriesKeys(view).ok());
  view.num_pages = 1;
  ExpectInvalid(view, "the pages hold 2 keys, expected 5");
  view.num_pages = 0;
  ExpectInvalid(view, "the pages hold 0 keys");
  view.num_pages = 2;
  pages[1].keys = 4;
  ExpectInvalid(view, "pages[1].keys is 4");
  pages[1].keys = SIZE_MAX;
  ExpectInvalid(view, "pages[1]");
  pages[1] = {nullptr, 3};
  ExpectInvalid(view, "pages[1].data is null");
  pages[1] = {keys_.data(), 3};
  view.batch = 2;
  LayerAccumulator wide = CreateLayer({.heads = 4, .max_keys = 6, .max_batch = 2});
  EXPECT_NE(wide.AddQueriesKeys(view).message().find("batch is 2"), std::string::npos);
}

TEST_F(LogitErrorsTest, NothingToDoIsFine) {
  before_ = StateOf(layer_);
  QueryKeyView view = view_;
  view.queries = 0;
  view.query_data = nullptr;
  EXPECT_TRUE(layer_.AddQueriesKeys(view).ok());
  view = view_;
  view.batch = 0;
  EXPECT_TRUE(layer_.AddQueriesKeys(view).ok());
  view = view_;
  view.heads = 0;
  view.kv_heads = 0;
  EXPECT_TRUE(layer_.AddQueriesKeys(view).ok());
  EXPECT_TRUE(SameBits(StateOf(layer_), before_));
  // Rows without keys are masked.
  view = view_;
  view.keys = 0;
  view.key_data = nullptr;
  const SoftmaxParams evicted = {.mask = {.keys_were_evicted = true}};
  EXPECT_TRUE(layer_.AddQueriesKeys(view, evicted).ok());
  EXPECT_EQ(layer_.Stats().layer[Metric::kMaskedRows], 12.0);
  AttentionView none = logits_;
  none.keys = 0;
  none.data = nullptr;
  EXPECT_TRUE(layer_.AddLogits(none, evicted).ok());
  EXPECT_EQ(layer_.Stats().layer[Metric::kMaskedRows], 24.0);
}

TEST_F(LogitErrorsTest, AccumulatorsThatCannot) {
  LayerAccumulator none;
  EXPECT_EQ(none.AddLogits(logits_).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(none.AddQueriesKeys(view_).code(), StatusCode::kInvalidArgument);
  LayerAccumulator out;
  EXPECT_EQ(LayerAccumulator::Create({.max_keys = 4, .saturation_bound = kNaN}, &out).code(),
            StatusCode::kInvalidArgument);
  LayerAccumulator other = CreateLayer({.heads = 4, .max_keys = 6, .saturation_bound = 0.5});
  EXPECT_EQ(layer_.Merge(other).code(), StatusCode::kInvalidArgument) << "another saturation bound";
  LayerAccumulator mean = CreateLayer({.heads = 8, .max_keys = 6, .mean_matrix = true});
  EXPECT_NE(mean.AddQueriesKeys(view_).message().find("needs all 8 heads"), std::string::npos);
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/tensor_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace attnscope::tools {
namespace {

TEST(TensorNameTest, LastNumber) {
  EXPECT_EQ(LastNumber("use_long_L0_attn"), 0);
  EXPECT_EQ(LastNumber("blocks.3.attn.weights"), 3);
  EXPECT_EQ(LastNumber("model.layers.12.self_attn.head8"), 8);
  EXPECT_EQ(LastNumber("arr_007"), 7);
  EXPECT_EQ(LastNumber("42"), 42);
  EXPECT_EQ(LastNumber("layer-5"), 5);
  EXPECT_EQ(LastNumber("999999999"), 999999999);
}

TEST(TensorNameTest, NoNumber) {
  EXPECT_EQ(LastNumber(""), std::nullopt);
  EXPECT_EQ(LastNumber("attn"), std::nullopt);
  EXPECT_EQ(LastNumber("1000000000"), std::nullopt);
  EXPECT_EQ(LastNumber("run_20240101123456789012345"), std::nullopt);
}

TEST(TensorNameTest, Globs) {
  const std::vector<std::string> globs = {"blocks.*.attn", "layer[0-3]?x"};
  EXPECT_TRUE(MatchesAny("blocks.0.attn", globs));
  EXPECT_TRUE(MatchesAny("blocks.a/b.attn", globs));
  EXPECT_TRUE(MatchesAny("layer2.x", globs));
  EXPECT_FALSE(MatchesAny("layer4.x", globs));
  EXPECT_FALSE(MatchesAny("blocks.0.attn.weights", globs));
  EXPECT_FALSE(MatchesAny("blocks.0.attn", {}));
}

}  // namespace
}  // namespace attnscope::tools

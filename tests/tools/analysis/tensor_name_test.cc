// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/tensor_name.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace attnscope::tools {
namespace {

std::optional<int64_t> LayerIn(std::string_view name) {
  const std::optional<NamedLayer> found = LayerInName(name);
  return found.has_value() ? std::optional<int64_t>(found->layer) : std::nullopt;
}

std::string WithoutLayer(std::string_view name) { return NameWithoutLayer(name, LayerInName(name)); }

TEST(TensorNameTest, NumberAfterAWordOfLayers) {
  EXPECT_EQ(LayerIn("use_long_L0_attn"), 0);
  EXPECT_EQ(LayerIn("blocks.3.attn.weights"), 3);
  EXPECT_EQ(LayerIn("model.layers.12.self_attn.head8"), 12);
  EXPECT_EQ(LayerIn("model.layers.4.self_attn.output.1"), 4);
  EXPECT_EQ(LayerIn("encoder.block.3.layer.0.SelfAttention"), 3);
  EXPECT_EQ(LayerIn("transformer.h.11.attn"), 11);
  EXPECT_EQ(LayerIn("h3_L5"), 5);
  EXPECT_EQ(LayerIn("L12H3"), 12);
  EXPECT_EQ(LayerIn("encoderLayer7_attn1"), 7);
  EXPECT_EQ(LayerIn("resblocks.2.attn"), 2);
  EXPECT_EQ(LayerIn("layers[9].attn"), 9);
  EXPECT_EQ(LayerIn("layer-5"), 5);
  EXPECT_EQ(LayerIn("encoder.layers.2.attn1"), 2);
}

TEST(TensorNameTest, LastNumberWithoutSuchAWord) {
  EXPECT_EQ(LayerIn("arr_007"), 7);
  EXPECT_EQ(LayerIn("42"), 42);
  EXPECT_EQ(LayerIn("run2_attn3"), 3);
  EXPECT_EQ(LayerIn("999999999"), 999999999);
  EXPECT_FALSE(LayerInName("attn3")->has_word);
  EXPECT_TRUE(LayerInName("layer3")->has_word);
}

TEST(TensorNameTest, DatesStepsAndTypesAreNoLayers) {
  EXPECT_EQ(LayerIn("L0_attn_20240918_113045"), 0);
  EXPECT_EQ(LayerIn("attn3_20240918_113045"), 3);
  EXPECT_EQ(LayerIn("attn3_2024-09-18_11-30-45"), 3);
  EXPECT_EQ(LayerIn("attn3_20240918T1130"), 3);
  EXPECT_EQ(LayerIn("attn_20240918"), std::nullopt);
  EXPECT_EQ(LayerIn("layer1_step1000"), 1);
  EXPECT_EQ(LayerIn("attn1_step1000"), 1);
  EXPECT_EQ(LayerIn("attn1_1000steps"), 1);
  EXPECT_EQ(LayerIn("epoch5"), std::nullopt);
  EXPECT_EQ(LayerIn("attn_head8"), std::nullopt);
  EXPECT_EQ(LayerIn("layer2_attn_fp16"), 2);
  EXPECT_EQ(LayerIn("attn2_fp16"), 2);
  EXPECT_EQ(LayerIn("2_float32"), 2);
  EXPECT_EQ(LayerIn("attn2_bf16"), 2);
  EXPECT_EQ(LayerIn("attn2_float8_e4m3fn"), 2);
  EXPECT_EQ(LayerIn("attn2-00001-of-00002"), 2);
  EXPECT_EQ(LayerIn("attn5_2d"), 5);
  EXPECT_EQ(LayerIn("attn_2d"), std::nullopt);
}

TEST(TensorNameTest, SizesAndModelsAreNoLayers) {
  for (const char* name :
       {"attn3_len512", "attn_3_bs4", "attn3_16x16", "attn_3_12heads", "attn_3_12h", "attn3_llama-7b", "attn_3_gpt2",
        "llama3_attn3", "t5_attn3", "attn_3_run1", "attn_3_img0", "attn_3_gpu1"}) {
    EXPECT_EQ(LayerIn(name), 3) << name;
  }
  for (const char* name : {"gpt2_attn", "llama3_8b_attn", "attn_512x512", "img3"}) {
    EXPECT_EQ(LayerIn(name), std::nullopt) << name;
  }
  EXPECT_EQ(LayerIn("gpt2_L7"), 7);
  EXPECT_EQ(LayerIn("gpt2.h.7"), 7);
  EXPECT_EQ(LayerIn("T5Block_3/attention"), 3);
  EXPECT_EQ(LayerIn("layer3b"), 3);
}

TEST(TensorNameTest, OtherNumbersThatMightBeTheLayer) {
  EXPECT_EQ(OtherNumbersIn("img0_attn3"), std::vector<int64_t>());
  EXPECT_EQ(OtherNumbersIn("a0_attn3"), std::vector<int64_t>({0}));
  EXPECT_EQ(OtherNumbersIn("1.2.0"), std::vector<int64_t>({1, 2}));
  EXPECT_EQ(OtherNumbersIn("a1.layer3"), std::vector<int64_t>());
  EXPECT_EQ(OtherNumbersIn("attn"), std::vector<int64_t>());
}

TEST(TensorNameTest, Heads) {
  EXPECT_EQ(HeadInName("layers.12.attn.head8"), 8);
  EXPECT_EQ(HeadInName("layer0_head_3"), 3);
  EXPECT_EQ(HeadInName("L12H3"), 3);
  EXPECT_EQ(HeadInName("transformer.h.11.attn"), std::nullopt);
  EXPECT_EQ(HeadInName("h3"), std::nullopt);
  EXPECT_EQ(HeadInName("layers.3.attn"), std::nullopt);
  EXPECT_EQ(HeadInName("layer3_heads8"), std::nullopt);  // how many
  EXPECT_EQ(HeadInName(""), std::nullopt);
}

TEST(TensorNameTest, NoNumber) {
  EXPECT_EQ(LayerIn(""), std::nullopt);
  EXPECT_EQ(LayerIn("attn"), std::nullopt);
  EXPECT_EQ(LayerIn("1000000000"), std::nullopt);
  EXPECT_EQ(LayerIn("run_20240101123456789012345"), std::nullopt);
}

TEST(TensorNameTest, WithoutItsLayerANameTellsTheKindOfAttention) {
  EXPECT_EQ(WithoutLayer("layers.3.attn.batch0"), WithoutLayer("layers.3.attn.batch1"));
  EXPECT_EQ(WithoutLayer("arr_0"), WithoutLayer("arr_10"));
  EXPECT_NE(WithoutLayer("decoder.layers.0.self_attn"), WithoutLayer("decoder.layers.0.encoder_attn"));
  EXPECT_NE(WithoutLayer("encoder.block.0.layer.0.SelfAttention"),
            WithoutLayer("decoder.block.0.layer.0.SelfAttention"));
  EXPECT_NE(WithoutLayer("layers.0.blocks.0.attn"), WithoutLayer("layers.0.blocks.1.attn"));
  EXPECT_NE(WithoutLayer("transformer_blocks.0.attn1"), WithoutLayer("transformer_blocks.0.attn2"));
  // SegFormer, PVT, CvT, timm, Megatron's virtual pipeline, ranks, U-nets, Flax.
  EXPECT_NE(WithoutLayer("encoder.block.0.0.attention"), WithoutLayer("encoder.block.0.1.attention"));
  EXPECT_NE(WithoutLayer("block1.0.attn"), WithoutLayer("block1.1.attn"));
  EXPECT_NE(WithoutLayer("encoder.stages.0.layers.2.attention"), WithoutLayer("encoder.stages.1.layers.2.attention"));
  EXPECT_NE(WithoutLayer("stages.0.blocks.0.attn"), WithoutLayer("stages.1.blocks.0.attn"));
  EXPECT_NE(WithoutLayer("model0.layers.0.attn"), WithoutLayer("model1.layers.0.attn"));
  EXPECT_NE(WithoutLayer("tp_rank_0/layers.0.attn"), WithoutLayer("tp_rank_1/layers.0.attn"));
  EXPECT_NE(WithoutLayer("down_blocks.0.attentions.0.attn1"), WithoutLayer("down_blocks.0.attentions.1.attn1"));
  EXPECT_NE(WithoutLayer("block_0/DotProductAttention_0"), WithoutLayer("block_0/DotProductAttention_1"));
  EXPECT_EQ(WithoutLayer("rank0.layers.0.attn"), WithoutLayer("rank1.layers.0.attn"));
  EXPECT_EQ(WithoutLayer("L0_attn_0"), WithoutLayer("L0_attn_1"));
  EXPECT_EQ(WithoutLayer("L0.0"), WithoutLayer("L0.1"));
  EXPECT_EQ(WithoutLayer("layer_0_1"), WithoutLayer("layer_0_2"));
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

// SPDX-License-Identifier: Apache-2.0
//
// Which tensors a plan takes, what layer they go to, and what it refuses.
#include "tools/analysis/plan.h"

#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"
#include "tools/analysis/reading.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class PlanTest : public TemporaryFolderTest {
 protected:
  // A file of zeros.
  std::string Zeros(const std::string& name, const std::vector<size_t>& shape, const std::string& descr = "<f4") const {
    auto size = static_cast<size_t>(descr.back() - '0');
    for (const size_t n : shape) size *= n;
    return Write(name, Npy(descr, shape, std::string(size, '\0')));
  }

  // An archive with tensors of zeros.
  std::string Archive(const std::string& name,
                      const std::vector<std::pair<std::string, std::vector<size_t>>>& tensors) {
    std::vector<ZipEntry> entries;
    for (const auto& [tensor, shape] : tensors) {
      entries.push_back({.name = tensor + ".npy", .bytes = Read(Zeros("scratch", shape))});
    }
    return Write(name, Zip(entries));
  }

  static Plan Make(const PlanInputs& inputs) {
    Plan plan;
    const Status status = MakePlan(inputs, &plan);
    EXPECT_TRUE(status.ok()) << status.message();
    return plan;
  }

  static void ExpectError(const PlanInputs& inputs, const std::string& part) {
    Plan plan;
    const Status status = MakePlan(inputs, &plan);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
    EXPECT_TRUE(plan.layers.empty());
  }
};

TEST_F(PlanTest, ShapesOfEachRank) {
  const Plan plan =
      Make({.files = {Zeros("L1.npy", {2, 3}), Zeros("L2.npy", {4, 2, 3}), Zeros("L3.npy", {5, 4, 2, 3})}});
  ASSERT_EQ(plan.layers.size(), 3u);
  for (const auto& [layer, parts] : plan.layers) {
    ASSERT_EQ(parts.attention.size(), 1u);
    const AttentionPart& part = parts.attention[0];
    EXPECT_EQ(part.queries, 2u);
    EXPECT_EQ(part.keys, 3u);
    EXPECT_EQ(part.heads, layer >= 2 ? 4u : 1u);
    EXPECT_EQ(part.batch, layer >= 3 ? 5u : 1u);
  }
}

TEST_F(PlanTest, FiveDimensionsAreLayers) {
  const std::string file = Zeros("run7.npy", {3, 5, 4, 2, 6});
  const Plan plan = Make({.files = {file}});
  ASSERT_EQ(plan.layers.size(), 3u);
  for (const auto& [layer, parts] : plan.layers) EXPECT_EQ(parts.attention.at(0).outer, static_cast<size_t>(layer));
  const Plan shifted = Make({.files = {file}, .layer = 10});
  EXPECT_EQ(shifted.layers.begin()->first, 10);
  EXPECT_EQ(shifted.layers.rbegin()->first, 12);
}

TEST_F(PlanTest, LayersComeFromNames) {
  const std::string archive =
      Archive("dump5.npz", {{"blocks.3.attn", {2, 2}}, {"attn", {2, 2}}, {"blocks.11.attn", {2, 2}}});
  const Plan plan = Make({.files = {archive, Zeros("use_L0_attn.npy", {2, 2})}});
  std::vector<int64_t> layers;
  for (const auto& [layer, parts] : plan.layers) layers.push_back(layer);
  EXPECT_EQ(layers, (std::vector<int64_t>{0, 3, 5, 11}));  // "attn" has no number: the archive's
  EXPECT_EQ(Make({.files = {archive}, .layer = 4}).layers.at(4).attention.size(), 3u);
}

TEST_F(PlanTest, NameWithoutNumber) {
  const std::string alone = Zeros("attn.npy", {2, 2});
  EXPECT_EQ(Make({.files = {alone}}).layers.begin()->first, 0);
  ExpectError({.files = {alone, Zeros("L1.npy", {2, 2})}}, "attn.npy: its name has no layer number");
}

TEST_F(PlanTest, OneLayerMayHaveSeveralTensors) {
  const std::vector<std::string> files = {Zeros("a_L1.npy", {4, 2, 3}), Zeros("b_L1.npy", {2, 4, 5, 5})};
  EXPECT_EQ(Make({.files = files}).layers.at(1).attention.size(), 2u);
  ExpectError({.files = {files[0], Zeros("c_L1.npy", {3, 2, 3})}}, "c_L1.npy [3, 2, 3] has 3 heads, but");
}

TEST_F(PlanTest, ArchivesMayHoldOtherTensors) {
  const std::string archive =
      Archive("dump.npz", {{"attn.0", {2, 2}}, {"step", {}}, {"loss", {9}}, {"x", {1, 1, 1, 1, 1, 1}}});
  const Plan plan = Make({.files = {archive}});
  EXPECT_EQ(plan.layers.size(), 1u);
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_NE(plan.notes[0].find("no attention has their shapes: 'step', 'loss', 'x'"), std::string::npos)
      << plan.notes[0];
  ExpectError({.files = {Archive("none.npz", {{"step", {}}, {"loss", {9}}})}},
              "tensor 'step': has shape [], not [n, n]");
}

// The reason that is told is the true one, and nothing of attention's shape is left out.
TEST_F(PlanTest, WhatArchivesHoldOfOtherTypes) {
  const ZipEntry weights = {.name = "attn.0.npy", .bytes = Read(Zeros("scratch", {2, 2}))};
  const ZipEntry mask = {.name = "mask.npy", .bytes = Npy("<i8", {2, 2}, std::string(32, '\0'))};
  const ZipEntry wide = {.name = "attn.1.npy", .bytes = Npy("<f16", {2, 2}, std::string(64, '\0'))};
  const Plan plan = Make({.files = {Write("mask.npz", Zip({weights, mask}))}});
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_NE(plan.notes[0].find("no attention has their element types: 'mask'"), std::string::npos) << plan.notes[0];
  const std::string mixed = Write("mixed.npz", Zip({weights, wide}));
  ExpectError({.files = {mixed}}, "tensor 'attn.1', which has a shape of attention: element type '<f16'");
  EXPECT_EQ(Make({.files = {mixed}, .tensor_globs = {"attn.0"}}).layers.size(), 1u);
}

TEST_F(PlanTest, DifferentAttentionOfOneArchiveIsNotOneLayer) {
  const std::string t5 = Archive("t5.npz", {{"encoder.block.0.layer.0.SelfAttention", {2, 2, 2}},
                                            {"encoder.block.3.layer.0.SelfAttention", {2, 2, 2}},
                                            {"decoder.block.3.layer.0.SelfAttention", {2, 2, 2}},
                                            {"decoder.block.3.layer.1.EncDecAttention", {2, 2, 2}}});
  ExpectError({.files = {t5}}, "are of different attention by their names");
  ExpectError({.files = {t5}, .tensor_globs = {"decoder.*"}}, "are of different attention by their names");
  const Plan encoder = Make({.files = {t5}, .tensor_globs = {"encoder.*"}});
  EXPECT_EQ(encoder.layers.size(), 2u);
  EXPECT_EQ(encoder.layers.count(3), 1u);
  EXPECT_EQ(Make({.files = {t5}, .layer = 7}).layers.at(7).attention.size(), 4u);
  const Plan inner = Make({.files = {t5}, .layer_pattern = "layer\\.([0-9]+)"});
  EXPECT_EQ(inner.layers.at(0).attention.size(), 3u);
  EXPECT_EQ(inner.layers.at(1).attention.size(), 1u);
  const std::string swin =
      Archive("swin.npz", {{"layers.0.blocks.0.attn", {2, 2}}, {"layers.0.blocks.1.attn", {2, 2}}});
  ExpectError({.files = {swin}}, "or of layers within layers");
  EXPECT_EQ(Make({.files = {swin}, .layer_pattern = "blocks\\.([0-9]+)"}).layers.size(), 2u);
}

// Stages, and files that are of different attention by their names.
TEST_F(PlanTest, DifferentAttentionOfStagesAndFiles) {
  for (const auto& [a, b] :
       {std::pair("segformer.encoder.block.0.0.attention", "segformer.encoder.block.0.1.attention"),
        {"stages.0.blocks.0.attn", "stages.1.blocks.0.attn"}}) {
    ExpectError({.files = {Archive("stages.npz", {{a, {2, 2}}, {b, {2, 2}}})}}, "or of layers within layers");
  }
  const std::string self = Zeros("L0_self.npy", {2, 2});
  ExpectError({.files = {self, Zeros("L0_cross.npy", {2, 2})}}, "are of different attention by their names");
  EXPECT_EQ(Make({.files = {self, Zeros("L1_cross.npy", {2, 2})}}).layers.size(), 2u);
  EXPECT_EQ(Make({.files = {self, Zeros("b_L0_self.npy", {2, 2})}}).layers.at(0).attention.size(), 2u);
  const std::vector<std::string> stacks = {Zeros("encoder.npy", {2, 1, 1, 2, 2}),
                                           Zeros("decoder.npy", {2, 1, 1, 2, 2})};
  ExpectError({.files = stacks}, "are of different attention by their names");
  ExpectError({.files = {Archive("encoder.npz", {{"layers.0.attn", {2, 2}}}),
                         Archive("decoder.npz", {{"layers.0.attn", {2, 2}}})}},
              "are of different attention by their names");
}

// The last number may be none of the layer, where names differ in another one.
TEST_F(PlanTest, OneOfSeveralNumbersIsTheLayer) {
  const std::string file = Archive("heads.npz", {{"0.0", {2, 2}}, {"0.1", {2, 2}}, {"1.0", {2, 2}}, {"1.1", {2, 2}}});
  ExpectError({.files = {file}}, "by the last number of their names, and differ in another one; give --layer-pattern");
  EXPECT_EQ(Make({.files = {file}, .layer_pattern = "^([0-9]+)"}).layers.size(), 2u);
  const std::vector<std::string> files = {Zeros("attn_0_n128.npy", {2, 2}), Zeros("attn_1_n128.npy", {2, 2})};
  ExpectError({.files = files}, "by the last number of their names, and differ in another one; give --layer-pattern");
  EXPECT_EQ(Make({.files = files, .layer = 0}).layers.at(0).attention.size(), 2u);
  EXPECT_EQ(Make({.files = {Archive("batch.npz", {{"batch0_attn3", {2, 2}}, {"batch1_attn3", {2, 2}}})}})
                .layers.at(3)
                .attention.size(),
            2u);
}

// numpy.savez names a single array arr_0 in every file.
TEST_F(PlanTest, LayersOfFilesOfOneArray) {
  const std::vector<std::string> files = {Archive("layer3.npz", {{"arr_0", {2, 2}}}),
                                          Archive("layer4.npz", {{"arr_0", {2, 2}}})};
  const Plan plan = Make({.files = files});
  ASSERT_EQ(plan.layers.size(), 2u);
  EXPECT_EQ(plan.layers.begin()->first, 3);
  const Plan several = Make({.files = {Archive("vit_L16.npz", {{"arr_0", {2, 2}}, {"arr_1", {2, 2}}})}});
  EXPECT_EQ(several.layers.size(), 2u);
  EXPECT_EQ(several.layers.begin()->first, 0);
}

TEST_F(PlanTest, BFloat16OfNumpy) {
  const std::string weights = Npy("<f4", {2, 2}, std::string(16, '\0'));
  const std::string file = Write("mixed.npz", Zip({{.name = "attn.0.npy", .bytes = weights},
                                                   {.name = "attn.1.npy", .bytes = Npy("|V2", {2, 2}, "12345678")}}));
  ExpectError({.files = {file}}, "tensor 'attn.1', which has a shape of attention: element type '|V2'");
  const std::vector<std::string> readings = ReadingsOf(Make({.files = {file}, .void_is_bfloat16 = true}));
  ASSERT_EQ(readings.size(), 2u);
  EXPECT_EQ(readings[1], "layer 1: attn.1, [batch 1, heads 1, 2 queries, 2 keys] bfloat16");
}

TEST_F(PlanTest, LayerPatterns) {
  const std::string file = Zeros("stage2_attn7.npy", {2, 2});
  EXPECT_EQ(Make({.files = {file}, .layer_pattern = "stage([0-9]+)"}).layers.begin()->first, 2);
  ExpectError({.files = {file, file}, .layer_pattern = "layer([0-9]+)"}, "has no layer number by --layer-pattern");
  ExpectError({.files = {file}, .layer_pattern = "layer([0-9]+)"}, "has no layer number by --layer-pattern");
  ExpectError({.files = {file}, .layer_pattern = "stage[0-9]+"}, "--layer-pattern stage[0-9]+: has no group");
  ExpectError({.files = {file}, .layer_pattern = "stage(["}, "--layer-pattern stage([: is no regular expression");
}

TEST_F(PlanTest, AxesSayWhatDimensionsAre) {
  const std::string file = Zeros("stack.npy", {6, 4, 2, 3});
  const Plan layers = Make({.files = {file}, .axes = "layers,heads,queries,keys"});
  ASSERT_EQ(layers.layers.size(), 6u);
  EXPECT_EQ(layers.layers.at(5).attention.at(0).heads, 4u);
  EXPECT_EQ(layers.layers.at(5).attention.at(0).outer, 5u);
  EXPECT_TRUE(layers.notes.empty());
  const AttentionPart swapped =
      Make({.files = {file}, .axes = "queries,heads,batch,keys"}).layers.at(0).attention.at(0);
  EXPECT_EQ(swapped.queries, 6u);
  EXPECT_EQ(swapped.batch, 2u);
  EXPECT_EQ(swapped.query_stride, 24u);
  EXPECT_EQ(swapped.head_stride, 6u);
  EXPECT_EQ(swapped.batch_stride, 3u);
  ExpectError({.files = {file}, .axes = "batch,queries,keys"}, "has shape [6, 4, 2, 3], not of the 3 dimensions");
  ExpectError({.files = {file}, .axes = "heads,keys,queries"}, "keys must be last");
  ExpectError({.files = {file}, .axes = "heads,heads,queries,keys"}, "heads is there twice");
  ExpectError({.files = {file}, .axes = "heads,keys"}, "queries are missing");
  ExpectError({.files = {file}, .axes = "heads,,keys"}, "'' is no axis");
}

TEST_F(PlanTest, AmbiguousShapesAreNoted) {
  const auto notes = [](const PlanInputs& inputs) { return Make(inputs).notes; };
  const std::string four = Zeros("stack.npy", {6, 4, 2, 3});
  ASSERT_EQ(notes({.files = {four}}).size(), 1u);
  EXPECT_NE(notes({.files = {four}})[0].find("--axes layers,heads,queries,keys"), std::string::npos);
  EXPECT_TRUE(notes({.files = {four}, .layer = 0}).empty());
  EXPECT_TRUE(notes({.files = {Zeros("L0.npy", {6, 4, 2, 3})}}).empty());
  EXPECT_TRUE(notes({.files = {Zeros("L1.npy", {1, 2, 3}), Zeros("L2.npy", {2, 3})}}).empty());
  const std::vector<std::string> three = notes({.files = {Zeros("L0.npy", {4, 2, 3}), Zeros("L1.npy", {4, 2, 3})}});
  ASSERT_EQ(three.size(), 1u);  // once
  EXPECT_NE(three[0].find("--axes batch,queries,keys"), std::string::npos);
}

// One head a tensor, as tools that look at single heads write: their mean hides a head that has collapsed.
TEST_F(PlanTest, HeadsThatAreMeasuredAsOneAreNoted) {
  const auto notes = [](const std::string& file) { return Make({.files = {file}}).notes; };
  const std::vector<std::string> heads =
      notes(Archive("heads.npz", {{"layer0.head0", {2, 2}}, {"layer0.head1", {2, 2}}, {"layer1.head0", {2, 2}}}));
  ASSERT_EQ(heads.size(), 1u);
  EXPECT_NE(heads[0].find("layer 0: "), std::string::npos) << heads[0];
  EXPECT_NE(heads[0].find("'layer0.head1' [2, 2] are of different heads"), std::string::npos) << heads[0];
  EXPECT_TRUE(notes(Archive("head.npz", {{"layer0.head0.batch0", {2, 2}}, {"layer0.head0.batch1", {2, 2}}})).empty());
  EXPECT_TRUE(notes(Archive("batch.npz", {{"layer0.batch0", {2, 2}}, {"layer0.batch1", {2, 2}}})).empty());
  const std::string in = Zeros("in_L7.npy", {7, 5});  // a layer without attention
  EXPECT_TRUE(Make({.residuals = {{in, Zeros("out_L7.npy", {7, 5})}}}).notes.empty());
}

// A prompt and the tokens that follow it are one sequence, which separate tensors are not.
TEST_F(PlanTest, StepsOfAGenerationAreNoted) {
  const auto notes = [](const std::string& file) { return Make({.files = {file}, .layer = 0}).notes; };
  const std::vector<std::string> steps = notes(
      Archive("steps.npz", {{"a0", {1, 2, 5, 5}}, {"a1", {1, 2, 1, 6}}, {"a2", {1, 2, 1, 7}}, {"a3", {1, 2, 1, 8}}}));
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_NE(steps[0].find("look like steps of one generation"), std::string::npos) << steps[0];
  EXPECT_TRUE(notes(Archive("batch.npz", {{"a0", {1, 2, 5, 5}}, {"a1", {1, 2, 7, 7}}})).empty());
}

// The dump of a model's queries and keys, given as weights.
TEST_F(PlanTest, QueriesAndKeysThatAreTakenForWeightsAreNoted) {
  const std::vector<std::string> one = Make({.files = {Zeros("L0_q.npy", {12, 128})}}).notes;
  ASSERT_EQ(one.size(), 1u);
  EXPECT_NE(one[0].find("named as queries or keys; --qk measures"), std::string::npos) << one[0];
  EXPECT_TRUE(Make({.files = {Zeros("L0_attn.npy", {12, 12})}}).notes.empty());
  const std::string both = Archive("qk.npz", {{"layers.0.q", {1, 4, 12, 8}}, {"layers.0.k", {1, 2, 12, 8}}});
  ExpectError({.files = {both}}, "choose tensors with --tensor; --qk measures queries and keys");
  EXPECT_TRUE(Make({.query_key_files = {{both}}}).notes.empty());
}

TEST_F(PlanTest, HowFilesAreReadIsSaid) {
  const std::string archive = Archive("t5.npz", {{"block.3.layer.0.SelfAttention", {2, 8, 4, 5}}});
  EXPECT_EQ(ReadingsOf(Make({.files = {archive}})),
            (std::vector<std::string>{
                "layer 3: block.3.layer.0.SelfAttention, [batch 2, heads 8, 4 queries, 5 keys] float32"}));
  const std::string a = Zeros("a_L1.npy", {2, 3}, "<f8");
  const std::string b = Zeros("b_L1.npy", {2, 3}, "<f2");
  const std::string stack = Zeros("stack.npy", {3, 1, 1, 2, 3});
  EXPECT_EQ(ReadingsOf(Make({.files = {a, b}})),
            (std::vector<std::string>{
                "layer 1: " + a + ", [batch 1, heads 1, 2 queries, 3 keys] float64",
                "layer 1: further sequences: " + b + ", [batch 1, heads 1, 2 queries, 3 keys] float16"}));
  EXPECT_EQ(Make({.files = {a, Zeros("L2.npy", {2, 3}, "<f8")}}).notes,
            (std::vector<std::string>{"float64 is rounded to float32"}));
  EXPECT_EQ(ReadingsOf(Make({.logit_files = {stack}, .layer = 4})),
            (std::vector<std::string>{"layers 4 to 6: logits " + stack +
                                      ", [layers 3, batch 1, heads 1, 2 queries, 3 keys] float32"}));
  const std::string in = Zeros("in_L2.npy", {7, 5});
  const std::string out = Zeros("out_L2.npy", {7, 5});
  EXPECT_EQ(ReadingsOf(Make({.residuals = {{in, out}}})),
            (std::vector<std::string>{"layer 2: residual stream " + in + " to " + out +
                                      ", [batch 1, 7 tokens, 5 channels] float32"}));
}

TEST_F(PlanTest, GlobsChooseTensorsOfArchives) {
  const std::string archive =
      Archive("dump.npz", {{"attn.0", {2, 2, 2}}, {"resid.0", {7, 9}}, {"attn.1", {2, 2, 2}}, {"loss", {9}}});
  const std::string plain = Zeros("L2.npy", {2, 2});
  const Plan plan = Make({.files = {archive, plain}, .tensor_globs = {"attn.*"}});
  EXPECT_EQ(plan.layers.size(), 3u);  // a .npy file needs no glob
  ASSERT_EQ(plan.notes.size(), 1u);   // of the shape
  ExpectError({.files = {archive}}, "choose tensors with --tensor");
  ExpectError({.files = {archive}, .tensor_globs = {"q*"}}, "no tensor's name matches --tensor; it has 'attn.0'");
  ExpectError({.files = {archive}, .tensor_globs = {"l*"}}, "tensor 'loss': has shape [9]");
}

TEST_F(PlanTest, MisfitsAreErrors) {
  ExpectError({.files = {Zeros("L1.npy", {7})}}, "L1.npy: has shape [7], not [n, n]");
  ExpectError({.files = {Zeros("L1.npy", {1, 1, 1, 1, 1, 1})}}, "has shape [1, 1, 1, 1, 1, 1]");
  ExpectError({.files = {Zeros("L1.npy", {65537, 1, 1, 1, 1})}}, "has 65537 layers");
  ExpectError({.files = {Zeros("L1.npy", {2, 0, 3})}}, "is empty: its shape is [2, 0, 3]");
  ExpectError({.files = {Zeros("L1.npy", {2, 2}, "<i4")}}, "element type '<i4'");
  ExpectError({.files = {Path("missing.npy")}}, "missing.npy: No such file");
}

TEST_F(PlanTest, Residuals) {
  const std::string in = Zeros("hidden_3.npy", {2, 7, 5});
  const std::string out = Zeros("hidden_4.npy", {2, 7, 5});
  const Plan plan = Make({.residuals = {{in, out}}});
  const ResidualPart& part = plan.layers.at(3).residuals.at(0);
  EXPECT_EQ(part.batch, 2u);
  EXPECT_EQ(part.tokens, 7u);
  EXPECT_EQ(part.channels, 5u);
  EXPECT_EQ(Make({.residuals = {{in, out}}, .layer = 8}).layers.begin()->first, 8);
  ExpectError({.residuals = {{in, Zeros("other_3.npy", {2, 7, 6})}}}, "differ in shape");
  ExpectError({.residuals = {{in, Zeros("rank_3.npy", {1, 2, 7, 5})}}},
              "has shape [1, 2, 7, 5], not [tokens, channels]");
  ExpectError({.residuals = {{in, Archive("two.npz", {{"a", {2, 2}}, {"b", {2, 2}}})}}},
              "tensor 'a' [2, 2] has no partner of its layer before the block");
}

TEST_F(PlanTest, ResidualsArePairedByLayer) {
  for (const char* name : {"L1_in.npy", "L10_in.npy", "L2_in.npy"}) Zeros(name, {7, 5});
  for (const char* name : {"L1_out.npy", "L10_out.npy", "L2_out.npy"}) Zeros(name, {7, 5});
  const Plan plan = Make({.residuals = {{Path("L*_in.npy"), Path("L*_out.npy")}}});
  ASSERT_EQ(plan.layers.size(), 3u);
  for (const auto& [layer, parts] : plan.layers) {
    ASSERT_EQ(parts.residuals.size(), 1u);
    EXPECT_EQ(parts.residuals[0].before.file->path(), Path("L" + std::to_string(layer) + "_in.npy"));
    EXPECT_EQ(parts.residuals[0].after.file->path(), Path("L" + std::to_string(layer) + "_out.npy"));
  }
  ExpectError({.residuals = {{Path("L1*_in.npy"), Path("L*_out.npy")}}},
              "L2_out.npy [7, 5] has no partner of its layer before");
  ExpectError({.residuals = {{Path("L*_in.npy"), Path("L1_out.npy")}}},
              "L2_in.npy [7, 5] has no partner of its layer after");
  ExpectError({.residuals = {{Path("none*.npy"), Path("L*_out.npy")}}}, "none*.npy: No such file");
  EXPECT_EQ(Make({.residuals = {{Path("L*.npy")}}}).layers.size(), 3u);
}

// What a shell makes of patterns that are not quoted.
TEST_F(PlanTest, ResidualPatternsThatAShellExpanded) {
  std::vector<std::string> files;
  for (const char* name :
       {"L0_in.npy", "L1_in.npy", "L0_out.npy", "L1_out.npy", "hidden_0.npy", "hidden_1.npy", "hidden_2.npy"}) {
    files.push_back(Zeros(name, {7, 5}));
  }
  ExpectError({.files = {files[2], files[3]}, .residuals = {{files[0], files[1]}}},
              "are the same side by their names; quote patterns, as in --residual 'L*_in.npy' 'L*_out.npy'");
  ExpectError({.files = {files[6]}, .residuals = {{files[4], files[5]}}},
              "hidden_2.npy would be attention weights, but has the name of a residual stream");
  ExpectError({.residuals = {{files[2], files[0]}}}, "are the other way round by their names");
  EXPECT_EQ(Make({.files = {Zeros("attn_0.npy", {5, 5})}, .residuals = {{files[4], files[5]}}}).layers.size(), 1u);
}

TEST_F(PlanTest, ResidualsOfArchives) {
  const std::string chain =
      Archive("chain.npz", {{"hidden_3", {7, 5}}, {"hidden_4", {7, 5}}, {"hidden_5", {7, 5}}, {"attn_3", {2, 4, 4}}});
  const Plan plan = Make({.residuals = {{chain}}});
  ASSERT_EQ(plan.layers.size(), 2u);
  EXPECT_EQ(plan.layers.at(4).residuals.at(0).before.info().name, "hidden_4");
  EXPECT_EQ(plan.layers.at(4).residuals.at(0).after.info().name, "hidden_5");
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_NE(plan.notes[0].find("no residual streams, by name or shape: 'attn_3'"), std::string::npos);
  const std::string sides =
      Archive("sides.npz",
              {{"blocks.1.in", {7, 5}}, {"blocks.1.out", {7, 5}}, {"blocks.0.out", {7, 5}}, {"blocks.0.in", {7, 5}}});
  const Plan both = Make({.residuals = {{sides}}});
  EXPECT_EQ(both.layers.at(1).residuals.at(0).after.info().name, "blocks.1.out");
  EXPECT_EQ(both.layers.at(0).residuals.at(0).before.info().name, "blocks.0.in");
  const std::string in = Archive("in.npz", {{"x.0", {7, 5}}, {"x.1", {7, 5}}});
  const std::string out = Archive("out.npz", {{"x.1", {7, 5}}, {"x.0", {7, 5}}});
  EXPECT_EQ(Make({.residuals = {{in, out}}}).layers.at(1).residuals.at(0).after.info().name, "x.1");
  ExpectError({.residuals = {{Archive("gap.npz", {{"hidden_0", {7, 5}}, {"hidden_2", {7, 5}}})}}},
              "nor one of a chain");
  ExpectError({.residuals = {{Zeros("hidden_9.npy", {7, 5})}}}, "nor one of a chain");
}

TEST_F(PlanTest, ResidualWithoutNumberBelongsToTheOnlyLayer) {
  const std::string in = Zeros("in.npy", {7, 5});
  const std::string out = Zeros("out.npy", {7, 5});
  EXPECT_EQ(Make({.files = {Zeros("L6.npy", {2, 2})}, .residuals = {{in, out}}}).layers.at(6).residuals.size(), 1u);
  ExpectError({.files = {Zeros("L6.npy", {2, 2}), Zeros("L7.npy", {2, 2})}, .residuals = {{in, out}}},
              "in.npy: its name has no layer number");
}

}  // namespace
}  // namespace attnscope::tools

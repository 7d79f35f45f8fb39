// SPDX-License-Identifier: Apache-2.0
//
// Which tensors a plan takes, what layer they go to, and what it refuses.
#include "tools/analysis/plan.h"

#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class PlanTest : public TemporaryFolderTest {
 protected:
  // A file of zeros.
  std::string Zeros(const std::string& name, const std::vector<size_t>& shape, const std::string& descr = "<f4") const {
    size_t size = 4;
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
      Archive("epoch5.npz", {{"blocks.3.attn", {2, 2}}, {"attn", {2, 2}}, {"blocks.11.attn", {2, 2}}});
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
      Archive("dump.npz", {{"attn.0", {2, 2, 2}}, {"step", {}}, {"loss", {9}}, {"x", {1, 1, 1, 1, 1, 1}}});
  const Plan plan = Make({.files = {archive}});
  EXPECT_EQ(plan.layers.size(), 1u);
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_NE(plan.notes[0].find("'step', 'loss', 'x'"), std::string::npos) << plan.notes[0];
  ExpectError({.files = {Archive("none.npz", {{"step", {}}, {"loss", {9}}})}},
              "tensor 'step': has shape [], not [n, n]");
}

TEST_F(PlanTest, GlobsChooseTensorsOfArchives) {
  const std::string archive =
      Archive("dump.npz", {{"attn.0", {2, 2, 2}}, {"resid.0", {7, 9}}, {"attn.1", {2, 2, 2}}, {"loss", {9}}});
  const std::string plain = Zeros("L2.npy", {2, 2});
  const Plan plan = Make({.files = {archive, plain}, .tensor_globs = {"attn.*"}});
  EXPECT_EQ(plan.layers.size(), 3u);  // a .npy file needs no glob
  EXPECT_TRUE(plan.notes.empty());
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
  ExpectError({.residuals = {{in, Archive("two.npz", {{"a", {2, 2}}, {"b", {2, 2}}})}}}, "needs files of one tensor");
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

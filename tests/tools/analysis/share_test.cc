// SPDX-License-Identifier: Apache-2.0
//
// Shares of a plan: together they are all of it, each row once, whatever their number, and nobody has much more than
// his part.
#include "tools/analysis/share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <tuple>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class ShareTest : public TemporaryFolderTest {
 protected:
  std::string Zeros(const std::string& name, const std::vector<size_t>& shape) const {
    size_t bytes = sizeof(float);
    for (const size_t size : shape) bytes *= size;
    return Write(name, Npy("<f4", shape, std::string(bytes, '\0')));
  }

  static Plan PlanOf(const PlanInputs& inputs) {
    Plan plan;
    const Status status = MakePlan(inputs, &plan);
    EXPECT_TRUE(status.ok()) << status.message();
    return plan;
  }

  static Share ShareOf(const Plan& plan, const ShareOptions& options) {
    Share share;
    const Status status = MakeShare(plan, options, &share);
    EXPECT_TRUE(status.ok()) << status.message();
    return share;
  }

  // Every row of every sequence, and every residual stream, is in one share; the open sequences are those that several
  // shares have. Returns the most that a share reads.
  static size_t ExpectCover(const Plan& plan, size_t count, ShareBy by, bool mean_matrix = false) {
    std::map<std::tuple<int64_t, size_t, size_t, size_t>, size_t> rows;  // layer, part, sequence, row
    std::map<std::pair<int64_t, size_t>, size_t> residuals;
    std::map<int64_t, std::vector<OpenSequence>> open;
    size_t most = 0;
    for (size_t i = 0; i < count; ++i) {
      const Share share = ShareOf(plan, {.index = i, .count = count, .by = by, .mean_matrix = mean_matrix});
      EXPECT_EQ(share.layers.size(), plan.layers.size());
      most = std::max(most, ShareSize(plan, share));
      for (const auto& [index, layer] : share.layers) {
        if (i == 0) open[index] = layer.open;
        EXPECT_EQ(layer.open, open[index]) << "the same in every share";
        EXPECT_EQ(layer.has_whole, layer.open.size() < SequencesOf(plan.layers.at(index), mean_matrix));
        for (const ShareItem& item : layer.items) {
          EXPECT_GT(item.rows, 0u);
          EXPECT_EQ(item.first_row % 16, 0u) << "cut within a block of rows";
          const AttentionPart& part = plan.layers.at(index).attention[item.part];
          EXPECT_EQ(item.open.has_value(), item.rows < part.queries) << "open, if others have the rest";
          EXPECT_LT(item.open.value_or(0), std::max<size_t>(layer.open.size(), 1));
          for (size_t s = 0; s < item.sequences; ++s) {
            for (size_t row = 0; row < item.rows; ++row) {
              ++rows[{index, item.part, item.first_sequence + s, item.first_row + row}];
            }
          }
        }
        for (const size_t residual : layer.residuals) ++residuals[{index, residual}];
      }
    }
    size_t expected = 0;
    size_t expected_residuals = 0;
    for (const auto& [index, layer] : plan.layers) {
      for (const AttentionPart& part : layer.attention) expected += part.batch * part.queries;
      expected_residuals += layer.residuals.size();
    }
    EXPECT_EQ(rows.size(), expected);
    EXPECT_EQ(residuals.size(), expected_residuals);
    for (const auto& [place, times] : rows) EXPECT_EQ(times, 1u);
    for (const auto& [place, times] : residuals) EXPECT_EQ(times, 1u);
    return most;
  }

  static size_t SequencesOf(const LayerPlan& layer, bool mean_matrix) {
    size_t sequences = 0;
    for (const AttentionPart& part : layer.attention) sequences += mean_matrix ? 1 : part.batch;
    return sequences;
  }

  static ShareBy Chosen(const Plan& plan, size_t count) { return ShareOf(plan, {.count = count}).by; }
};

TEST_F(ShareTest, AllSharesAreThePlan) {
  const Plan plan = PlanOf({.files = {Zeros("a_L0.npy", {3, 2, 40, 24}), Zeros("b_L0.npy", {2, 7, 9}),
                                      Zeros("a_L1.npy", {2, 100, 24}), Zeros("a_L2.npy", {5, 2, 16, 8})},
                            .residuals = {{Zeros("in_L0.npy", {2, 9, 30}), Zeros("out_L0.npy", {2, 9, 30})},
                                          {Zeros("in_L2.npy", {9, 30}), Zeros("out_L2.npy", {9, 30})}}});
  for (const ShareBy by : {ShareBy::kAuto, ShareBy::kFiles, ShareBy::kLayers, ShareBy::kRows}) {
    for (const size_t count : std::initializer_list<size_t>{1, 2, 3, 4, 5, 7, 8, 16, 31, 200}) {
      ExpectCover(plan, count, by);
      ExpectCover(plan, count, by, /*mean_matrix=*/true);
    }
  }
}

// A share is at most a block of rows, and what a border may be moved by, above the mean.
TEST_F(ShareTest, RowsAreDealtEvenly) {
  const Plan one = PlanOf({.files = {Zeros("L0.npy", {2, 1024, 64})}});
  const Plan many = PlanOf({.files = {Zeros("M0.npy", {50, 2, 32, 64})}});
  for (const size_t count : std::initializer_list<size_t>{2, 3, 4, 7, 13, 16}) {
    for (const Plan* plan : {&one, &many}) {
      const double mean =
          static_cast<double>(2 * 1024 * 64) * (plan == &many ? 50.0 / 32.0 : 1.0) / static_cast<double>(count);
      const auto most = static_cast<double>(ExpectCover(*plan, count, ShareBy::kRows));
      EXPECT_LE(most, mean * (1.0 + 2.0 / 16) + 2 * 16 * 64) << count;
    }
  }
  // Many sequences: none is cut.
  for (const auto& [index, layer] : ShareOf(many, {.count = 6, .by = ShareBy::kRows}).layers) {
    EXPECT_TRUE(layer.open.empty());
  }
}

TEST_F(ShareTest, TheUnitIsChosenByHowEvenItIs) {
  const Plan files = PlanOf({.files = {Zeros("L0.npy", {2, 32, 32}), Zeros("L1.npy", {2, 32, 32}),
                                       Zeros("L2.npy", {2, 32, 32}), Zeros("L3.npy", {2, 32, 32})}});
  EXPECT_EQ(Chosen(files, 1), ShareBy::kFiles);
  EXPECT_EQ(Chosen(files, 2), ShareBy::kFiles);
  EXPECT_EQ(Chosen(files, 4), ShareBy::kFiles);
  EXPECT_EQ(Chosen(files, 3), ShareBy::kRows) << "2 files against 4/3";
  const Plan layers = PlanOf({.files = {Zeros("all.npy", {4, 1, 2, 32, 32})}});
  EXPECT_EQ(Chosen(layers, 2), ShareBy::kLayers);
  EXPECT_EQ(Chosen(layers, 3), ShareBy::kRows);
  const Plan huge = PlanOf({.files = {Zeros("huge.npy", {2, 256, 32})}});
  EXPECT_EQ(Chosen(huge, 2), ShareBy::kRows);
}

TEST_F(ShareTest, PiecesLeaveAllSequencesOpen) {
  const Plan plan = PlanOf({.files = {Zeros("L0.npy", {3, 2, 40, 100})}});
  ShareOptions options;
  options.pieces = {.first_row = 48, .all_rows = 100};
  const Share share = ShareOf(plan, options);
  const LayerShare& layer = share.layers.at(0);
  EXPECT_EQ(layer.open, (std::vector<OpenSequence>(3, {100, 100})));
  EXPECT_FALSE(layer.has_whole);
  ASSERT_EQ(layer.items.size(), 3u);
  EXPECT_EQ(layer.items[2].open, 2u);
  const auto expect_error = [&](const Pieces& pieces, bool mean_matrix, const std::string& part) {
    Share unchanged;
    const Status status = MakeShare(plan, {.mean_matrix = mean_matrix, .pieces = pieces}, &unchanged);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    EXPECT_TRUE(unchanged.layers.empty());
  };
  expect_error({.first_row = 61, .all_rows = 100}, false,
               "--rows: " + Path("L0.npy") + " [3, 2, 40, 100] would be rows 61 to 100 of 100");
  expect_error({.first_head = 3, .all_heads = 4}, false, "would be heads 3 to 4 of 4");
}

}  // namespace
}  // namespace attnscope::tools

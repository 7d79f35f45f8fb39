// SPDX-License-Identifier: Apache-2.0
//
// States that are merged: shards of real attention by rows, heads, layers and files, in every order, are what one
// process measures; what does not belong together is refused, naming both.
#include "tools/state/saved_state.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <numeric>
#include <set>

#include "tests/support/data_file.h"
#include "tests/support/npy_file.h"
#include "tests/support/report_difference.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"
#include "tools/state/state_file.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class SavedStateTest : public TemporaryFolderTest {
 protected:
  static SavedState Measure(const PlanInputs& inputs, const ShareOptions& options = {}, bool causal = false) {
    Plan plan;
    Share share;
    Status status = MakePlan(inputs, &plan);
    if (status.ok()) status = MakeShare(plan, options, &share);
    SavedState state;
    state.settings.causal = causal;
    state.settings.mean_matrix = options.mean_matrix;
    if (options.count > 1) {
      state.share_by = share.by;
      state.share_count = options.count;
      state.shares = {options.index};
    }
    AnalysisOptions analysis;
    analysis.rows.causal = causal;
    analysis.mean_matrix = options.mean_matrix;
    analysis.pieces = options.pieces;
    analysis.block_elements = 10000;  // several blocks
    if (status.ok()) {
      status = MeasureShare(plan, share, analysis, [&state](const MeasuredLayer& layer) {
        state.layers.push_back(SaveLayer(layer));
        return Status();
      });
    }
    EXPECT_TRUE(status.ok()) << status.message();
    return state;
  }

  static std::vector<SavedState> Shares(const PlanInputs& inputs, size_t count, ShareBy by, bool causal = false,
                                        bool mean_matrix = false) {
    std::vector<SavedState> states;
    for (size_t i = 0; i < count; ++i) {
      states.push_back(Measure(inputs, {.index = i, .count = count, .by = by, .mean_matrix = mean_matrix}, causal));
    }
    return states;
  }

  static Report ReportFrom(const SavedState& state) {
    Report report;
    const Status status = ReportOf(state, &report);
    EXPECT_TRUE(status.ok()) << status.message();
    return report;
  }

  // Through bytes, as files do.
  static SavedState Copy(const SavedState& state) {
    const std::string bytes = StateToBytes(state);
    SavedState copy;
    const Status status = StateFromBytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, &copy);
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(StateToBytes(copy), bytes);
    return copy;
  }

  static SavedState Merged(const std::vector<SavedState>& states, const std::vector<size_t>& order) {
    StateMerger merger;
    for (const size_t i : order) {
      const Status status = merger.Add("state " + std::to_string(i), Copy(states[i]));
      EXPECT_TRUE(status.ok()) << status.message();
    }
    EXPECT_EQ(merger.Missing(), "");
    SavedState merged;
    EXPECT_TRUE(merger.Take(&merged).ok());
    return merged;
  }

  // In every order of up to four states, and in some of more. Returns the largest difference.
  static double ExpectMerge(const std::vector<SavedState>& states, const Report& expected, const std::string& what,
                            double bound = test::kMergeBound) {
    std::vector<size_t> order(states.size());
    std::iota(order.begin(), order.end(), 0);
    double largest = 0.0;
    for (int i = 0; i < 24; ++i) {
      const double difference = test::DifferenceOf(ReportFrom(Merged(states, order)), expected);
      EXPECT_LE(difference, bound) << what;
      largest = std::max(largest, difference);
      if (!std::next_permutation(order.begin(), order.end())) break;
    }
    return largest;
  }

  static PlanInputs RealSample() {
    const auto file = [](int layer, const char* what) { return DataFile("use_long", layer, what); };
    return {.files = {file(0, "attn"), file(1, "attn")},
            .residuals = {{file(0, "resid_in"), file(0, "resid_out")}, {file(1, "resid_in"), file(1, "resid_out")}}};
  }
  static PlanInputs RealQueriesKeys() {
    const auto file = [](int layer, const char* what) { return DataFile("use_long", layer, what); };
    return {.query_key_files = {{file(0, "q"), file(0, "k")}, {file(1, "q"), file(1, "k")}}};
  }

  // Of a bundled tensor [4, n, m], some heads and rows.
  std::string Slice(const std::string& name, const std::string& path, size_t columns, size_t first_head, size_t heads,
                    size_t first_row, size_t rows) const {
    const std::string bytes = Read(path).substr(128);
    const size_t all_rows = bytes.size() / sizeof(float) / columns / 4;
    std::string slice;
    for (size_t head = first_head; head < first_head + heads; ++head) {
      slice += bytes.substr((head * all_rows + first_row) * columns * sizeof(float), rows * columns * sizeof(float));
    }
    return Write(name, Npy("<f4", {heads, rows, columns}, slice));
  }

  static void ExpectRefusal(const SavedState& a, const SavedState& b, const std::string& part) {
    StateMerger merger;
    ASSERT_TRUE(merger.Add("a.state", a).ok());
    const Status status = merger.Add("b.state", b);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("cannot merge a.state and b.state: "), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
  }
};

TEST_F(SavedStateTest, SharesOfRealAttention) {
  const Report expected = ReportFrom(Measure(RealSample()));
  double largest = 0.0;
  for (const ShareBy by : {ShareBy::kAuto, ShareBy::kFiles, ShareBy::kLayers, ShareBy::kRows}) {
    for (const size_t count : std::initializer_list<size_t>{1, 2, 3, 4, 5, 7, 40}) {
      largest = std::max(largest, ExpectMerge(Shares(RealSample(), count, by), expected,
                                              std::string(NameOf(by)) + " by " + std::to_string(count)));
    }
  }
  std::printf("[ observed ] shares: largest relative difference %.2e\n", largest);
  EXPECT_GT(largest, 0.0) << "no sequence was cut";
}

TEST_F(SavedStateTest, SharesOfQueriesAndKeysUnderACausalMask) {
  const Report expected = ReportFrom(Measure(RealQueriesKeys(), {}, /*causal=*/true));
  for (const size_t count : std::initializer_list<size_t>{2, 3, 5, 16}) {
    ExpectMerge(Shares(RealQueriesKeys(), count, ShareBy::kRows, /*causal=*/true), expected, std::to_string(count));
  }
}

TEST_F(SavedStateTest, SharesOfTheMeanMatrix) {
  const Report expected = ReportFrom(Measure(RealSample(), {.mean_matrix = true}));
  ASSERT_TRUE(expected.layers[0].stats.heads.empty());
  for (const size_t count : std::initializer_list<size_t>{2, 3, 7}) {
    ExpectMerge(Shares(RealSample(), count, ShareBy::kRows, false, /*mean_matrix=*/true), expected,
                std::to_string(count));
  }
}

// Bit for bit, where nothing is added up in another order.
TEST_F(SavedStateTest, LayersHeadsAndPairsOfFilesAreIdentical) {
  const std::string l0 = DataFile("use_long", 0, "attn");
  const std::string l1 = DataFile("use_long", 1, "attn");
  const Report both = ReportFrom(Measure({.files = {l0, l1}}));
  EXPECT_EQ(ExpectMerge({Measure({.files = {l0}}), Measure({.files = {l1}})}, both, "layers"), 0.0);

  std::vector<SavedState> heads;
  for (const size_t first : std::initializer_list<size_t>{0, 1, 3}) {
    ShareOptions options;
    options.pieces = {.first_head = first, .all_heads = 4};
    const size_t count = first == 1 ? 2 : 1;
    heads.push_back(Measure({.files = {Slice("heads_L0.npy", l0, 128, first, count, 0, 128)}}, options));
  }
  EXPECT_EQ(ExpectMerge(heads, ReportFrom(Measure({.files = {l0}})), "heads"), 0.0);

  // Sequences of different lengths in one layer.
  const std::string other = DataFile("use_short", 0, "attn");
  EXPECT_EQ(ExpectMerge({Measure({.files = {l0}}), Measure({.files = {other}})},
                        ReportFrom(Measure({.files = {l0, other}})), "files"),
            0.0);
}

TEST_F(SavedStateTest, PiecesOfRows) {
  const std::string path = DataFile("use_long", 1, "logits");
  for (const bool causal : {false, true}) {
    const Report expected = ReportFrom(Measure({.logit_files = {path}}, {}, causal));
    const auto pieces = [&](const std::vector<size_t>& cuts) {
      std::vector<SavedState> states;
      for (size_t i = 0; i + 1 < cuts.size(); ++i) {
        ShareOptions options;
        options.pieces = {.first_row = cuts[i], .all_rows = 128};
        states.push_back(Measure(
            {.logit_files = {Slice("rows_L1.npy", path, 128, 0, 4, cuts[i], cuts[i + 1] - cuts[i])}}, options, causal));
      }
      return states;
    };
    ExpectMerge(pieces({0, 16, 64, 112, 128}), expected, "between blocks of rows");
    // Elsewhere the column sums of a block are rounded to float32 in two parts: the contract's bound.
    const double off = ExpectMerge(pieces({0, 5, 77, 128}), expected, "within blocks of rows", 1e-6);
    EXPECT_GT(off, test::kMergeBound) << "then this bound could be that of blocks, too";
  }
}

TEST_F(SavedStateTest, TreesOfMerges) {
  const Report expected = ReportFrom(Measure(RealQueriesKeys()));
  const std::vector<SavedState> shares = Shares(RealQueriesKeys(), 6, ShareBy::kRows);
  std::vector<SavedState> halves;
  for (const std::vector<size_t>& half : {std::vector<size_t>{4, 0, 5}, {2, 3, 1}}) {
    StateMerger merger;
    for (const size_t i : half) ASSERT_TRUE(merger.Add(std::to_string(i), shares[i]).ok());
    EXPECT_EQ(merger.Missing().substr(0, 7), "shares ");
    ASSERT_TRUE(merger.Take(&halves.emplace_back()).ok());
    EXPECT_EQ(halves.back().shares.size(), 3u);
  }
  ExpectMerge(halves, expected, "halves");
  // What is complete has no open sequence, is small, and can be merged with other complete states.
  const SavedState whole = Merged(halves, {0, 1});
  EXPECT_EQ(whole.share_count, 0u);
  for (const SavedLayer& layer : whole.layers) EXPECT_TRUE(layer.open.empty() && layer.matrices.empty());
  const SavedState twice = Merged({whole, Measure(RealQueriesKeys())}, {0, 1});
  EXPECT_EQ(ReportFrom(twice).layers[0].stats.layer[Metric::kRows], 2 * 4 * 128);
}

TEST_F(SavedStateTest, WhatIsMissingIsNamed) {
  const std::vector<SavedState> shares = Shares(RealSample(), 7, ShareBy::kRows);
  const auto missing = [](const std::vector<SavedState>& states) {
    StateMerger merger;
    for (const SavedState& state : states) EXPECT_TRUE(merger.Add("x", state).ok());
    return merger.Missing();
  };
  EXPECT_EQ(missing({shares[0], shares[6], shares[5], shares[3]}), "shares 1, 2, 4 of 7");
  const std::string path = DataFile("use_long", 0, "attn");
  ShareOptions rows;
  rows.pieces = {.first_row = 32, .all_rows = 128};
  EXPECT_EQ(missing({Measure({.files = {Slice("r_L0.npy", path, 128, 0, 4, 32, 96)}}, rows)}),
            "layer 0, sequence 0, head 0 has 96 of 128 rows");
  ShareOptions heads;
  heads.pieces = {.first_head = 0, .all_heads = 4};
  EXPECT_EQ(missing({Measure({.files = {Slice("h_L0.npy", path, 128, 0, 3, 0, 128)}}, heads)}),
            "layer 0 has 128 rows of head 0, but 0 of head 3");
}

TEST_F(SavedStateTest, WhatDoesNotBelongTogetherIsRefused) {
  const std::string path = DataFile("use_short", 0, "attn");
  const SavedState state = Measure({.files = {path}});
  const auto with = [&](const std::function<void(SavedState&)>& change) {
    SavedState changed = state;
    change(changed);
    return changed;
  };
  ExpectRefusal(state, with([](SavedState& s) { s.settings.causal = true; }), "--causal is no in the first and yes");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.mean_matrix = true; }), "--mean-matrix is no");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.scale = 0.125; }), "--scale is 0 in the first and 0.125 in");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.soft_cap = 50; }), "--soft-cap is 0 in the first and 50 in");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.epoch = 3; }), "--epoch is none in the first and 3 in");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.row_options = "--window 4"; }),
                "what is said of rows is none in the first and --window 4 in the second");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.stage = "val"; }), "--stage is none in the first and val");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.saturation_bound = 0.9; }), "bound is 0.99 in the first");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.tolerance_float32 = 1; }), "tolerance is 0.001 in");
  ExpectRefusal(state, with([](SavedState& s) { s.settings.tolerance_half = 1; }), "half tolerance is 0.02");
  ExpectRefusal(state, Measure({.files = {Slice("L0.npy", path, 19, 0, 2, 0, 19)}}),
                "the number of heads of layer 0 is 4 in the first and 2 in the second");
  ExpectRefusal(state, Measure({.logit_files = {DataFile("use_short", 0, "logits")}}),
                "what was measured of layer 0 is weights in the first and logits in the second");

  const std::vector<SavedState> four = Shares({.files = {path}}, 4, ShareBy::kRows);
  ExpectRefusal(four[1], four[1], "share 1 of 4 is in both");
  ExpectRefusal(four[0], Shares({.files = {path}}, 3, ShareBy::kRows)[1], "the number of shares is 4 in the first");
  ExpectRefusal(four[0], Shares({.files = {path}}, 4, ShareBy::kFiles)[1], "the manner of sharing is rows in the");
  const auto rows = [&](size_t first, size_t count, size_t all) {
    ShareOptions options;
    options.pieces = {.first_row = first, .all_rows = all};
    return Measure({.files = {Slice("L0.npy", path, 19, 0, 4, first, count)}}, options);
  };
  ExpectRefusal(rows(0, 10, 19), rows(9, 10, 19), "sequence 0 of layer 0 would have 20 of 19 rows: some are in both");
  ExpectRefusal(rows(0, 10, 19), rows(10, 9, 20), "open sequences of 19 x 19 in the first and 1 open sequences of 20");
}

}  // namespace
}  // namespace attnscope::tools

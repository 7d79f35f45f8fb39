// SPDX-License-Identifier: Apache-2.0
//
// States name what they hold: those of the first version, and those with fewer or other numbers, are read, and merged
// with what both have. What is missing is "not measured", never zero.
#include "tools/state/state_contents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/data_file.h"
#include "tests/support/golden.h"
#include "tests/support/report_difference.h"
#include "tests/support/signed_state.h"
#include "tools/state/saved_state.h"
#include "tools/state/state_file.h"

namespace attnscope::tools {
namespace {

SavedState ReadState(const std::string& bytes) {
  SavedState state;
  const Status status = StateFromBytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, &state);
  EXPECT_TRUE(status.ok()) << status.message();
  return state;
}

SavedState Copy(const SavedState& state) { return ReadState(StateToBytes(state)); }

// Logits of two layers, and the residual stream of the first; ended.
SavedState Measure(const TopKValues& top_k = kDefaultTopK) {
  SavedState state;
  state.settings.top_k = top_k;
  state.contents = StateContents(top_k);
  for (const int64_t layer : {int64_t{0}, int64_t{1}}) {
    MeasuredLayer measured;
    measured.layer = layer;
    measured.kind = AttentionKind::kLogits;
    EXPECT_TRUE(LayerAccumulator::Create({.heads = 2, .max_keys = 7, .top_k = top_k}, &measured.accumulator).ok());
    std::vector<float> logits(size_t{2} * 5 * 7);
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 37 + 11) % 23) / 4.0f;
    EXPECT_TRUE(
        measured.accumulator.AddLogits(ContiguousAttention(logits.data(), ElementType::kFloat32, 1, 2, 5, 7)).ok());
    const std::vector<float> before(6, 1.0f);
    const std::vector<float> after = {1.0f, 2.0f, 1.5f, 0.0f, 1.0f, 3.0f};
    const ActivationView in = ContiguousActivation(before.data(), ElementType::kFloat32, 1, 2, 3);
    const ActivationView out = ContiguousActivation(after.data(), ElementType::kFloat32, 1, 2, 3);
    EXPECT_TRUE(measured.accumulator.AddResidual(in, out).ok());
    EXPECT_TRUE(measured.accumulator.AddGradient({after.data(), ElementType::kFloat32, after.size()}).ok());
    measured.accumulator.EndSequence();
    state.layers.push_back(SaveLayer(measured));
  }
  return state;
}

Report ReportFrom(const SavedState& state) {
  Report report;
  const Status status = ReportOf(state, &report);
  EXPECT_TRUE(status.ok()) << status.message();
  return report;
}

SavedState Merge(const std::vector<SavedState>& states) {
  StateMerger merger;
  for (const SavedState& state : states) {
    const Status status = merger.Add("a state", Copy(state));
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_EQ(merger.Missing(), "");
  SavedState merged;
  EXPECT_TRUE(merger.Take(&merged).ok());
  return merged;
}

// `actual` has what `expected` has, but for `missing`.
void ExpectOnlyMissing(const MetricValues& actual, const MetricValues& expected, const std::set<std::string>& missing,
                       std::string_view what) {
  for (const MetricInfo& info : AllMetrics()) {
    if (missing.contains(std::string(info.name))) {
      EXPECT_FALSE(actual.Has(info.metric)) << info.name << " without " << what << " is " << actual[info.metric];
    } else if (expected.Has(info.metric)) {
      EXPECT_EQ(actual[info.metric], expected[info.metric]) << info.name << " without " << what;
    }
  }
}

void ExpectOnlyMissing(const Report& actual, const Report& expected, const std::set<std::string>& missing,
                       std::string_view what) {
  ASSERT_EQ(actual.layers.size(), expected.layers.size()) << what;
  for (size_t i = 0; i < actual.layers.size(); ++i) {
    const LayerStats& a = actual.layers[i].stats;
    const LayerStats& b = expected.layers[i].stats;
    ASSERT_EQ(a.heads.size(), b.heads.size()) << what;
    ExpectOnlyMissing(a.layer, b.layer, missing, what);
    for (size_t head = 0; head < a.heads.size(); ++head) {
      ExpectOnlyMissing(a.heads[head], b.heads[head], missing, what);
    }
  }
}

// Each number in turn: what is made from it is missing, also after bytes and after a merge, and nothing else is.
TEST(StateContentsTest, WhatAStateLacksIsNotMeasured) {
  const std::set<std::string> needed = {"measured_rows", "invalid_rows", "empty_rows"};
  // Of a metric's own number, the metric; others are needed by more, or by others.
  const std::map<std::string, std::set<std::string>> others = {
      {"rows_of_several_keys", {"normalized_entropy"}},
      {"logit_rows", {"logit_mean", "logit_std", "max_abs_logit", "max_logit", "saturation_ratio", "logsumexp"}},
      {"logits", {"logit_mean", "logit_std"}},
      {"logit_squares", {"logit_std"}},
      {"logit_mean", {"logit_mean", "logit_std"}},
      {"matrices",
       {"matrices", "col_entropy", "max_col_sum", "sink_mass", "first_token_mass", "sink_position", "sink_rate"}},
      {"first_token_mass", {"first_token_mass", "sink_rate"}},
      {"null_mass_rows", {"null_mass"}},
      {"sink", {"sink_position"}},
      {"residual_sequences", {"residual_ratio", "token_residual_ratio", "infinite_residuals"}},
      {"residual_tokens", {"token_residual_ratio"}},
      {"gradient_buffers", {"gradient_norm"}},
      {"gradient_squares", {"gradient_norm"}},
  };
  const SavedState full = Measure();
  const Report expected = ReportFrom(full);
  for (const MetricInfo& info : AllMetrics()) {
    if (info.metric == Metric::kNullMass) continue;  // of rows without a sink there is none
    EXPECT_TRUE(expected.layers[0].stats.layer.Has(info.metric)) << info.name;
  }
  const Report twice = ReportFrom(Merge({full, full}));
  for (size_t l = 0; l < kNumNumberLists; ++l) {
    const auto list = static_cast<NumberList>(l);
    // A metric is measured from those of ended matrices, which are named apart.
    if (list == NumberList::kOpenMaxima) continue;
    for (size_t i = 0; i < NumbersIn(list); ++i) {
      const std::string name(NumberName(list, i, kDefaultTopK));
      if (name.empty() || needed.contains(name)) continue;
      SavedState lacking = full;
      lacking.contents.Set(list, i, false);
      const auto found = others.find(name);
      const std::set<std::string> missing = found == others.end() ? std::set<std::string>{name} : found->second;
      const SavedState copy = Copy(lacking);
      EXPECT_TRUE(copy.contents == lacking.contents) << name;
      EXPECT_LT(StateToBytes(lacking).size(), StateToBytes(full).size()) << name;
      ExpectOnlyMissing(ReportFrom(copy), expected, missing, name);
      // In either order; what is written after a merge does not name it either.
      const SavedState merged = Merge({full, lacking});
      EXPECT_TRUE(merged.contents == lacking.contents) << name;
      ExpectOnlyMissing(ReportFrom(Copy(merged)), twice, missing, name);
      EXPECT_EQ(StateToBytes(Merge({lacking, full})), StateToBytes(merged)) << name;
    }
  }
}

// `bytes` with one name in place of another of the same length.
std::string Renamed(const std::string& bytes, std::string_view name, std::string_view other) {
  EXPECT_EQ(name.size(), other.size());
  std::string renamed = bytes;
  renamed.replace(renamed.find(name), other.size(), other);
  return testing_tools::Signed(renamed);
}

TEST(StateContentsTest, NumbersOfOtherVersionsAreLeftOut) {
  const SavedState full = Measure();
  const Report expected = ReportFrom(full);
  const std::string bytes = StateToBytes(full);
  const SavedState other = ReadState(Renamed(bytes, "effective_rank", "a_later_metric"));
  ExpectOnlyMissing(ReportFrom(other), expected, {"effective_rank"}, "effective_rank");
  ExpectOnlyMissing(ReportFrom(ReadState(Renamed(bytes, " keys ", " k_65 "))), expected, {"keys"}, "keys");
  // Numbers in another order are the same state.
  const std::string order = Renamed(bytes, "entropy effective_rank", "effective_rank entropy");
  EXPECT_EQ(ReportFrom(ReadState(order)).layers[0].stats.layer[Metric::kEntropy],
            expected.layers[0].stats.layer[Metric::kEffectiveRank]);
}

TEST(StateContentsTest, NamesThatAreNoneAreRefused) {
  const std::string bytes = StateToBytes(Measure());
  const auto expect_refusal = [&](std::string_view name, std::string_view other, const std::string& part) {
    SavedState state;
    const std::string bad = Renamed(bytes, name, other);
    const Status status = StateFromBytes({reinterpret_cast<const uint8_t*>(bad.data()), bad.size()}, &state);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("is malformed: " + part), std::string::npos) << status.message();
  };
  expect_refusal("measured_rows", "measured_cats", "there is no measured_rows");
  expect_refusal("invalid_rows", "invalid_cats", "there is no invalid_rows");
  expect_refusal("empty_rows", "empty_cats", "there is no empty_rows");
  expect_refusal("top5 top10", "top5 top5 ", "two numbers are called top5");
  expect_refusal("top5 top10", "top5  op10", "a number has no name");
  expect_refusal("top5", "Top5", "a number has no name");
  expect_refusal("logsumexp", "logsumex ", "a number has no name");
  expect_refusal("measured_rows", " easured_rows", "a number has no name");
}

// The bundled states were written by the version before states named their numbers: rows 0 to 15 and 16 to 18 of the
// logits of use_short, layer 0, and its residual stream.
TEST(StateContentsTest, StatesOfVersion1AreRead) {
  StateMerger merger;
  for (const std::string first_row : {"0", "16"}) {
    SavedState state;
    const Status status = ReadStateFile(DataFile("version_1_rows_" + first_row + ".state"), &state);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_FALSE(state.contents == StateContents()) << "it has all numbers of today";
    EXPECT_EQ(state.settings.epoch, 3);
    EXPECT_EQ(state.settings.stage, "val");
    ASSERT_TRUE(merger.Add(first_row, Copy(state)).ok());
  }
  ASSERT_EQ(merger.Missing(), "");
  SavedState merged;
  ASSERT_TRUE(merger.Take(&merged).ok());
  const Report report = ReportFrom(merged);
  ASSERT_EQ(report.layers.size(), 1u);
  const LayerStats& stats = report.layers[0].stats;
  const nlohmann::json golden = testing_tools::ReadGolden("use_short")["0"];
  const nlohmann::json& logits = golden["logits"];
  EXPECT_EQ(testing_tools::ExpectGolden(logits["attention"]["layer"], stats.layer, 19), 12u);
  EXPECT_EQ(testing_tools::ExpectGolden(logits, stats.layer, 19), 4u);
  EXPECT_EQ(testing_tools::ExpectGolden(golden["residual"], stats.layer, 19), 2u);
  ASSERT_EQ(stats.heads.size(), 4u);
  for (size_t head = 0; head < 4; ++head) {
    EXPECT_EQ(testing_tools::ExpectGolden(testing_tools::GoldenHead(logits["attention"]["heads"], head),
                                          stats.heads[head], 19),
              12u);
  }
  EXPECT_EQ(stats.layer[Metric::kRows], 76.0);
  EXPECT_EQ(stats.layer[Metric::kInvalidRows], 0.0);
  EXPECT_EQ(stats.layer[Metric::kKeys], 19.0);
  EXPECT_EQ(stats.layer[Metric::kMatrices], 4.0);
}

// States say which masses they have, in their settings and by the names of their sums.
TEST(StateContentsTest, TopMassesOfAnyK) {
  for (const TopKValues& top_k : {TopKValues{1, 5, 128}, TopKValues{7}, TopKValues{1, 2, 3, 4, 5, 6, 7, 1024}}) {
    const SavedState state = Measure(top_k);
    const std::string bytes = StateToBytes(state);
    for (const uint32_t k : top_k) EXPECT_NE(bytes.find(" top" + std::to_string(k)), std::string::npos) << k;
    const SavedState copy = ReadState(bytes);
    EXPECT_EQ(copy.settings.top_k, top_k);
    EXPECT_TRUE(copy.contents == state.contents);
    EXPECT_EQ(StateToBytes(copy), bytes);
    const Report report = ReportFrom(copy);
    EXPECT_EQ(test::DifferenceOf(report, ReportFrom(state)), 0.0);
    const MetricValues& values = report.layers.at(1).stats.heads.at(1);
    for (size_t k = 1; k <= kMaxTopK; ++k) {
      EXPECT_EQ(values.Has(TopMass(k)), std::find(top_k.begin(), top_k.end(), k) != top_k.end()) << k;
    }
    EXPECT_EQ(test::DifferenceOf(ReportFrom(Merge({state, state})), ReportFrom(Merge({copy, state}))), 0.0);
    // A mass that a state does not name is missing, and no other.
    SavedState lacking = state;
    lacking.contents.Set(NumberList::kRowSums, kFirstTopMass, false);
    EXPECT_FALSE(ReportFrom(Copy(lacking)).layers[0].stats.layer.Has(TopMass(top_k[0])));
    EXPECT_EQ(ReportFrom(Copy(lacking)).layers[0].stats.layer.Has(TopMass(5)), values.Has(TopMass(5)));
  }
  StateMerger merger;
  ASSERT_TRUE(merger.Add("a", Measure()).ok());
  const Status status = merger.Add("b", Measure({1, 5, 128}));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "cannot merge a and b: --top-k is 5, 10, 50 in the first and 1, 5, 128 in the second");
}

// States of version 3 are those of 5, 10 and 50, without saying so.
TEST(StateContentsTest, StatesOfVersion3HaveTheUsualMasses) {
  const SavedState state = Measure();
  std::string bytes = StateToBytes(state);
  bytes.erase(104, 4 * sizeof(uint64_t));
  bytes[8] = 3;
  const SavedState read = ReadState(testing_tools::Signed(bytes));
  EXPECT_EQ(read.settings.top_k, kDefaultTopK);
  EXPECT_EQ(StateToBytes(read), StateToBytes(state));
}

// The k stand behind the settings' other numbers and two empty texts.
TEST(StateContentsTest, TopKThatCannotBeIsRefused) {
  const std::string bytes = StateToBytes(Measure());
  constexpr size_t kAt = 32 + 8 + 5 * 8 + 8 + 8 + 8;  // flags, five numbers, epoch, and the lengths of two texts
  const auto refuse = [&](size_t word, uint64_t value, const std::string& part) {
    std::string bad = bytes;
    std::memcpy(bad.data() + kAt + 8 * word, &value, sizeof(value));
    bad = testing_tools::Signed(bad);
    SavedState state;
    const Status status = StateFromBytes({reinterpret_cast<const uint8_t*>(bad.data()), bad.size()}, &state);
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  };
  refuse(0, 9, "number of top-k masses");
  refuse(0, 0, "top_k has 0 values");
  refuse(1, 0, "top_k has the value 0");
  refuse(1, 1025, "k of a top-k mass");
  refuse(2, 5, "top_k is 5, 5, 50, which does not ascend");
}

TEST(StateContentsTest, NamesOfNumbersAreUnique) {
  for (size_t l = 0; l < kNumNumberLists; ++l) {
    const auto list = static_cast<NumberList>(l);
    std::set<std::string_view> names;
    for (const TopKValues& top_k : {kDefaultTopK, TopKValues{1, 2, 3, 4, 60, 70, 80, 1024}}) {
      names.clear();
      for (size_t i = 0; i < NumbersIn(list); ++i) {
        const std::string_view name = NumberName(list, i, top_k);
        const bool is_unused = list == NumberList::kRowSums && i >= kFirstTopMass + top_k.size() && i < kNumSweptSums;
        EXPECT_EQ(name.empty(), is_unused) << i;
        EXPECT_TRUE(name.empty() || names.insert(name).second) << name;
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::tools

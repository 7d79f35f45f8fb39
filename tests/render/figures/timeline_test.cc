// SPDX-License-Identifier: Apache-2.0
#include "render/figures/timeline.h"

#include <optional>

#include <gtest/gtest.h>

namespace attnscope::render {
namespace {

Report At(std::optional<int64_t> epoch, std::optional<int64_t> step, const std::vector<int64_t>& layers = {0}) {
  Report report;
  report.epoch = epoch;
  report.step = step;
  for (const int64_t layer : layers) report.Layer(layer).stats.layer[Metric::kMaxRowWeight] = 0.3;
  return report;
}

std::vector<Onset> OnsetsOf(const std::vector<Report>& reports, const Thresholds& thresholds) {
  const Timeline timeline = MakeTimeline(reports);
  return FindOnsets(timeline, timeline.runs.at(0), thresholds, nullptr);
}

TEST(Timeline, PrefersStepsThenEpochsThenOrder) {
  const std::vector<Report> steps = {At(2, 300), At(1, 100), At(1, 200)};
  EXPECT_EQ(MakeTimeline(steps).unit, "Step");
  EXPECT_EQ(MakeTimeline(steps).times, (std::vector<int64_t>{100, 200, 300}));
  EXPECT_EQ(MakeTimeline(steps).runs.at(0).reports, (std::vector<const Report*>{&steps[1], &steps[2], &steps[0]}));
  const std::vector<Report> epochs = {At(3, 5), At(1, {}), At(2, 5)};
  EXPECT_EQ(MakeTimeline(epochs).unit, "Epoch");
  EXPECT_EQ(MakeTimeline(epochs).times, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(MakeTimeline(std::vector<Report>{At(1, 5), At(2, 5)}).unit, "Epoch") << "two have the same step";
  const std::vector<Report> neither = {At(3, {}), At(3, {}), At({}, {})};
  EXPECT_EQ(MakeTimeline(neither).unit, "Report");
  EXPECT_EQ(MakeTimeline(neither).times, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(MakeTimeline(neither).runs.at(0).reports[2], &neither[2]);
}

TEST(Timeline, OfARunThatWasResumedTheLastCounts) {
  std::vector<Report> reports;
  for (const int64_t step : {0, 100, 200, 300, 200, 300, 400}) reports.push_back(At({}, step));
  reports.push_back(At({}, {}));
  const Timeline timeline = MakeTimeline(reports);
  EXPECT_EQ(timeline.unit, "Step");
  EXPECT_EQ(timeline.times, (std::vector<int64_t>{0, 100, 200, 300, 400}));
  EXPECT_EQ(timeline.runs.at(0).reports,
            (std::vector<const Report*>{&reports[0], &reports[1], &reports[4], &reports[5], &reports[6]}));
  ASSERT_EQ(timeline.notes.size(), 2U);
  EXPECT_EQ(timeline.notes[0], "1 report of 8 without step left out");
  EXPECT_EQ(timeline.notes[1].substr(0, 41), "2 reports of a later report's step left o");
}

TEST(Timeline, TheNumberThatTellsMostApart) {
  const std::vector<Report> reports = {At(0, {}), At(10, 1000), At(50, 5000)};
  EXPECT_EQ(MakeTimeline(reports).unit, "Epoch");
  EXPECT_EQ(MakeTimeline(reports).notes,
            (std::vector<std::string>{"over epochs, as steps tell fewer reports apart: 2 of 3 have one"}));
  EXPECT_EQ(MakeTimeline(std::vector<Report>{At(1, 7)}).unit, "Step");
  EXPECT_TRUE(MakeTimeline(std::vector<Report>{At({}, {})}).notes.empty());
  EXPECT_EQ(MakeTimeline(std::vector<Report>{At({}, {}), At({}, {})}).notes.size(), 1U);
}

Report Of(const char* stage, std::optional<int64_t> step) {
  Report report = At({}, step);
  report.stage = stage;
  return report;
}

// Validation is rarer than training: what it has no report of is not missing.
TEST(Timeline, StagesAreRunsOfTheirOwn) {
  const std::vector<Report> reports = {Of("train", 100), Of("val", 100), Of("train", 200), Of("train", 300),
                                       Of("val", 300),   Of("val", 300), Of("val", 350),   Of("val", {})};
  EXPECT_EQ(CountStages(reports), 2U);
  const Timeline timeline = MakeTimeline(reports);
  EXPECT_EQ(timeline.times, (std::vector<int64_t>{100, 200, 300, 350}));
  ASSERT_EQ(timeline.runs.size(), 2U);
  EXPECT_EQ(timeline.runs[0].stage, "train");
  EXPECT_EQ(timeline.runs[0].at, (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(timeline.runs[1].stage, "val");
  EXPECT_EQ(timeline.runs[1].at, (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(timeline.runs[1].reports, (std::vector<const Report*>{&reports[1], &reports[5], &reports[6]}));
  ASSERT_EQ(timeline.notes.size(), 2U);
  EXPECT_EQ(timeline.notes[0], "val: 1 report of 5 without step left out");
  EXPECT_TRUE(timeline.notes[1].starts_with("val: 1 report of a later report's step left out"));
  // Reports without a stage are one of their own: a trainer may name validation alone.
  const std::vector<Report> half_named = {Of("", 100), Of("val", 100), Of("", 200), Of("val", 200)};
  const Timeline two = MakeTimeline(half_named);
  ASSERT_EQ(two.runs.size(), 2U);
  EXPECT_EQ(two.runs[0].reports, (std::vector<const Report*>{&half_named[0], &half_named[2]}));
  EXPECT_EQ(two.runs[1].stage, "val");
  EXPECT_TRUE(two.notes.empty());
  EXPECT_EQ(CountStages(std::vector<Report>{Of("val", 1), Of("", 2), Of("train", 3)}), 3U);
  // Without numbers each stage is counted by itself.
  const std::vector<Report> unnumbered = {Of("train", {}), Of("val", {}), Of("train", {}), Of("train", {})};
  EXPECT_EQ(MakeTimeline(unnumbered).unit, "Report");
  EXPECT_EQ(MakeTimeline(unnumbered).times, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(MakeTimeline(unnumbered).runs.at(1).at, (std::vector<size_t>{0}));
}

TEST(Timeline, HasTheLayersOfAllReports) {
  EXPECT_EQ(MakeTimeline(std::vector<Report>{At(1, {}, {4, 7}), At(2, {}, {0, 4})}).layers,
            (std::vector<int64_t>{0, 4, 7}));
  EXPECT_TRUE(MakeTimeline(std::vector<Report>{At(1, {}, {})}).layers.empty());
}

TEST(FindOnsets, BeginningsAndWorseningsOnly) {
  std::vector<Report> reports;
  for (int i = 0; i < 6; ++i) reports.push_back(At(i, {}, {2, 5}));
  const auto set = [&](size_t report, double value) {
    reports[report].Layer(5).stats.layer[Metric::kMaxRowWeight] = value;
  };
  set(1, 0.81);  // begins
  set(2, 0.85);  // goes on
  set(3, 0.95);  // becomes critical
  set(4, 0.81);  // better again: no onset
  set(5, 0.95);  // critical again: it has been
  const std::vector<Onset> onsets = OnsetsOf(reports, {});
  ASSERT_EQ(onsets.size(), 2U);
  EXPECT_EQ(onsets[0].report, 1U);
  EXPECT_EQ(onsets[0].layer, 1U);
  EXPECT_EQ(onsets[0].verdict.severity, Severity::kWarning);
  EXPECT_EQ(onsets[0].verdict.pathology, Pathology::kOneHotCollapse);
  EXPECT_EQ(onsets[1].report, 3U);
  EXPECT_EQ(onsets[1].verdict.severity, Severity::kCritical);
}

TEST(FindOnsets, AHeadCountsAsItsLayer) {
  std::vector<Report> reports = {At(1, {}), At(2, {})};
  reports[1].layers[0].stats.heads.resize(4);
  reports[1].layers[0].stats.heads[2][Metric::kSinkMass] = 0.9;
  const std::vector<Onset> onsets = OnsetsOf(reports, {});
  ASSERT_EQ(onsets.size(), 1U);
  EXPECT_EQ(onsets[0].report, 1U);
  EXPECT_EQ(onsets[0].verdict.pathology, Pathology::kSinkCollapse);
  EXPECT_EQ(onsets[0].verdict.severity, Severity::kCritical);
  Thresholds lenient;
  lenient.sink_mass_warning = lenient.sink_mass_critical = 0.95;
  EXPECT_TRUE(OnsetsOf(reports, lenient).empty());
}

}  // namespace
}  // namespace attnscope::render

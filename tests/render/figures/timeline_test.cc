// SPDX-License-Identifier: Apache-2.0
#include "render/figures/timeline.h"

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

TEST(Timeline, PrefersStepsThenEpochsThenOrder) {
  const std::vector<Report> steps = {At(2, 300), At(1, 100), At(1, 200)};
  EXPECT_EQ(MakeTimeline(steps).unit, "Step");
  EXPECT_EQ(MakeTimeline(steps).times, (std::vector<int64_t>{100, 200, 300}));
  EXPECT_EQ(MakeTimeline(steps).reports, (std::vector<const Report*>{&steps[1], &steps[2], &steps[0]}));
  const std::vector<Report> epochs = {At(3, 5), At(1, {}), At(2, 5)};
  EXPECT_EQ(MakeTimeline(epochs).unit, "Epoch");
  EXPECT_EQ(MakeTimeline(epochs).times, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(MakeTimeline(std::vector<Report>{At(1, 5), At(2, 5)}).unit, "Epoch") << "two have the same step";
  const std::vector<Report> neither = {At(3, {}), At(3, {}), At({}, {})};
  EXPECT_EQ(MakeTimeline(neither).unit, "Report");
  EXPECT_EQ(MakeTimeline(neither).times, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(MakeTimeline(neither).reports[2], &neither[2]);
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
  set(1, 0.6);   // begins
  set(2, 0.7);   // goes on
  set(3, 0.95);  // becomes critical
  set(4, 0.6);   // better again: no onset
  set(5, 0.95);  // critical again: it has been
  const std::vector<Onset> onsets = FindOnsets(MakeTimeline(reports), {});
  ASSERT_EQ(onsets.size(), 2U);
  EXPECT_EQ(onsets[0].time, 1U);
  EXPECT_EQ(onsets[0].layer, 1U);
  EXPECT_EQ(onsets[0].severity, Severity::kWarning);
  EXPECT_EQ(onsets[0].pathology, Pathology::kOneHotCollapse);
  EXPECT_EQ(onsets[1].time, 3U);
  EXPECT_EQ(onsets[1].severity, Severity::kCritical);
}

TEST(FindOnsets, AHeadCountsAsItsLayer) {
  std::vector<Report> reports = {At(1, {}), At(2, {})};
  reports[1].layers[0].stats.heads.resize(4);
  reports[1].layers[0].stats.heads[2][Metric::kSinkMass] = 0.9;
  const std::vector<Onset> onsets = FindOnsets(MakeTimeline(reports), {});
  ASSERT_EQ(onsets.size(), 1U);
  EXPECT_EQ(onsets[0].time, 1U);
  EXPECT_EQ(onsets[0].pathology, Pathology::kSinkCollapse);
  EXPECT_EQ(onsets[0].severity, Severity::kCritical);
  Thresholds lenient;
  lenient.sink_mass_warning = lenient.sink_mass_critical = 0.95;
  EXPECT_TRUE(FindOnsets(MakeTimeline(reports), lenient).empty());
}

}  // namespace
}  // namespace attnscope::render

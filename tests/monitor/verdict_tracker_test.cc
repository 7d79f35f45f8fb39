// SPDX-License-Identifier: Apache-2.0
#include "monitor/verdict_tracker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace attnscope {
namespace {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// A layer whose first head, and as a whole, has these largest weights; everything else is healthy.
class VerdictTrackerTest : public ::testing::Test {
 protected:
  VerdictTrackerTest() { config_.layer.heads = 2; }

  // "from>to" for each change of one-hot collapse of head 0 after windows with these values, "." for a window without.
  std::string Changes(const std::vector<double>& max_row_weights) {
    VerdictTracker tracker(config_, kLayer);
    std::string text;
    for (const double value : max_row_weights) {
      Report report;
      LayerReport& layer = report.Layer(kLayer);
      layer.stats.heads.resize(2);
      for (MetricValues* values : {&layer.stats.layer, &layer.stats.heads[0], &layer.stats.heads[1]}) {
        (*values)[Metric::kMaxRowWeight] = 0.2;
        (*values)[Metric::kEntropy] = 3.0;
        (*values)[Metric::kRows] = 100.0;
      }
      layer.stats.heads[0][Metric::kMaxRowWeight] = value;
      if (std::isnan(value)) layer.stats.heads[0] = MetricValues();
      changes_.clear();
      tracker.Update(report, Judge(report, config_.thresholds), nullptr, &changes_);
      EXPECT_LE(changes_.size(), 1u) << "only head 0 changes";
      for (const VerdictChange& change : changes_) {
        EXPECT_EQ(change.verdict.pathology, Pathology::kOneHotCollapse);
        EXPECT_EQ(change.verdict.layer, kLayer);
        EXPECT_EQ(change.verdict.head, 0);
        EXPECT_EQ(change.verdict.severity, change.to);
        EXPECT_TRUE(change.verdict.message.starts_with(NameOf(change.to))) << change.verdict.message;
        last_ = change;
        text += NameOf(change.from)[0];
        text += '>';
        text += NameOf(change.to)[0];
      }
      text += changes_.empty() ? "." : " ";
    }
    return text;
  }

  static constexpr int64_t kLayer = 7;
  MonitorConfig config_;
  std::vector<VerdictChange> changes_;
  VerdictChange last_;
};

TEST_F(VerdictTrackerTest, RisesAtOnceAndFallsAfterTwo) {
  EXPECT_EQ(Changes({0.2, 0.85, 0.85, 0.2, 0.2, 0.2}), ".h>w ..w>h .");
  EXPECT_EQ(last_.verdict.message, "healthy: one-hot collapse in layer 7, head 0 has ended");
  EXPECT_EQ(last_.verdict.value, 0.85) << "of the verdict that has ended";
  EXPECT_EQ(Changes({0.2, 0.95, 0.2, 0.2}), ".h>c .c>h ");
  EXPECT_EQ(Changes({0.85, 0.95}), "h>w w>c ");
  EXPECT_EQ(last_.verdict.message, "critical: one-hot collapse in layer 7, head 0: max_row_weight 0.95 is above 0.9");
}

// 0.76 is the warning's bound less its margin.
TEST_F(VerdictTrackerTest, WaveringAroundABoundIsOneChange) {
  EXPECT_EQ(Changes({0.81, 0.79, 0.81, 0.79, 0.77, 0.761, 0.79}), "h>w ......");
  EXPECT_EQ(Changes({0.81, 0.759, 0.759}), "h>w .w>h ");
}

TEST_F(VerdictTrackerTest, OneRelapseStartsTheRecoveryAnew) {
  EXPECT_EQ(Changes({0.85, 0.2, 0.85, 0.2, 0.85, 0.2, 0.2}), "h>w .....w>h ");
  EXPECT_EQ(Changes({0.85, 0.2, 0.79, 0.2, 0.2}), "h>w ...w>h ") << "0.79 is no recovery";
}

TEST_F(VerdictTrackerTest, FallsToTheWorstOfTheRun) {
  EXPECT_EQ(Changes({0.95, 0.85, 0.2, 0.2, 0.2}), "h>c .c>w .w>h ");
  EXPECT_EQ(Changes({0.95, 0.85, 0.85}), "h>c .c>w ");
  EXPECT_EQ(last_.verdict.message, "warning: one-hot collapse in layer 7, head 0: max_row_weight 0.85 is above 0.8");
}

TEST_F(VerdictTrackerTest, RisesAfterSeveralWindowsToTheLeastOfThem) {
  config_.worsen_windows = 3;
  EXPECT_EQ(Changes({0.85, 0.85, 0.2, 0.85, 0.85, 0.85}), ".....h>w ");
  EXPECT_EQ(Changes({0.95, 0.85, 0.95, 0.95}), "..h>w .");
  EXPECT_EQ(last_.verdict.message, "warning: one-hot collapse in layer 7, head 0");
}

TEST_F(VerdictTrackerTest, WindowsThatMeasuredNothingChangeNothing) {
  EXPECT_EQ(Changes({0.85, kNotMeasured, kNotMeasured, kNotMeasured, 0.2, kNotMeasured, 0.2}), "h>w .....w>h ");
}

TEST_F(VerdictTrackerTest, WithoutMargin) {
  config_.recover_margin = 0.0;
  config_.recover_windows = 1;
  EXPECT_EQ(Changes({0.81, 0.5, 0.81}), "h>w w>h h>w ");
}

// A layer of which only the residual stream is measured.
TEST_F(VerdictTrackerTest, NaNInAResidualStreamComesAndGoes) {
  VerdictTracker tracker(config_, kLayer);
  std::string text;
  for (const bool is_bad : {false, true, true, false, false}) {
    Report report;
    MetricValues& values = report.Layer(kLayer).stats.layer;
    values[Metric::kInfiniteResiduals] = is_bad ? 1.0 : 0.0;
    if (!is_bad) values[Metric::kResidualRatio] = 0.5;
    changes_.clear();
    tracker.Update(report, Judge(report, config_.thresholds), nullptr, &changes_);
    for (const VerdictChange& change : changes_) text += change.verdict.message + "; ";
  }
  EXPECT_EQ(text,
            "critical: bad numbers in layer 7: infinite_residuals 1 is above 0; "
            "healthy: bad numbers in layer 7 has ended; ");
}

}  // namespace
}  // namespace attnscope

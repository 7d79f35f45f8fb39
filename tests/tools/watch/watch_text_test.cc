// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace attnscope::tools {
namespace {

// A run whose layer 1 collapses.
std::vector<Report> Collapse(int64_t layers, int reports) {
  std::vector<Report> run;
  for (int i = 0; i < reports; ++i) {
    Report& report = run.emplace_back();
    report.step = 100 * i;
    report.stage = "train";
    for (int64_t layer = 0; layer < layers; ++layer) {
      MetricValues& values = report.Layer(layer).stats.layer;
      values[Metric::kNormalizedEntropy] = 0.5;
      values[Metric::kMaxRowWeight] = layer == 1 ? 0.2 + 0.75 * i / (reports - 1) : 0.2;
      values[Metric::kKeys] = 64;
      values[Metric::kRows] = 64;
    }
  }
  return run;
}

size_t Lines(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

TEST(WatchTextTest, CurvesValuesAndVerdicts) {
  const std::string text = FormatWatch(Collapse(2, 4), {}, nullptr, {.columns = 80});
  EXPECT_EQ(text.substr(0, text.find("not judged")),
            "4 reports, train, step 300\n"
            "layer        normalized_entropy         max_row_weight\n"
            "0                 ▄▄▄▄    0.500          ▁▁▁▁    0.200\n"
            "1                 ▄▄▄▄    0.500          ▁▃▆█    0.950\n"
            "\n"
            "1 critical\n"
            "  critical: one-hot collapse in layer 1: max_row_weight 0.95 is above 0.9\n")
      << text;
}

TEST(WatchTextTest, NarrowTerminalsHaveFewerColumns) {
  const std::string text = FormatWatch(Collapse(2, 4), {}, nullptr, {.columns = 40});
  EXPECT_NE(text.find("normalized_entropy"), std::string::npos);
  EXPECT_EQ(text.find("max_row_weight  "), std::string::npos);
}

// The ill layers are among those that are shown.
TEST(WatchTextTest, LowTerminalsHaveTheWorstLayers) {
  const std::string text = FormatWatch(Collapse(40, 4), {}, nullptr, {.lines = 24, .max_verdicts = 3});
  EXPECT_LE(Lines(text), 24u);
  EXPECT_NE(text.find("\n1    "), std::string::npos) << text;
  EXPECT_EQ(text.find("\n39   "), std::string::npos) << text;
  EXPECT_NE(text.find(" more layers\n"), std::string::npos) << text;
  EXPECT_GE(Lines(FormatWatch(Collapse(40, 4), {}, nullptr, {.lines = 1})), 4u);
}

TEST(WatchTextTest, ColorsAreOfTheLastReport) {
  const std::string text = FormatWatch(Collapse(2, 4), {}, nullptr, {.color = true});
  EXPECT_NE(text.find("\033[1;31m1       \033[0m"), std::string::npos) << text;
  EXPECT_NE(text.find("\033[1;31m   0.950\033[0m"), std::string::npos) << text;
}

TEST(WatchTextTest, ReportsOfNothing) {
  const std::vector<Report> empty(1);
  EXPECT_TRUE(FormatWatch(empty, {}, nullptr, {}).starts_with("1 report\nlayer\n"));
}

// Of training beside validation the longer run.
TEST(WatchTextTest, OneStage) {
  std::vector<Report> reports = Collapse(2, 4);
  reports.push_back(reports[0]);
  reports.back().stage = "val";
  EXPECT_TRUE(FormatWatch(reports, {}, nullptr, {}).starts_with("4 reports, train, step 300\n"));
}

}  // namespace
}  // namespace attnscope::tools

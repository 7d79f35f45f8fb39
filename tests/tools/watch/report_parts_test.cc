// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/report_parts.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace attnscope::tools {
namespace {

Report Of(std::optional<int64_t> step, const std::vector<int64_t>& layers, const std::string& stage = "") {
  Report report;
  report.step = step;
  report.stage = stage;
  for (const int64_t layer : layers) {
    report.Layer(layer).stats.layer[Metric::kEntropy] = static_cast<double>(step.value_or(0) * 100 + layer);
  }
  return report;
}

std::vector<std::vector<int64_t>> LayersOf(const std::vector<Report>& reports) {
  std::vector<std::vector<int64_t>> layers;
  for (const Report& report : reports) {
    std::vector<int64_t>& of_report = layers.emplace_back();
    for (const LayerReport& layer : report.layers) {
      of_report.push_back(layer.layer);
      EXPECT_EQ(layer.stats.layer[Metric::kEntropy], static_cast<double>(report.step.value_or(0) * 100 + layer.layer));
    }
  }
  return layers;
}

using Layers = std::vector<std::vector<int64_t>>;

TEST(ReportPartsTest, ALineForEachLayer) {
  std::vector<Report> reports = {Of(10, {0}), Of(10, {2}), Of(10, {1}), Of(20, {0}), Of(20, {1})};
  EXPECT_EQ(JoinParts(&reports), 3u);
  EXPECT_EQ(LayersOf(reports), (Layers{{0, 1, 2}, {0, 1}}));
}

// Each rank of a pipeline has a log of its own.
TEST(ReportPartsTest, ALogForEachRank) {
  std::vector<Report> reports = {Of(10, {0, 1}), Of(20, {0, 1}), Of(10, {2, 3}), Of(20, {2, 3})};
  EXPECT_EQ(JoinParts(&reports), 2u);
  EXPECT_EQ(LayersOf(reports), (Layers{{0, 1, 2, 3}, {0, 1, 2, 3}}));
}

// A step that is logged again has the same layers: it stays a report of its own, and what follows is its part.
TEST(ReportPartsTest, ResumedRuns) {
  std::vector<Report> reports = {Of(10, {0}), Of(10, {1}), Of(10, {0}), Of(10, {1})};
  EXPECT_EQ(JoinParts(&reports), 2u);
  EXPECT_EQ(LayersOf(reports), (Layers{{0, 1}, {0, 1}}));
}

TEST(ReportPartsTest, OtherMomentsAreNoParts) {
  std::vector<Report> reports = {Of(10, {0}, "train"), Of(10, {1}, "val"), Of(20, {2}, "train"), Of({}, {0}),
                                 Of({}, {1})};
  EXPECT_EQ(JoinParts(&reports), 0u);
  EXPECT_EQ(reports.size(), 5u);
  Report epoch = Of({}, {0});
  epoch.epoch = 3;
  Report other = Of({}, {1});
  EXPECT_FALSE(AreParts(epoch, other));
  other.epoch = 3;
  EXPECT_TRUE(AreParts(epoch, other));
  other.step = 7;
  EXPECT_FALSE(AreParts(epoch, other));
}

}  // namespace
}  // namespace attnscope::tools

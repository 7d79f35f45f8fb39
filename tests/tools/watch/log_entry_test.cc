// SPDX-License-Identifier: Apache-2.0
//
// What lines of logs are taken for, and the monitor's records as reports.
#include "tools/watch/log_entry.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "monitor/window_record.h"

namespace attnscope::tools {
namespace {

TEST(LogEntryTest, TellsLinesApart) {
  Report report;
  EXPECT_EQ(ReadLogEntry("", &report), LogEntry::kBlank);
  EXPECT_EQ(ReadLogEntry(" \t\r", &report), LogEntry::kBlank);
  EXPECT_EQ(ReadLogEntry(R"({"loss": 1.5})", &report), LogEntry::kOther);
  EXPECT_EQ(ReadLogEntry(R"({"loss": 1.5, "attention_stats": null})", &report), LogEntry::kOther);
  Report flat;
  EXPECT_EQ(ReadLogEntry(R"({"attention_stats/0/entropy": 2.5, "_step": 7})", &flat), LogEntry::kReport);
  EXPECT_EQ(flat.step, 7);
  std::string error;
  EXPECT_EQ(ReadLogEntry(R"({"attention_stats": {}, "step": "5"})", &report, &error), LogEntry::kDamaged);
  EXPECT_EQ(error, "step must be a whole number, not \"5\"");
  EXPECT_EQ(ReadLogEntry(R"({"schema": "attnscope.window.v2", "layer": 0})", &report), LogEntry::kOther);
  for (const char* const damaged :
       {"{", "[1, 2]", "text", R"({"step": 1, "attention_stats": {"0": {"entr)", R"({"attention_stats": 1})",
        R"({"schema": "attnscope.window.v1", "layer": -1, "metrics": {}})",
        R"({"schema": "attnscope.window.v1", "layer": "x", "metrics": {}})",
        R"({"schema": "attnscope.window.v1", "layer": 1, "metrics": {"entropy": []}})"}) {
    EXPECT_EQ(ReadLogEntry(damaged, &report), LogEntry::kDamaged) << damaged;
  }
  EXPECT_TRUE(report.layers.empty());
  EXPECT_EQ(ReadLogEntry(R"({"attention_stats": {"3": {"entropy": 2.5}}, "step": 7, "stage": "val"})", &report),
            LogEntry::kReport);
  EXPECT_EQ(report.step, 7);
  EXPECT_EQ(report.stage, "val");
  EXPECT_EQ(report.Layer(3).stats.layer[Metric::kEntropy], 2.5);
}

// Every metric that a record has, of the layer and of heads, reads back as it was.
TEST(LogEntryTest, RecordsAreReports) {
  LayerReport layer{.layer = 11, .stats = {}};
  double value = 0.25;
  for (const MetricInfo& info : AllMetrics()) layer.stats.layer[info.metric] = info.is_count ? 3.0 : value += 0.125;
  layer.stats.layer[Metric::kMaxLogit] = -std::numeric_limits<double>::infinity();
  layer.stats.heads.resize(2);
  for (const MetricInfo& info : AllMetrics()) {
    if (info.per_head) layer.stats.heads[1][info.metric] = info.is_count ? 5.0 : value += 0.125;
  }
  const WindowInfo window{.stage = "serve", .window = 4, .first_step = 90, .last_step = 99, .steps = 10};
  const std::string line = WindowRecord(window, {}, layer, {}, /*per_head=*/true);
  Report report;
  ASSERT_EQ(ReadLogEntry(line, &report), LogEntry::kRecord) << line;
  EXPECT_EQ(report.stage, "serve");
  EXPECT_EQ(report.step, 99);
  ASSERT_EQ(report.layers.size(), 1u);
  EXPECT_EQ(report.layers[0].layer, 11);
  const LayerStats& stats = report.layers[0].stats;
  ASSERT_EQ(stats.heads.size(), 2u);
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_EQ(stats.layer[info.metric], layer.stats.layer[info.metric]) << info.name;
    if (!info.per_head) continue;
    EXPECT_FALSE(stats.heads[0].Has(info.metric)) << info.name;
    EXPECT_EQ(stats.heads[1][info.metric], layer.stats.heads[1][info.metric]) << info.name;
  }
}

// A window in which nothing was measured still has the layer.
TEST(LogEntryTest, RecordsWithoutMetrics) {
  const std::string line = WindowRecord({.stage = "serve"}, {}, {.layer = 2, .stats = {}}, {}, false);
  Report report;
  ASSERT_EQ(ReadLogEntry(line, &report), LogEntry::kRecord) << line;
  ASSERT_EQ(report.layers.size(), 1u);
  for (const MetricInfo& info : AllMetrics()) EXPECT_FALSE(report.layers[0].stats.layer.Has(info.metric)) << info.name;
}

}  // namespace
}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// Logs that grow, are torn, rotated, cut and written anew while they are read.
#include "tools/watch/run_log.h"

#include <filesystem>
#include <fstream>

#include "monitor/window_record.h"
#include "tests/support/temporary_folder.h"

namespace attnscope::tools {
namespace {

std::string Line(int64_t step, double entropy, const std::string& stage = "train") {
  Report report;
  report.step = step;
  report.stage = stage;
  LayerStats& stats = report.Layer(0).stats;
  stats.layer[Metric::kEntropy] = entropy;
  stats.heads.resize(2);
  stats.heads[0][Metric::kEntropy] = stats.heads[1][Metric::kEntropy] = entropy;
  std::string json = ReportToJson(report);
  std::erase(json, '\n');
  return json;
}

class RunLogTest : public testing_tools::TemporaryFolderTest {
 protected:
  void Append(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary | std::ios::app) << text;
  }

  static void Update(RunLog* log) {
    const Status status = log->Update();
    EXPECT_TRUE(status.ok()) << status.message();
  }

  static std::vector<int64_t> Steps(const RunLog& log) {
    std::vector<int64_t> steps;
    for (const Report& report : log.reports()) steps.push_back(report.step.value_or(-1));
    return steps;
  }

  using Expected = std::vector<int64_t>;
};

TEST_F(RunLogTest, FollowsALogThatComesLaterAndGrows) {
  RunLog log(Path("run.jsonl"));
  Update(&log);
  EXPECT_EQ(log.version(), 0u);
  Append("run.jsonl", "{\"config\": 1}\n" + Line(10, 2.0) + "\n" + Line(20, 2.5) + "\r\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20}));
  const uint64_t version = log.version();
  Update(&log);
  EXPECT_EQ(log.version(), version);
  Append("run.jsonl", Line(30, 3.0) + "\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 30}));
  EXPECT_GT(log.version(), version);
  EXPECT_EQ(log.reports()[2].layers.at(0).stats.layer[Metric::kEntropy], 3.0);
}

// A line comes in pieces of one byte: it counts once, when its last byte is there, and is never damaged.
TEST_F(RunLogTest, ATornLastLineWaitsForItsRest) {
  RunLog log(Path("run.jsonl"));
  Append("run.jsonl", Line(10, 2.0) + "\n");
  const std::string line = Line(20, 2.0);
  for (size_t i = 0; i < line.size(); ++i) {
    Append("run.jsonl", line.substr(i, 1));
    Update(&log);
    EXPECT_EQ(log.reports().size(), i + 1 < line.size() ? 1u : 2u) << i;
  }
  Append("run.jsonl", "\n" + Line(30, 2.0));
  Update(&log);
  Append("run.jsonl", "\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 30}));
  EXPECT_EQ(log.damaged_lines(), 0u);
}

// A process died within a line, and another went on.
TEST_F(RunLogTest, ALineThatStaysTornIsLeftOut) {
  Append("run.jsonl", Line(10, 2.0) + "\n" + Line(20, 2.0).substr(0, 40) + Line(20, 2.0) + "\n" + Line(30, 2.0) + "\n");
  RunLog log(Path("run.jsonl"));
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 30}));
  EXPECT_EQ(log.damaged_lines(), 1u);
}

TEST_F(RunLogTest, ALogThatIsRotatedIsReadToItsEnd) {
  Append("run.jsonl", Line(10, 2.0) + "\n");
  RunLog log(Path("run.jsonl"));
  Update(&log);
  Append("run.jsonl", Line(20, 2.0) + "\n");
  std::filesystem::rename(Path("run.jsonl"), Path("run.jsonl.1"));
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20}));
  Append("run.jsonl.1", Line(30, 2.0) + "\n{\"torn");  // the writer has not noticed yet
  Append("run.jsonl", Line(40, 2.0) + "\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 30, 40}));
  std::filesystem::remove(Path("run.jsonl"));
  Update(&log);
  Append("run.jsonl", Line(50, 2.0) + "\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 30, 40, 50}));
}

TEST_F(RunLogTest, ALogThatIsCutGoesOn) {
  Append("run.jsonl", Line(10, 2.0) + "\n" + Line(20, 2.0) + "\n");
  RunLog log(Path("run.jsonl"));
  Update(&log);
  std::filesystem::resize_file(Path("run.jsonl"), 0);
  Append("run.jsonl", Line(30, 2.0) + "\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 30}));
}

// The same name, but time starts anew.
TEST_F(RunLogTest, AnotherRunTakesThePlaceOfTheFirst) {
  Append("run.jsonl", Line(10, 2.0) + "\n" + Line(20, 2.0) + "\n" + Line(30, 2.0) + "\n");
  RunLog log(Path("run.jsonl"));
  Update(&log);
  Write("run.jsonl", Line(10, 1.0) + "\n");
  Update(&log);
  ASSERT_EQ(Steps(log), (Expected{10}));
  EXPECT_EQ(log.reports()[0].layers.at(0).stats.layer[Metric::kEntropy], 1.0);
}

TEST_F(RunLogTest, AFolderIsAllOfItsLogs) {
  Append("b.jsonl", Line(10, 2.0, "val") + "\n");
  Append("a.jsonl", Line(10, 2.0) + "\n" + Line(20, 2.0) + "\n");
  Append("other.json", Line(99, 2.0) + "\n");
  RunLog log(folder_.string());
  Update(&log);
  EXPECT_EQ(log.num_files(), 2u);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 10}));
  Append("c.jsonl", Line(5, 2.0, "test") + "\n");
  Append("b.jsonl", Line(20, 2.0, "val") + "\n");
  Update(&log);
  EXPECT_EQ(Steps(log), (Expected{10, 20, 10, 20, 5}));
}

TEST_F(RunLogTest, OnlyTheLastReportOfAStageKeepsHeads) {
  Append("run.jsonl", Line(10, 2.0) + "\n" + Line(10, 2.0, "val") + "\n" + Line(20, 2.0) + "\n");
  RunLog log(Path("run.jsonl"));
  Update(&log);
  std::vector<size_t> heads;
  for (const Report& report : log.reports()) heads.push_back(report.layers.at(0).stats.heads.size());
  EXPECT_EQ(heads, (std::vector<size_t>{0, 2, 2}));
}

// A window is a report, whose layers come one by one.
TEST_F(RunLogTest, RecordsOfAWindowAreOneReport) {
  const auto record = [](uint64_t step, int64_t index, double entropy) {
    LayerReport layer{.layer = index, .stats = {}};
    layer.stats.layer[Metric::kEntropy] = entropy;
    return WindowRecord({.stage = "serve", .last_step = step}, {}, layer, {}, false) + "\n";
  };
  RunLog log(Path("records.jsonl"));
  Append("records.jsonl", record(8, 0, 1.0) + record(8, 1, 2.0) + record(16, 0, 3.0));
  Update(&log);
  ASSERT_EQ(Steps(log), (Expected{8, 16}));
  EXPECT_EQ(log.reports()[0].layers.size(), 2u);
  const uint64_t version = log.version();
  Append("records.jsonl", record(16, 1, 4.0));
  Update(&log);
  ASSERT_EQ(Steps(log), (Expected{8, 16}));
  EXPECT_GT(log.version(), version);
  ASSERT_EQ(log.reports()[1].layers.size(), 2u);
  EXPECT_EQ(log.reports()[1].layers[1].stats.layer[Metric::kEntropy], 4.0);
}

TEST_F(RunLogTest, WhatCannotBeReadIsAnError) {
  std::filesystem::create_directory(Path("run.jsonl"));
  RunLog folder(folder_.string());
  EXPECT_EQ(folder.Update().code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace attnscope::tools

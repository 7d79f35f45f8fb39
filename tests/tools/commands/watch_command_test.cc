// SPDX-License-Identifier: Apache-2.0
//
// attnscope watch as its users meet it: beside a log that grows, ended by an interrupt.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/command_fixture.h"

namespace attnscope::tools {
namespace {

std::string Line(int64_t step, double weight) {
  Report report;
  report.step = step;
  MetricValues& values = report.Layer(0).stats.layer;
  values[Metric::kMaxRowWeight] = weight;
  values[Metric::kKeys] = values[Metric::kRows] = 64;
  std::string json = ReportToJson(report);
  std::erase(json, '\n');
  return json + "\n";
}

class WatchCommandTest : public CommandTest {
 protected:
  void Append(const std::string& text) const { std::ofstream(log_, std::ios::binary | std::ios::app) << text; }

  void SetUp() override {
    CommandTest::SetUp();
    log_ = Path("run.jsonl");
  }

  Process StartWatch(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"watch", log_, "--interval", "0.05"});
    return Start(more);
  }

  // Whether the file has the text before long.
  static bool Shows(const std::string& path, const std::string& text) {
    for (int i = 0; i < 600; ++i) {
      if (Read(path).find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  static Outcome Interrupt(const Process& process, int signal = SIGINT) {
    kill(process.id, signal);
    return Wait(process);
  }

  std::string log_;
};

TEST_F(WatchCommandTest, ShowsALogAsItGrows) {
  const Process process = StartWatch();
  EXPECT_TRUE(Shows(process.out, "no reports yet\n"));
  Append(Line(10, 0.25));
  EXPECT_TRUE(Shows(process.out, "1 report, step 10\n")) << Read(process.out);
  Append(Line(20, 0.95).substr(0, 30));
  Append(Line(20, 0.95).substr(30));
  EXPECT_TRUE(Shows(process.out, "one-hot collapse in layer 0: max_row_weight 0.95 is above 0.9")) << Read(process.out);
  const Outcome outcome = Interrupt(process);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out.find('\033'), std::string::npos);
}

TEST_F(WatchCommandTest, WritesThePageAnew) {
  Append(Line(10, 0.25));
  const std::string page = Path("run.html");
  const Process process = StartWatch({"--html", page});
  EXPECT_TRUE(Shows(page, "<h1>Transformer attention, step 10</h1>"));
  std::filesystem::rename(log_, log_ + ".1");
  Append(Line(20, 0.95));
  EXPECT_TRUE(Shows(page, "<h1>Transformer attention, step 20</h1>"));
  EXPECT_TRUE(Shows(page, "class=\"history\""));
  EXPECT_EQ(Interrupt(process).exit_code, 0);
  EXPECT_EQ(NumFiles(), 3u) << "the page, the log and what was rotated away";
}

TEST_F(WatchCommandTest, EndsAsTheSystemAsks) {
  for (const int signal : {SIGTERM, SIGHUP}) {
    Append(Line(10, 0.25));
    const Process process = StartWatch();
    EXPECT_TRUE(Shows(process.out, "step 10\n"));
    EXPECT_EQ(Interrupt(process, signal).exit_code, 0);
  }
}

// What came last is in the page, though a page is not made for each report.
TEST_F(WatchCommandTest, TheLastPageIsOfTheLastReport) {
  const std::string page = Path("run.html");
  const Process process = StartWatch({"--html", page});
  for (int i = 0; i < 50; ++i) Append(Line(i, 0.25));
  EXPECT_TRUE(Shows(process.out, "50 reports, step 49\n"));
  EXPECT_EQ(Interrupt(process).exit_code, 0);
  EXPECT_NE(Read(page).find("<h1>Transformer attention, step 49</h1>"), std::string::npos);
}

TEST_F(WatchCommandTest, StageKeysAndThresholds) {
  Append(R"({"step": 1, "stage": "val", "attention_stats": {"0": {"sink_mass": 0.5, "rows": 64}}})"
         "\n" +
         Line(2, 0.95));
  const Process process = StartWatch({"--stage", "val", "--keys", "1024", "--threshold", "sink_mass_warning=0.4"});
  EXPECT_TRUE(Shows(process.out, "sink collapse in layer 0: sink_mass 0.5 is above 0.4")) << Read(process.out);
  const Outcome outcome = Interrupt(process);
  EXPECT_EQ(outcome.out.find("max_row_weight 0.95"), std::string::npos) << outcome.out;
}

TEST_F(WatchCommandTest, ErrorsEndIt) {
  Append(Line(10, 0.25));
  ExpectError({"watch"}, "LOG is required");
  ExpectError({"watch", log_, "--interval", "0"}, "--interval");
  ExpectError({"watch", log_, "--threshold", "x=1"}, "there is no bound of this name");
  ExpectError({"watch", log_, "--baseline", Path("none.json")}, "none.json");
  ExpectError({"watch", log_, "--html", log_}, "would overwrite an input");
  ExpectError({"watch", Path("none/run.jsonl")}, "none");
  const Outcome outcome = Run({"watch", log_, "--html", Path("none/run.html")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("none/run.html"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace attnscope::tools

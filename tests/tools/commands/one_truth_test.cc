// SPDX-License-Identifier: Apache-2.0
//
// A report says the same wherever it is looked at: in the run that wrote it, when its file is read again, and in the
// pictures of both.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "attnscope/figure.h"
#include "report/pathologies.h"
#include "tests/support/command_fixture.h"
#include "tests/support/random_report.h"
#include "tools/commands/verdict_options.h"
#include "tools/output/report_text.h"

namespace attnscope::tools {
namespace {

using Random = std::mt19937_64;

bool OneIn(Random& random, uint64_t n) { return random() % n == 0; }

// Of anything that a report can hold: nothing, what is usual, what is given as NaN, and what cannot be.
void Scatter(Random& random, bool per_head, MetricValues* values) {
  std::uniform_real_distribution<double> share(0.0, 1.0);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const MetricInfo& info : AllMetrics()) {
    if (per_head && !info.per_head) continue;
    double& value = (*values)[info.metric];
    switch (random() % 8) {
      case 0:
        value = std::nan("");
        break;
      case 1:
        value = info.is_count ? std::floor(200.0 * share(random)) : 50.0 * share(random);
        break;
      case 2:
        value = share(random);
        break;
      default:
        break;
    }
    if (OneIn(random, 60)) value = std::array{-1.0, 0.0, 5e-324, kInfinity, -kInfinity}[random() % 5];
    if (OneIn(random, 60)) values->SetGivenAsNaN(info.metric);
  }
}

Report RandomReport(Random& random) {
  if (OneIn(random, 10)) return WanderingReport(3, 0.0, 1);  // healthy
  if (OneIn(random, 10)) return {};
  Report report = AbsurdReport(static_cast<uint32_t>(random()), static_cast<int>(random() % 3));
  if (report.layers.size() > 8) report.layers.resize(8);
  for (LayerReport& layer : report.layers) {
    if (OneIn(random, 6)) layer.stats.layer = MetricValues();
    if (OneIn(random, 2)) Scatter(random, false, &layer.stats.layer);
    if (OneIn(random, 2)) layer.stats.heads.assign(1 + random() % 3, layer.stats.layer);
    for (MetricValues& head : layer.stats.heads) {
      head = MetricValues();
      if (!OneIn(random, 4)) Scatter(random, true, &head);
    }
  }
  return report;
}

VerdictOptions RandomOptions(Random& random) {
  VerdictOptions options;
  for (const internal::ThresholdInfo& info : internal::kThresholds) {
    if (OneIn(random, 6)) options.judging.thresholds.push_back(std::string(info.name) + "=nan");
    if (OneIn(random, 6))
      options.judging.thresholds.push_back(std::string(info.name) + "=" + std::to_string(random() % 100));
  }
  options.fail_on = std::array{"", "warning", "critical", "unjudged"}[random() % 4];
  options.per_head = OneIn(random, 2);
  return options;
}

// A past that may be like the report or not, as it is read from files.
void AddRandomBaseline(Random& random, const Report& report, Judging* judging) {
  std::vector<Report> past(1 + random() % 3, report);
  for (Report& each : past) {
    for (LayerReport& layer : each.layers) {
      if (OneIn(random, 2)) Scatter(random, false, &layer.stats.layer);
      for (MetricValues& head : layer.stats.heads) {
        if (OneIn(random, 2)) Scatter(random, true, &head);
      }
    }
    if (OneIn(random, 4) && !each.layers.empty()) each.layers.erase(each.layers.begin());
    ASSERT_TRUE(ReportFromJson(ReportToJson(each), &each).ok());
  }
  const Status status = MakeBaseline(past, &judging->baseline.emplace());
  ASSERT_TRUE(status.ok()) << status.message();
}

std::string Svg(FigureKind kind, const Report& report, const Judging& judging) {
  FigureOptions figure;
  figure.thresholds = judging.thresholds;
  figure.baseline = judging.beside();
  std::string svg;
  const Status status = RenderFigureSvg(kind, {&report, 1}, figure, &svg);
  EXPECT_TRUE(status.ok()) << status.message();
  return svg;
}

TEST(OneTruthTest, RandomReportsSayTheSameOnceTheyAreSaved) {
  Random random(19);
  int outcomes[3] = {};
  size_t departures = 0;
  size_t usual = 0;
  for (int round = 0; round < 300; ++round) {
    const Report report = RandomReport(random);
    const VerdictOptions options = RandomOptions(random);
    Judging judging;
    ASSERT_TRUE(ReadJudging(options.judging, {&report, 1}, std::nullopt, &judging).ok());
    if (!OneIn(random, 4)) AddRandomBaseline(random, report, &judging);
    const Diagnosis ran = Judge(report, judging.thresholds, judging.beside());
    const std::string json = ReportToJson(report, ran);
    Report saved;
    const Status status = ReportFromJson(json, &saved);
    ASSERT_TRUE(status.ok()) << status.message() << "\n" << json;
    const Diagnosis read = Judge(saved, judging.thresholds, judging.beside());
    ++outcomes[static_cast<int>(ran.outcome)];
    ASSERT_EQ(FormatDiagnosis(read, {}), FormatDiagnosis(ran, {})) << json;
    ASSERT_EQ(IsFailure(options, read), IsFailure(options, ran)) << json;
    ASSERT_EQ(ReportToJson(saved, read), json);
    ASSERT_EQ(Svg(FigureKind::kSummary, saved, judging), Svg(FigureKind::kSummary, report, judging)) << json;
    for (const Verdict& verdict : ran.verdicts) departures += verdict.pathology == Pathology::kLeftBaseline ? 1 : 0;
    usual += ran.as_in_baseline.size();
  }
  EXPECT_GT(departures, 20u);
  EXPECT_GT(usual, 20u);
  for (const int count : outcomes) EXPECT_GT(count, 5) << "each outcome is among them";
}

class OneTruthCommandTest : public CommandTest {
 protected:
  // The verdicts, below the table.
  static std::string Said(const std::string& out) { return out.substr(out.find("\n\n") + 2); }
};

// One of eight heads attends to one key each; the layer's means hide it.
TEST_F(OneTruthCommandTest, AReportOfOneCollapsedHeadSaysWhatTheRunSaid) {
  constexpr size_t kHeads = 8;
  constexpr size_t kKeys = 32;
  std::vector<float> weights;
  for (size_t head = 0; head < kHeads; ++head) {
    for (size_t i = 0; i < kKeys * kKeys; ++i) {
      const bool diagonal = i / kKeys == i % kKeys;
      // 0.3 on the diagonal, the rest on three of four keys.
      const float rest = 0.7f / (0.75f * kKeys);
      const float spread = i % 4 == 0 ? 0.0f : rest;
      weights.push_back(head == 5 ? (diagonal ? 1.0f : 0.0f) : spread);
    }
    for (size_t i = 0; head != 5 && i < kKeys; ++i) weights[(head * kKeys + i) * kKeys + i] += 0.3f;
  }
  const std::string file = WriteWeights("L0.npy", {kHeads, kKeys, kKeys}, weights);
  for (const char* fail_on : {"warning", "critical", "unjudged"}) {
    const Outcome ran = Run({"analyze", file, "--fail-on", fail_on, "-o", Path("r.json"), "--png", Path("ran.svg")});
    EXPECT_EQ(ran.exit_code, 1) << ran.out << ran.err;
    const Outcome read = Run({"diagnose", Path("r.json"), "--fail-on", fail_on});
    EXPECT_EQ(read.exit_code, 1);
    EXPECT_EQ(read.out, ran.out);
    EXPECT_NE(Said(ran.out).find("critical: one-hot collapse in layer 0, head 5"), std::string::npos) << ran.out;
    RunOk({"render", Path("r.json"), "-o", Path("read.svg")});
    EXPECT_EQ(Read(Path("read.svg")), Read(Path("ran.svg")));
    EXPECT_NE(Read(Path("ran.svg")).find("one-hot collapse in layer 0, head 5"), std::string::npos);
  }
  const Report report = Parse(Read(Path("r.json")));
  EXPECT_EQ(report.layers.at(0).stats.heads.size(), kHeads) << "whatever was printed";
}

// A run beside its own past: analyze, diagnose and render say the same, and so does the exit code.
TEST_F(OneTruthCommandTest, ABaselineCountsInAllCommands) {
  constexpr size_t kHeads = 4;
  constexpr size_t kKeys = 64;
  // Head 0 attends to one key each, by design; the others to `spread` keys.
  const auto write = [&](const std::string& name, size_t drifting, size_t spread) {
    std::vector<float> weights(kHeads * kKeys * kKeys, 0.0f);
    for (size_t head = 0; head < kHeads; ++head) {
      const size_t keys = head == 0 ? 1 : head == drifting ? spread : 32;
      for (size_t i = 0; i < kKeys * keys; ++i) {
        weights[(head * kKeys + i / keys) * kKeys + (i / keys + i % keys) % kKeys] = 1.0f / static_cast<float>(keys);
      }
    }
    return WriteWeights(name, {kHeads, kKeys, kKeys}, weights);
  };
  for (int i = 0; i < 3; ++i) {
    RunOk({"analyze", write("L0.npy", 3, 32), "-o", Path("past" + std::to_string(i) + ".json")});
  }
  const std::string past = Path("past*.json");
  const Outcome same =
      RunOk({"analyze", Path("L0.npy"), "--baseline", past, "--fail-on", "warning", "-o", Path("same.json")});
  EXPECT_EQ(Said(same.out).substr(0, Said(same.out).find("not judged")),
            "healthy: no verdicts\nas in the baseline\n"
            "  critical: one-hot collapse in layer 0, head 0: normalized_entropy 0 is below 0.05\n");
  const std::string file = write("L0.npy", 2, 4);
  EXPECT_EQ(Run({"analyze", file, "--fail-on", "warning"}).exit_code, 1) << "head 0";
  const Outcome ran = Run(
      {"analyze", file, "--baseline", past, "--fail-on", "warning", "-o", Path("r.json"), "--png", Path("ran.svg")});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(
      Said(ran.out).find("1 critical\n  critical: left its baseline in layer 0, head 2: effective_rank 4 is below "
                         "4.331, its baseline is 32\nas in the baseline\n"),
      std::string::npos)
      << ran.out;
  const Outcome read = Run({"diagnose", Path("r.json"), "--baseline", past, "--fail-on", "warning"});
  EXPECT_EQ(read.exit_code, 1);
  EXPECT_EQ(read.out, ran.out);
  RunOk({"render", Path("r.json"), "--baseline", past, "-o", Path("read.svg")});
  EXPECT_EQ(Read(Path("read.svg")), Read(Path("ran.svg")));
  EXPECT_NE(Read(Path("ran.svg")).find("left its baseline in layer 0, head 2"), std::string::npos);
  RunOk({"render", Path("r.json"), "--baseline", past, "-o", Path("heads.svg"), "--figure", "heads"});
  EXPECT_NE(Read(Path("heads.svg")).find("left its baseline in layer 0, head 2"), std::string::npos);
  // What was found is in the file, with the baseline's value.
  EXPECT_NE(Read(Path("r.json")).find("\"baseline\": 32.0"), std::string::npos) << Read(Path("r.json"));
  EXPECT_NE(Read(Path("r.json")).find("\"as_in_baseline\": ["), std::string::npos);
}

TEST_F(OneTruthCommandTest, BaselinesThatAreNone) {
  const auto log = [&](const std::string& name, const std::string& layer, const std::string& stage) {
    return Write(name, "{\"attention_stats\": {\"" + layer +
                           "\": {\"max_row_weight\": 0.2, \"heads\": {\"max_row_weight\": [0.2, 0.3]}}}" +
                           (stage.empty() ? "" : ", \"stage\": \"" + stage + "\"") + "}\n");
  };
  const std::string report = log("report.json", "0", "val");
  const std::string other = log("other.json", "5", "val");
  ExpectError({"diagnose", report, "--baseline", other},
              "--baseline " + other + ": no layer is in the baseline, which is of another model");
  ExpectError({"diagnose", report, "--baseline", Path("none.json")}, "none.json");
  ExpectError({"analyze", kShort0, "--baseline", Path("none.json"), "-o", Path("out.json")}, "none.json");
  EXPECT_FALSE(std::filesystem::exists(Path("out.json")));
  ExpectError({"diagnose", report, "--baseline", Write("heads.json", R"({"attention_stats": {"0": {"max_row_weight":
      0.2, "heads": {"max_row_weight": [0.2, 0.3, 0.4]}}}})")},
              "layer 0 has 2 heads, and 3 in the baseline");
  const std::string copy = log("copy.json", "0", "val");
  ExpectError({"render", report, "--baseline", copy, "-o", copy}, "would overwrite an input");
  // Of several stages, the report's own.
  const std::string both = Write("both.jsonl", Read(report) + Read(log("train.json", "0", "train")));
  RunOk({"diagnose", report, "--baseline", both});
  ExpectError({"diagnose", log("test.json", "0", "test"), "--baseline", both},
              "--baseline has reports of stage train and of stage val");
  const Outcome noted = Run({"diagnose", report, "--baseline", Path("train.json")});
  EXPECT_EQ(noted.exit_code, 0);
  EXPECT_NE(noted.err.find("note: --baseline is of stage train, the report of stage val"), std::string::npos);
  EXPECT_NE(Run({"diagnose", report, "--baseline", report, "--baseline", other})
                .err.find("note: --baseline has layers that the report does not have: 5"),
            std::string::npos);
}

// A trainer's log that turned NaN (k2-fsa/icefall#1806, huggingface/trl#6702).
TEST_F(OneTruthCommandTest, NaNAndImpossibleNumbersDoNotPass) {
  const std::string nan = Write("nan.json", R"({"attention_stats": {"0": {"entropy": NaN, "max_row_weight": null}}})");
  const std::string impossible =
      Write("impossible.json", R"({"attention_stats": {"0": {"entropy": -3.0, "top5": 5.2, "max_row_weight": -1}}})");
  // One of two layers.
  const std::string one =
      Write("one.json",
            R"({"attention_stats": {"1": {"max_row_weight": 0.2}, "0": {"entropy": NaN, "max_row_weight": NaN}}})");
  for (const std::string& file : {nan, one, impossible}) {
    const Outcome outcome = Run({"diagnose", file, "--fail-on", "critical"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_NE(outcome.out.find("warning: bad numbers in layer 0: "), std::string::npos) << outcome.out;
    EXPECT_EQ(outcome.out.find("healthy"), std::string::npos) << outcome.out;
    RunOk({"render", file, "-o", Path("a.svg")});
    EXPECT_NE(Read(Path("a.svg")).find("warning: bad numbers in layer 0"), std::string::npos);
  }
}

// Names that attnscope does not know, and nothing at all.
TEST_F(OneTruthCommandTest, WhatHasNoKnownMetricIsNotJudged) {
  for (const char* log : {R"({"attention_stats": {"0": {"attn_entropy": 2.0}}})", R"({"attention_stats": {}})"}) {
    const std::string file = Write("log.json", log);
    EXPECT_EQ(Run({"diagnose", file}).exit_code, 0);
    for (const char* fail_on : {"warning", "critical", "unjudged"}) {
      const Outcome outcome = Run({"diagnose", file, "--fail-on", fail_on});
      EXPECT_EQ(outcome.exit_code, 1) << log;
      EXPECT_NE(outcome.out.find("not judged"), std::string::npos) << outcome.out;
      EXPECT_EQ(outcome.out.find("healthy"), std::string::npos) << outcome.out;
    }
  }
}

TEST_F(OneTruthCommandTest, KeysMakeATrainersSinkKnown) {
  const std::string file = Write(
      "log.json", R"({"attention_stats": {"0": {"max_row_weight": 0.3, "col_entropy": 3.0, "max_col_sum": 63.0}}})");
  const Outcome without = RunOk({"diagnose", file, "--fail-on", "critical"});
  EXPECT_NE(without.out.find("sink collapse: sink_mass is missing, and keys"), std::string::npos) << without.out;
  const Outcome with = Run({"diagnose", file, "--fail-on", "critical", "--keys", "64"});
  EXPECT_EQ(with.exit_code, 1);
  EXPECT_NE(with.out.find("critical: sink collapse in layer 0: sink_mass 0.9844 is above 0.8"), std::string::npos);
  RunOk({"render", file, "-o", Path("a.svg"), "--keys", "64"});
  EXPECT_NE(Read(Path("a.svg")).find("sink collapse"), std::string::npos);
  // A wrong option is no bad number of the report.
  for (const char* wrong : {"0", "00", "-3", "6.5", "", "many"}) {
    for (const char* command : {"diagnose", "render"}) {
      std::vector<std::string> arguments = {command, file, "--keys", wrong};
      if (command == std::string("render")) arguments.insert(arguments.end(), {"-o", Path("b.svg")});
      const Outcome outcome = Run(arguments);
      EXPECT_EQ(outcome.exit_code, 2) << command << " --keys " << wrong;
      EXPECT_NE(outcome.err.find("--keys"), std::string::npos) << outcome.err;
    }
  }
}

// Pruned and masked heads are zeros in a dump (robertknight/rten#1321, ml-explore/mlx#2608).
TEST_F(OneTruthCommandTest, HeadsAndLayersOfZerosAreNotHealthy) {
  std::vector<float> weights(2 * 16 * 16, 1.0f / 16.0f);
  std::fill(weights.begin() + 16 * 16, weights.end(), 0.0f);
  const Outcome head = Run({"analyze", WriteWeights("L0.npy", {2, 16, 16}, weights), "--fail-on", "critical"});
  EXPECT_EQ(head.exit_code, 1);
  EXPECT_NE(head.out.find("critical: no attention in layer 0, head 1: empty_rows 16 of 16, 100 %, is above 50 %"),
            std::string::npos)
      << head.out;
  const std::vector<float> zeros(16 * 16, 0.0f);
  const Outcome layer = Run({"analyze", WriteWeights("L1.npy", {16, 16}, zeros), "--fail-on", "critical"});
  EXPECT_EQ(layer.exit_code, 1);
  EXPECT_NE(layer.out.find("critical: no attention in layer 1"), std::string::npos) << layer.out;
}

// A learned sink whose column is dropped leaves rows that sum to less than 1 (jax-ml/jax#30964).
TEST_F(OneTruthCommandTest, RowsThatAreNoDistributionsAreNotOneHot) {
  const std::vector<float> weights(64 * 64, 0.11f / 64.0f);
  const Outcome outcome = Run({"analyze", WriteWeights("L1.npy", {64, 64}, weights), "--fail-on", "warning"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("critical: no distributions in layer 1"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("100 % of the rows are no distributions"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("one-hot collapse in"), std::string::npos) << outcome.out;
}

// Decoding dumps one row a step (huggingface/transformers#26174): its largest weight is no sink.
TEST_F(OneTruthCommandTest, DecodingStepsGiveNoSink) {
  std::vector<std::string> arguments = {"analyze", "--layer", "0"};
  for (size_t step = 0; step < 40; ++step) {
    const size_t keys = 20 + step;
    std::vector<float> row(keys, 0.5f / static_cast<float>(keys));
    row[step] += 0.5f;
    arguments.push_back(WriteWeights("step" + std::to_string(step) + ".npy", {1, 1, 1, keys}, row));
  }
  const Outcome outcome = Run(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find("sink collapse in"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("sink collapse: needs 8 rows in each matrix, has 1"), std::string::npos) << outcome.out;
}

}  // namespace
}  // namespace attnscope::tools

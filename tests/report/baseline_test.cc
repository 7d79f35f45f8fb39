// SPDX-License-Identifier: Apache-2.0
//
// Baselines: a head that has left its own past is found, alone, and one that was always ill is not.
#include "attnscope/baseline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "attnscope/diagnosis.h"

namespace attnscope {
namespace {

using Random = std::mt19937_64;

constexpr double kInf = std::numeric_limits<double>::infinity();

// A head of 256 keys whose rows attend to about `rank` of them.
MetricValues Head(double rank) {
  MetricValues values;
  values[Metric::kEntropy] = std::log(rank);
  values[Metric::kEffectiveRank] = rank;
  values[Metric::kMaxRowWeight] = std::min(1.0, 1.2 / rank);
  values[Metric::kTop5] = std::min(1.0, 4.0 / rank);
  values[Metric::kNormalizedEntropy] = std::log(rank) / std::log(256.0);
  values[Metric::kSinkMass] = 0.05;
  values[Metric::kColEntropy] = 5.0;
  values[Metric::kSaturationRatio] = 0.01;
  values[Metric::kMaxLogit] = 12.0;
  values[Metric::kRows] = 1024.0;
  values[Metric::kMatrices] = 4.0;
  values[Metric::kKeys] = 256.0;
  return values;
}

// Of a model whose heads are all different: some sharp by design, some diffuse.
Report Model(size_t layers = 4, size_t heads = 6) {
  Report report;
  for (size_t l = 0; l < layers; ++l) {
    LayerStats& stats = report.Layer(static_cast<int64_t>(l)).stats;
    for (size_t h = 0; h < heads; ++h) stats.heads.push_back(Head(1.1 * std::pow(2.0, static_cast<double>(h))));
    stats.layer = Head(12.0);
    stats.layer[Metric::kResidualRatio] = l == 0 ? 14.0 : 0.4;
  }
  return report;
}

// The same model at another time: every value a little off.
Report Another(Report report, Random& random, double noise = 0.02) {
  std::normal_distribution<double> normal;
  for (LayerReport& layer : report.layers) {
    std::vector<MetricValues*> places = {&layer.stats.layer};
    for (MetricValues& head : layer.stats.heads) places.push_back(&head);
    for (MetricValues* values : places) {
      for (const Metric metric : {Metric::kEffectiveRank, Metric::kResidualRatio}) {
        (*values)[metric] *= std::exp(noise * normal(random));
      }
      for (const Metric metric : {Metric::kMaxRowWeight, Metric::kNormalizedEntropy, Metric::kSinkMass}) {
        (*values)[metric] = std::clamp((*values)[metric] + 0.3 * noise * normal(random), 0.0, 1.0);
      }
      (*values)[Metric::kEffectiveRank] = std::max(1.0, (*values)[Metric::kEffectiveRank]);
    }
  }
  return report;
}

Baseline Of(const std::vector<Report>& reports) {
  Baseline baseline;
  const Status status = MakeBaseline(reports, &baseline);
  EXPECT_TRUE(status.ok()) << status.message();
  return baseline;
}

// "layer.head" of each departure, -1 for the layer as a whole.
std::set<std::string> Departed(const Diagnosis& diagnosis) {
  std::set<std::string> places;
  for (const Verdict& verdict : diagnosis.verdicts) {
    if (verdict.pathology != Pathology::kLeftBaseline) continue;
    places.insert(std::to_string(verdict.layer) + "." + std::to_string(verdict.head));
  }
  return places;
}

// Why a place was not compared, or "".
std::string NotCompared(const Diagnosis& diagnosis, int64_t layer, int64_t head) {
  for (const Unjudged& unjudged : diagnosis.unjudged) {
    if (unjudged.pathology == Pathology::kLeftBaseline && unjudged.layer == layer && unjudged.head == head) {
      return unjudged.reason;
    }
  }
  return "";
}

TEST(BaselineTest, AReportBesideItselfHasNoFinding) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    Report report = Another(Model(), random, 0.5);
    if (round % 4 == 0) report.layers[1].stats.layer[Metric::kResidualRatio] = kInf;
    if (round % 4 == 1) report.layers[1].stats.layer[Metric::kResidualRatio] = 0.0;
    if (round % 5 == 1) report.layers[2].stats.heads[3][Metric::kSinkMass] = 0.95;
    const Baseline baseline = Of({report});
    const Diagnosis diagnosis = Judge(report, {}, &baseline);
    EXPECT_EQ(diagnosis.outcome, Outcome::kHealthy);
    EXPECT_TRUE(diagnosis.verdicts.empty()) << diagnosis.verdicts[0].message;
    // Nothing is lost: what was a verdict is as in the baseline.
    const std::vector<Verdict> without = Diagnose(report);
    ASSERT_EQ(diagnosis.as_in_baseline.size(), without.size());
    for (size_t i = 0; i < without.size(); ++i) EXPECT_EQ(diagnosis.as_in_baseline[i].message, without[i].message);
  }
}

// One head is sharp by design: 1.1 of 256 keys. It always warns without a baseline.
TEST(BaselineTest, AlwaysSharpHeadsAreNoFinding) {
  Random random(2);
  std::vector<Report> past;
  for (int i = 0; i < 7; ++i) past.push_back(Another(Model(), random));
  const Baseline baseline = Of(past);
  const Report report = Another(Model(), random);
  EXPECT_FALSE(Diagnose(report).empty());
  const Diagnosis diagnosis = Judge(report, {}, &baseline);
  EXPECT_TRUE(diagnosis.verdicts.empty()) << diagnosis.verdicts[0].message;
  EXPECT_FALSE(diagnosis.as_in_baseline.empty());
  EXPECT_EQ(diagnosis.outcome, Outcome::kHealthy);
}

TEST(BaselineTest, OnlyTheHeadThatDriftsIsFound) {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<Report> past;
    for (uint64_t i = 0; i < 1 + random() % 6; ++i) past.push_back(Another(Model(), random));
    const Baseline baseline = Of(past);
    Report report = Another(Model(), random);
    const size_t layer = random() % 4;
    // Those in the middle stay within the absolute bounds.
    const size_t head = 3 + random() % 2;
    report.layers[layer].stats.heads[head] = Head(8.8 * (head == 3 ? 4.0 : 0.6));
    const Diagnosis diagnosis = Judge(report, {}, &baseline);
    ASSERT_EQ(Departed(diagnosis), std::set{std::to_string(layer) + "." + std::to_string(head)});
    ASSERT_EQ(diagnosis.verdicts.size(), 1u) << "within the absolute bounds";
  }
}

TEST(BaselineTest, HeadsThatChangePlacesAreFound) {
  const Baseline baseline = Of({Model()});
  Report report = Model();
  std::swap(report.layers[2].stats.heads[1], report.layers[2].stats.heads[4]);
  EXPECT_EQ(Departed(Judge(report, {}, &baseline)), (std::set<std::string>{"2.1", "2.4"}));
  // In the absolute, nothing has changed but the places.
  EXPECT_EQ(Diagnose(report).size(), Diagnose(Model()).size());
}

TEST(BaselineTest, AFindingSaysWhereFromAndWhereTo) {
  Report report = Model();
  report.layers[3].stats.layer[Metric::kResidualRatio] = 0.14;
  const Baseline baseline = Of({Model()});
  Diagnosis diagnosis = Judge(report, {}, &baseline);
  ASSERT_EQ(diagnosis.verdicts.size(), 1u);
  const Verdict& verdict = diagnosis.verdicts[0];
  EXPECT_EQ(verdict.message,
            "warning: left its baseline in layer 3: residual_ratio 0.14 is below 0.1472, its baseline is 0.4");
  EXPECT_EQ(verdict.metric, Metric::kResidualRatio);
  EXPECT_EQ(verdict.value, 0.14);
  EXPECT_DOUBLE_EQ(verdict.bound, 0.4 * std::exp(-1.0)) << "ten times the least spread";
  EXPECT_DOUBLE_EQ(verdict.baseline, 0.4);
  report = Model();
  report.layers[3].stats.layer[Metric::kMaxLogit] = 95.0;  // beyond twenty times, and within its absolute bounds
  diagnosis = Judge(report, {}, &baseline);
  ASSERT_EQ(diagnosis.verdicts.size(), 1u);
  EXPECT_EQ(diagnosis.verdicts[0].message,
            "critical: left its baseline in layer 3: max_logit 95 is above 88.67, its baseline is 12");
  // Of other verdicts there is none.
  EXPECT_TRUE(std::isnan(Diagnose(Model()).at(0).baseline));
}

// Logits that are small, or negative, are all the same: none saturates anything.
TEST(BaselineTest, SmallLogitsAreAlike) {
  const auto said = [](double before, double now) {
    Report past = Model();
    Report report = Model();
    past.layers[1].stats.heads[4][Metric::kMaxLogit] = before;
    report.layers[1].stats.heads[4][Metric::kMaxLogit] = now;
    const Baseline baseline = Of({past});
    const std::vector<Verdict> verdicts = Diagnose(report, {}, &baseline);
    return verdicts.empty() ? "" : verdicts[0].message;
  };
  EXPECT_EQ(said(-5.0, 0.9), "");
  EXPECT_EQ(said(0.1, -30.0), "");
  EXPECT_EQ(said(20.0, 35.0), "");
  EXPECT_EQ(said(20.0, 60.0),
            "warning: left its baseline in layer 1, head 4: max_logit 60 is above 54.37, its baseline is 20");
}

TEST(BaselineTest, WorseThanTheBaselineIsAFinding) {
  Report past = Model();
  past.layers[1].stats.heads[4][Metric::kSinkMass] = 0.7;
  const Baseline baseline = Of({past});
  Report report = past;
  report.layers[1].stats.heads[4][Metric::kSinkMass] = 0.82;
  const Diagnosis diagnosis = Judge(report, {}, &baseline);
  ASSERT_EQ(diagnosis.verdicts.size(), 1u);
  EXPECT_EQ(diagnosis.verdicts[0].message, "critical: sink collapse in layer 1, head 4: sink_mass 0.82 is above 0.8");
}

// 0.49 before, 0.51 now: on two sides of a bound, and the same.
TEST(BaselineTest, WaveringAroundABoundIsNoFinding) {
  Report past = Model();
  past.layers[1].stats.heads[4][Metric::kSinkMass] = 0.49;
  Report report = Model();
  report.layers[1].stats.heads[4][Metric::kSinkMass] = 0.51;
  const Baseline baseline = Of({past});
  EXPECT_TRUE(Diagnose(report, {}, &baseline).empty());
  past.layers[1].stats.heads[4][Metric::kSinkMass] = 0.44;
  const Baseline lower = Of({past});
  EXPECT_EQ(Diagnose(report, {}, &lower).size(), 1u);
}

TEST(BaselineTest, BadNumbersAreNeverUsual) {
  Report report = Model();
  report.layers[2].stats.heads[3].SetGivenAsNaN(Metric::kEntropy);
  report.layers[2].stats.heads[3][Metric::kInvalidRows] = 200.0;
  const Baseline baseline = Of({report});
  const std::vector<Verdict> verdicts = Diagnose(report, {}, &baseline);
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].pathology, Pathology::kBadNumbers);
  // A value that cannot be is no past: the others are.
  Report impossible = Model();
  impossible.layers[0].stats.heads[5][Metric::kMaxRowWeight] = -3.0;
  const Baseline sound = Of({impossible});
  EXPECT_TRUE(Departed(Judge(Model(), {}, &sound)).empty());
  EXPECT_FALSE(sound.median.layers[0].stats.heads[5].Has(Metric::kMaxRowWeight));
}

// Less than half of the reports may be ill.
TEST(BaselineTest, IsRobust) {
  Random random(4);
  std::vector<Report> past;
  for (int i = 0; i < 4; ++i) past.push_back(Another(Model(), random));
  for (int i = 0; i < 3; ++i) {
    past.push_back(Model());
    for (MetricValues& head : past.back().layers[1].stats.heads) head = Head(1.001);
  }
  const Baseline baseline = Of(past);
  EXPECT_TRUE(Diagnose(Another(Model(), random), {}, &baseline).empty());
  const std::set<std::string> departed = Departed(Judge(past.back(), {}, &baseline));
  for (int head = 1; head < 6; ++head) EXPECT_TRUE(departed.contains("1." + std::to_string(head))) << head;
}

// A head that always wandered may go on wandering; one that did not may not.
TEST(BaselineTest, BoundsAreAsWideAsThePastWas) {
  std::vector<Report> past;
  for (const double mass : {0.02, 0.07, 0.12, 0.17, 0.22}) {
    past.push_back(Model());
    past.back().layers[1].stats.heads[3][Metric::kSinkMass] = mass;
    past.back().layers[1].stats.heads[4][Metric::kSinkMass] = 0.12;
  }
  const Baseline baseline = Of(past);
  EXPECT_DOUBLE_EQ(baseline.spread.layers[1].stats.heads[3][Metric::kSinkMass], 1.4826 * 0.05);
  EXPECT_DOUBLE_EQ(baseline.spread.layers[1].stats.heads[4][Metric::kSinkMass], 0.0);
  Report report = Model();
  report.layers[1].stats.heads[3][Metric::kSinkMass] = 0.4;
  report.layers[1].stats.heads[4][Metric::kSinkMass] = 0.4;
  EXPECT_EQ(Departed(Judge(report, {}, &baseline)), std::set<std::string>{"1.4"});
}

TEST(BaselineTest, OtherModelsAreRefusedOrNotJudged) {
  const Baseline baseline = Of({Model(4, 6)});
  EXPECT_TRUE(CheckBaseline(Model(4, 6), baseline).ok());
  EXPECT_TRUE(CheckBaseline(Model(2, 6), baseline).ok());
  EXPECT_TRUE(CheckBaseline({}, baseline).ok());
  EXPECT_EQ(CheckBaseline(Model(4, 5), baseline).message(),
            "layer 0 has 5 heads, and 6 in the baseline, which is of another model");
  Report later = Model();
  for (LayerReport& layer : later.layers) layer.layer += 10;
  EXPECT_EQ(CheckBaseline(later, baseline).message(), "no layer is in the baseline, which is of another model");
  Diagnosis diagnosis = Judge(later, {}, &baseline);
  EXPECT_EQ(NotCompared(diagnosis, 10, -1), "the layer is not in the baseline");
  EXPECT_EQ(NotCompared(diagnosis, 12, 3), "the layer is not in the baseline");
  diagnosis = Judge(Model(4, 5), {}, &baseline);
  EXPECT_EQ(NotCompared(diagnosis, 1, 2), "the layer has 5 heads, and 6 in the baseline");
  EXPECT_TRUE(diagnosis.as_in_baseline.empty());
  EXPECT_EQ(diagnosis.verdicts.size(), Diagnose(Model(4, 5)).size()) << "the bounds hold";
  // A trainer's log without heads is a past of layers alone.
  Report log = Model();
  for (LayerReport& layer : log.layers) layer.stats.heads.clear();
  const Baseline layers = Of({log});
  diagnosis = Judge(Model(), {}, &layers);
  EXPECT_EQ(NotCompared(diagnosis, 1, -1), "");
  EXPECT_EQ(NotCompared(diagnosis, 1, 2), "the baseline has no heads");
  // Without a baseline nothing is said of one.
  EXPECT_EQ(NotCompared(Judge(Model()), 1, -1), "");
}

TEST(BaselineTest, WhatCannotBeComparedIsSaid) {
  const Baseline baseline = Of({Model()});
  Report report = Model();
  MetricValues& head = report.layers[1].stats.heads[4];
  head[Metric::kKeys] = 600.0;
  for (const Metric metric : {Metric::kNormalizedEntropy, Metric::kSaturationRatio, Metric::kMaxLogit}) {
    head[metric] = std::nan("");
  }
  EXPECT_EQ(NotCompared(Judge(report, {}, &baseline), 1, 4), "its rows are of 600 keys, those of the baseline of 256");
  head[Metric::kKeys] = 500.0;
  EXPECT_EQ(NotCompared(Judge(report, {}, &baseline), 1, 4), "");
  head[Metric::kRows] = 15.0;
  EXPECT_EQ(NotCompared(Judge(report, {}, &baseline), 1, 4), "needs 16 rows, has 15");
  head = Model().layers[1].stats.heads[4];
  Report few = Model();
  few.layers[1].stats.heads[4][Metric::kRows] = 15.0;
  const Baseline little = Of({few});
  EXPECT_EQ(NotCompared(Judge(report, {}, &little), 1, 4), "the baseline needs 16 rows, has 15");
  Report nothing = Model();
  nothing.layers[1].stats.heads[4] = MetricValues();
  const Baseline empty = Of({nothing});
  EXPECT_EQ(NotCompared(Judge(report, {}, &empty), 1, 4), "effective_rank is missing in the baseline");
  Thresholds thresholds;
  thresholds.baseline_spreads_warning = thresholds.baseline_spreads_critical = std::nan("");
  EXPECT_EQ(NotCompared(Judge(report, thresholds, &baseline), 1, 4), "its bounds are switched off");
}

TEST(BaselineTest, BadReportsMakeNone) {
  Baseline baseline = Of({Model()});
  EXPECT_EQ(MakeBaseline({}, &baseline).message(), "a baseline needs a report");
  const std::vector<Report> other = {Model(4, 6), Model(4, 8)};
  EXPECT_EQ(MakeBaseline(other, &baseline).message(),
            "layer 0 has 6 heads in one report of the baseline and 8 in another");
  Report unsorted = Model();
  std::swap(unsorted.layers[0], unsorted.layers[1]);
  EXPECT_EQ(MakeBaseline({&unsorted, 1}, &baseline).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(baseline.median.layers.size(), 4u) << "unchanged";
}

}  // namespace
}  // namespace attnscope

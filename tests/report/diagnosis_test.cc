// SPDX-License-Identifier: Apache-2.0
//
// Diagnose: each bound fires just beyond its value and neither at it nor before it, for layers and for heads.
#include "attnscope/diagnosis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace attnscope {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A layer of 1000 keys and rows that no bound is crossed by.
MetricValues Healthy() {
  MetricValues values;
  values[Metric::kEntropy] = 3.0;
  values[Metric::kEffectiveRank] = 20.0;
  values[Metric::kTop5] = 0.5;
  values[Metric::kMaxRowWeight] = 0.3;
  values[Metric::kColEntropy] = 5.0;
  values[Metric::kNormalizedEntropy] = 0.5;
  values[Metric::kSinkMass] = 0.1;
  values[Metric::kRows] = 1000.0;
  values[Metric::kInvalidRows] = 0.0;
  values[Metric::kEmptyRows] = 0.0;
  values[Metric::kUnnormalizedRows] = 0.0;
  values[Metric::kMatrices] = 1.0;
  values[Metric::kKeys] = 1000.0;
  values[Metric::kSaturationRatio] = 0.1;
  values[Metric::kMaxLogit] = 20.0;
  values[Metric::kResidualRatio] = 0.5;
  return values;
}

struct Bound {
  Pathology pathology;
  Severity severity;
  Metric metric;
  bool above;
  double bound;
  bool per_head;
  double whole = 1.0;  // of a count of rows that a share bounds, as verdicts have it
};

// The table of README.md; the expected bounds are written out, not taken from Thresholds.
const std::vector<Bound>& Bounds() {
  static const std::vector<Bound> bounds = {
      {Pathology::kOneHotCollapse, Severity::kWarning, Metric::kMaxRowWeight, true, 0.8, true},
      {Pathology::kOneHotCollapse, Severity::kWarning, Metric::kEffectiveRank, false, 2.0, true},
      {Pathology::kOneHotCollapse, Severity::kCritical, Metric::kMaxRowWeight, true, 0.9, true},
      {Pathology::kOneHotCollapse, Severity::kCritical, Metric::kNormalizedEntropy, false, 0.05, true},
      {Pathology::kSinkCollapse, Severity::kWarning, Metric::kSinkMass, true, 0.5, true},
      {Pathology::kSinkCollapse, Severity::kCritical, Metric::kSinkMass, true, 0.8, true},
      {Pathology::kSinkCollapse, Severity::kCritical, Metric::kColEntropy, false, 0.2 * std::log(1000.0), true},
      {Pathology::kUniformAttention, Severity::kWarning, Metric::kNormalizedEntropy, true, 0.95, true},
      {Pathology::kVanishingLayer, Severity::kWarning, Metric::kResidualRatio, false, 0.1, false},
      {Pathology::kVanishingLayer, Severity::kCritical, Metric::kResidualRatio, false, 0.01, false},
      {Pathology::kExplodingUpdate, Severity::kWarning, Metric::kResidualRatio, true, 1.0, false},
      {Pathology::kExplodingUpdate, Severity::kCritical, Metric::kResidualRatio, true, 10.0, false},
      {Pathology::kSaturatedSoftmax, Severity::kWarning, Metric::kSaturationRatio, true, 0.5, true},
      {Pathology::kSaturatedSoftmax, Severity::kCritical, Metric::kSaturationRatio, true, 0.9, true},
      {Pathology::kGrowingLogits, Severity::kWarning, Metric::kMaxLogit, true, 100.0, true},
      {Pathology::kGrowingLogits, Severity::kCritical, Metric::kMaxLogit, true, 500.0, true},
      {Pathology::kBadNumbers, Severity::kWarning, Metric::kInvalidRows, true, 0.0, true},
      {Pathology::kBadNumbers, Severity::kCritical, Metric::kInvalidRows, true, 10.0, true, 1000.0},
      {Pathology::kNoDistributions, Severity::kWarning, Metric::kUnnormalizedRows, true, 10.0, true, 1000.0},
      {Pathology::kNoDistributions, Severity::kCritical, Metric::kUnnormalizedRows, true, 500.0, true, 1000.0},
      {Pathology::kNoAttention, Severity::kWarning, Metric::kEmptyRows, true, 10.0, true, 1000.0},
      {Pathology::kNoAttention, Severity::kCritical, Metric::kEmptyRows, true, 500.0, true, 1000.0},
  };
  return bounds;
}

// Layer 7, whose values are `layer`, and whose heads 0 and 1 are healthy and `head`.
std::vector<Verdict> DiagnoseOne(const MetricValues& layer, const MetricValues& head,
                                 const Thresholds& thresholds = {}) {
  Report report;
  LayerStats& stats = report.Layer(7).stats;
  stats.layer = layer;
  stats.heads = {Healthy(), head};
  return Diagnose(report, thresholds);
}

void ExpectVerdict(const Bound& bound, double value, int64_t head, const std::vector<Verdict>& verdicts) {
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].pathology, bound.pathology);
  EXPECT_EQ(verdicts[0].severity, bound.severity);
  EXPECT_EQ(verdicts[0].metric, bound.metric);
  EXPECT_EQ(verdicts[0].value, value / bound.whole);
  EXPECT_DOUBLE_EQ(verdicts[0].bound, bound.bound / bound.whole);
  EXPECT_EQ(verdicts[0].layer, 7);
  EXPECT_EQ(verdicts[0].head, head);
}

class BoundTest : public testing::TestWithParam<Bound> {
 protected:
  double Beyond() const {
    if (GetParam().whole > 1.0) return GetParam().bound + 1.0;  // a count
    return std::nextafter(GetParam().bound, GetParam().above ? kInf : -kInf);
  }
  double Before() const {
    if (GetParam().bound == 0.0) return 0.0;  // there is no negative count
    return std::nextafter(GetParam().bound, GetParam().above ? -kInf : kInf);
  }
  // Whether a verdict as severe as this bound's was given, or a more severe one.
  bool Fires(double value, bool in_head) const {
    MetricValues values = Healthy();
    values[GetParam().metric] = value;
    const std::vector<Verdict> verdicts = in_head ? DiagnoseOne(Healthy(), values) : DiagnoseOne(values, Healthy());
    for (const Verdict& verdict : verdicts) {
      if (verdict.pathology == GetParam().pathology && verdict.severity >= GetParam().severity) return true;
    }
    return false;
  }
};

TEST_P(BoundTest, LayerFiresOnlyBeyond) {
  MetricValues values = Healthy();
  values[GetParam().metric] = Beyond();
  ExpectVerdict(GetParam(), Beyond(), -1, DiagnoseOne(values, Healthy()));
  EXPECT_FALSE(Fires(GetParam().bound, false));
  EXPECT_FALSE(Fires(Before(), false));
  EXPECT_FALSE(Fires(kNaN, false));
}

TEST_P(BoundTest, HeadFiresOnlyBeyond) {
  MetricValues values = Healthy();
  values[GetParam().metric] = Beyond();
  const std::vector<Verdict> verdicts = DiagnoseOne(Healthy(), values);
  if (!GetParam().per_head) {
    EXPECT_TRUE(verdicts.empty());
    return;
  }
  ExpectVerdict(GetParam(), Beyond(), 1, verdicts);
  EXPECT_FALSE(Fires(GetParam().bound, true));
  EXPECT_FALSE(Fires(Before(), true));
}

TEST_P(BoundTest, MessageNamesEverything) {
  MetricValues values = Healthy();
  values[GetParam().metric] = Beyond();
  const Verdict layer = DiagnoseOne(values, Healthy()).at(0);
  for (const std::string& part : {std::string(NameOf(layer.severity)), std::string(NameOf(layer.pathology)),
                                  std::string(InfoOf(layer.metric).name), std::string("layer 7")}) {
    EXPECT_NE(layer.message.find(part), std::string::npos) << part << " in " << layer.message;
  }
  EXPECT_EQ(layer.message.find("head"), std::string::npos) << layer.message;
  if (!GetParam().per_head) return;
  const Verdict head = DiagnoseOne(Healthy(), values).at(0);
  EXPECT_NE(head.message.find("layer 7, head 1"), std::string::npos) << head.message;
}

INSTANTIATE_TEST_SUITE_P(Table, BoundTest, testing::ValuesIn(Bounds()));

TEST(DiagnosisTest, HealthyReportHasNoVerdict) {
  EXPECT_TRUE(DiagnoseOne(Healthy(), Healthy()).empty());
  EXPECT_TRUE(Diagnose({}).empty());
  EXPECT_TRUE(DiagnoseOne(MetricValues(), MetricValues()).empty());  // nothing was measured
}

TEST(DiagnosisTest, UniformIsCriticalOnlyIfTop5IsSmallToo) {
  MetricValues values = Healthy();
  values[Metric::kNormalizedEntropy] = 0.995;
  values[Metric::kEntropy] = 0.995 * std::log(1000.0);  // as all rows see all keys
  values[Metric::kEffectiveRank] = 965.0;
  values[Metric::kTop5] = 1.5 * 5.0 / 1000.0;
  EXPECT_EQ(DiagnoseOne(values, Healthy()).at(0).severity, Severity::kWarning);
  values[Metric::kTop5] = std::nextafter(values[Metric::kTop5], 0.0);
  const Verdict verdict = DiagnoseOne(values, Healthy()).at(0);
  EXPECT_EQ(verdict.severity, Severity::kCritical);
  EXPECT_EQ(verdict.bound, 0.99);
  values[Metric::kNormalizedEntropy] = 0.99;
  values[Metric::kEntropy] = 0.99 * std::log(1000.0);
  EXPECT_EQ(DiagnoseOne(values, Healthy()).at(0).severity, Severity::kWarning);
}

// A layer that measures other masses than that of 5: the warning stays, and what is not known is said.
TEST(DiagnosisTest, WithoutTop5UniformIsAWarningThatMayBeCritical) {
  MetricValues values = Healthy();
  values[Metric::kNormalizedEntropy] = 0.995;
  values[Metric::kEntropy] = 0.995 * std::log(1000.0);
  values[Metric::kEffectiveRank] = 965.0;
  values[Metric::kTop5] = kNaN;
  values[TopMass(1)] = 0.002;
  Report report;
  report.Layer(3).stats.layer = values;
  const Diagnosis diagnosis = Judge(report);
  ASSERT_EQ(diagnosis.verdicts.size(), 1u);
  EXPECT_EQ(diagnosis.verdicts[0].severity, Severity::kWarning);
  const auto said = [](const Diagnosis& of) {
    return std::any_of(of.unjudged.begin(), of.unjudged.end(), [](const Unjudged& unjudged) {
      return unjudged.pathology == Pathology::kUniformAttention && unjudged.layer == 3 && unjudged.head == -1 &&
             unjudged.reason == "top5 is missing: it may be critical";
    });
  };
  EXPECT_TRUE(said(diagnosis));
  report.Layer(3).stats.layer[Metric::kTop5] = 0.5;
  EXPECT_FALSE(said(Judge(report)));
  report.Layer(3).stats.layer[Metric::kTop5] = kNaN;
  report.Layer(3).stats.layer[Metric::kNormalizedEntropy] = 0.98;  // a warning, whatever top5 is
  EXPECT_FALSE(said(Judge(report)));
}

TEST(DiagnosisTest, BoundsThatNeedKeysAreSkippedWithoutThem) {
  MetricValues values = Healthy();
  values[Metric::kEffectiveRank] = 1.0;
  values[Metric::kColEntropy] = 0.0;
  EXPECT_EQ(DiagnoseOne(values, Healthy()).size(), 2u);
  values[Metric::kKeys] = kNaN;
  EXPECT_TRUE(DiagnoseOne(values, Healthy()).empty());
  values[Metric::kNormalizedEntropy] = 0.999;
  values[Metric::kTop5] = 0.0;
  EXPECT_EQ(DiagnoseOne(values, Healthy()).at(0).severity, Severity::kWarning);
}

TEST(DiagnosisTest, AResidualStreamWithoutARatioIsBad) {
  MetricValues values = Healthy();
  values[Metric::kInfiniteResiduals] = 2.0;
  EXPECT_TRUE(DiagnoseOne(values, Healthy()).empty()) << "the ratio is what counts";
  values[Metric::kResidualRatio] = kNaN;
  const Verdict verdict = DiagnoseOne(values, Healthy()).at(0);
  EXPECT_EQ(verdict.message, "critical: bad numbers in layer 7: infinite_residuals 2 is above 0");
  EXPECT_EQ(verdict.severity, Severity::kCritical);
  values[Metric::kInfiniteResiduals] = 0.0;
  EXPECT_TRUE(DiagnoseOne(values, Healthy()).empty());
}

TEST(DiagnosisTest, FewKeysHaveNoEffectiveRankBound) {
  MetricValues values = Healthy();
  values[Metric::kEffectiveRank] = 1.9;
  values[Metric::kColEntropy] = std::log(49.0);
  values[Metric::kKeys] = 49.0;
  EXPECT_TRUE(DiagnoseOne(values, Healthy()).empty());
  values[Metric::kKeys] = 50.0;
  EXPECT_EQ(DiagnoseOne(values, Healthy()).size(), 1u);
}

TEST(DiagnosisTest, OneVerdictForEachPathologyAndPlace) {
  MetricValues values = Healthy();
  values[Metric::kMaxRowWeight] = 0.99;       // critical: 10 % beyond 0.9
  values[Metric::kNormalizedEntropy] = 0.01;  // critical: 80 % beyond 0.05
  values[Metric::kEffectiveRank] = 1.01;
  const std::vector<Verdict> verdicts = DiagnoseOne(values, values);
  ASSERT_EQ(verdicts.size(), 2u);  // the layer and its head
  EXPECT_EQ(verdicts[0].metric, Metric::kNormalizedEntropy);
  EXPECT_EQ(verdicts[0].bound, 0.05);
  values[Metric::kNormalizedEntropy] = 0.0499;  // 0.2 % beyond
  EXPECT_EQ(DiagnoseOne(values, Healthy()).at(0).metric, Metric::kMaxRowWeight);
}

TEST(DiagnosisTest, WorstComesFirst) {
  Report report;
  const auto set = [&](int64_t layer, Metric metric, double value) {
    report.Layer(layer).stats.layer = Healthy();
    report.Layer(layer).stats.layer[metric] = value;
  };
  set(0, Metric::kSinkMass, 0.51);       // warning, 2 %
  set(1, Metric::kSinkMass, 0.79);       // warning, 58 %
  set(2, Metric::kMaxRowWeight, 0.901);  // critical, 0.1 %
  set(3, Metric::kResidualRatio, kInf);  // critical, infinitely
  set(4, Metric::kSinkMass, 0.79);       // as layer 1
  set(5, Metric::kInvalidRows, 1.0);     // warning, infinitely
  report.Layer(4).stats.heads = {Healthy(), report.Layer(4).stats.layer};
  const std::vector<Verdict> verdicts = Diagnose(report);
  std::vector<std::pair<int64_t, int64_t>> places;
  for (const Verdict& verdict : verdicts) places.emplace_back(verdict.layer, verdict.head);
  EXPECT_EQ(places,
            (std::vector<std::pair<int64_t, int64_t>>{{3, -1}, {2, -1}, {5, -1}, {1, -1}, {4, -1}, {4, 1}, {0, -1}}));
  EXPECT_EQ(WorstSeverity(verdicts), Severity::kCritical);
  EXPECT_NE(verdicts[0].message.find("inf"), std::string::npos) << verdicts[0].message;
}

TEST(DiagnosisTest, EqualVerdictsOfOnePlaceComeInTheOrderOfPathologies) {
  MetricValues values = Healthy();
  values[Metric::kSaturationRatio] = 1.0;  // warning bound 0.5, critical bound 0.9
  values[Metric::kMaxRowWeight] = 1.0;     // the same bounds
  const std::vector<Verdict> verdicts = DiagnoseOne(values, Healthy());
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(verdicts[0].pathology, Pathology::kOneHotCollapse);
  EXPECT_EQ(verdicts[1].pathology, Pathology::kSaturatedSoftmax);
}

TEST(DiagnosisTest, MessageTellsValueFromBound) {
  MetricValues values = Healthy();
  values[Metric::kMaxRowWeight] = 0.80000001;
  const std::string message = DiagnoseOne(values, Healthy()).at(0).message;
  EXPECT_NE(message.find("max_row_weight 0.80000001 is above 0.8"), std::string::npos) << message;
  values = Healthy();
  values[Metric::kResidualRatio] = 0.00312345;
  EXPECT_EQ(DiagnoseOne(values, Healthy()).at(0).message,
            "critical: vanishing layer in layer 7: residual_ratio 0.003123 is below 0.01");
}

TEST(DiagnosisTest, ThresholdsAreObeyed) {
  MetricValues values = Healthy();
  values[Metric::kSinkMass] = 0.5;
  Thresholds thresholds;
  thresholds.sink_mass_warning = 0.6;
  EXPECT_TRUE(DiagnoseOne(values, Healthy(), thresholds).empty());
  thresholds.sink_mass_critical = 0.4;
  EXPECT_EQ(DiagnoseOne(values, Healthy(), thresholds).at(0).severity, Severity::kCritical);
  thresholds.sink_mass_warning = thresholds.sink_mass_critical = kNaN;  // never fires
  EXPECT_TRUE(DiagnoseOne(values, Healthy(), thresholds).empty());
  thresholds.vanishing_residual_ratio_critical = kInf;
  thresholds.vanishing_residual_ratio_warning = kInf;
  EXPECT_EQ(DiagnoseOne(Healthy(), Healthy(), thresholds).size(), 1u);
}

TEST(DiagnosisTest, WorstSeverityOfNothingIsHealthy) {
  EXPECT_EQ(WorstSeverity({}), Severity::kHealthy);
  std::vector<Verdict> verdicts(2);
  verdicts[0].severity = Severity::kWarning;
  verdicts[1].severity = Severity::kWarning;
  EXPECT_EQ(WorstSeverity(verdicts), Severity::kWarning);
}

}  // namespace
}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// The table of pathologies is complete and agrees with itself. What its bounds are worth is in diagnosis_test.
#include "report/pathologies.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "report/compared_metrics.h"

namespace attnscope::internal {
namespace {

std::string NameOfField(double Thresholds::*field) {
  for (const ThresholdInfo& info : kThresholds) {
    if (info.field == field) return std::string(info.name);
  }
  return "unnamed";
}

TEST(PathologiesTest, EachThresholdIsNamedOnceInItsOrder) {
  const Thresholds thresholds;
  const auto* const first = &thresholds.one_hot_max_row_weight_warning;
  std::set<std::string_view> names;
  for (size_t i = 0; i < kThresholds.size(); ++i) {
    EXPECT_EQ(&(thresholds.*kThresholds[i].field) - first, static_cast<std::ptrdiff_t>(i)) << kThresholds[i].name;
    names.insert(kThresholds[i].name);
  }
  EXPECT_EQ(names.size(), sizeof(Thresholds) / sizeof(double));
}

// One that two bounds shared would get the monitor's margin twice. What there must be enough of is no bound, and may be
// the same for several.
TEST(PathologiesTest, EachThresholdDecidesOneThing) {
  std::map<std::string, int> uses;
  for (const PathologyInfo& pathology : kPathologies) {
    for (const Bound& bound : pathology.bounds) {
      if (bound.crossed.threshold != nullptr) ++uses[NameOfField(bound.crossed.threshold)];
      if (bound.where && bound.where->threshold != nullptr) ++uses[NameOfField(bound.where->threshold)];
    }
    for (const Evidence& evidence : pathology.evidence) uses[NameOfField(evidence.least)] = 1;
  }
  for (const ThresholdInfo& info : kThresholds) EXPECT_EQ(uses[std::string(info.name)], 1) << info.name;
  EXPECT_EQ(uses.size(), kThresholds.size());
}

TEST(PathologiesTest, EachEntryIsComplete) {
  std::set<std::string_view> names;
  for (const PathologyInfo& pathology : kPathologies) {
    names.insert(pathology.name);
    std::set<Severity> severities;
    for (const Bound& bound : pathology.bounds) {
      severities.insert(bound.severity);
      const bool is_one_sided =
          bound.crossed.relation == Relation::kAbove || bound.crossed.relation == Relation::kBelow;
      const bool is_beside = bound.crossed.relation == Relation::kFromBaseline;
      EXPECT_TRUE(pathology.subject == Subject::kPast ? is_beside : is_one_sided)
          << pathology.name << ": a value is beyond its bound on one side";
    }
    EXPECT_EQ(severities, (std::set{Severity::kWarning, Severity::kCritical})) << pathology.name;
    std::set<Metric> shown_by;
    for (const Metric metric : pathology.shown_by) {
      EXPECT_TRUE(shown_by.insert(metric).second) << pathology.name << ", " << InfoOf(metric).name;
    }
    EXPECT_EQ(shown_by.empty(), pathology.subject == Subject::kPast) << pathology.name << " has no mark in figures";
  }
  EXPECT_EQ(names.size(), kNumPathologies);
}

// What has left its baseline is marked where other illnesses of its metric are.
TEST(PathologiesTest, EachComparedMetricHasAMarkAndEvidence) {
  std::set<Metric> compared;
  for (const ComparedMetric& info : kComparedMetrics) {
    EXPECT_TRUE(compared.insert(info.metric).second);
    EXPECT_GT(info.least_spread, 0.0);
    Verdict verdict;
    verdict.pathology = Pathology::kLeftBaseline;
    verdict.metric = info.metric;
    EXPECT_TRUE(IsShownBy(verdict, info.metric, {})) << InfoOf(info.metric).name;
    verdict.pathology = info.like;
    EXPECT_TRUE(IsShownBy(verdict, info.metric, {})) << InfoOf(info.metric).name;
    EXPECT_NE(info.like, Pathology::kLeftBaseline);
  }
  // They are the metrics of the other warnings, but those of what was given.
  for (const PathologyInfo& pathology : kPathologies) {
    if (pathology.subject == Subject::kInput || pathology.subject == Subject::kPast) continue;
    for (const Bound& bound : pathology.bounds) {
      if (bound.severity != Severity::kWarning) continue;
      EXPECT_TRUE(compared.contains(bound.crossed.metric)) << InfoOf(bound.crossed.metric).name;
    }
  }
}

// Bad numbers are marked where their metric is shown: those of attention wherever attention is.
TEST(PathologiesTest, BadNumbersAreMarkedWhereTheyAre) {
  Verdict verdict;
  verdict.pathology = Pathology::kBadNumbers;
  for (const Metric stream : {Metric::kResidualRatio, Metric::kTokenResidualRatio, Metric::kInfiniteResiduals}) {
    verdict.metric = stream;
    EXPECT_TRUE(IsShownBy(verdict, Metric::kResidualRatio, {}));
    EXPECT_TRUE(IsShownBy(verdict, stream, {}));
    EXPECT_FALSE(IsShownBy(verdict, Metric::kEntropy, {})) << "attention has none";
  }
  verdict.metric = Metric::kMaxLogit;
  EXPECT_TRUE(IsShownBy(verdict, Metric::kMaxLogit, {}));
  EXPECT_FALSE(IsShownBy(verdict, Metric::kEntropy, {}));
  EXPECT_FALSE(IsShownBy(verdict, Metric::kResidualRatio, {}));
  for (const Metric attention : {Metric::kInvalidRows, Metric::kEntropy, Metric::kFirstTokenMass}) {
    verdict.metric = attention;
    EXPECT_TRUE(IsShownBy(verdict, attention, {}));
    EXPECT_TRUE(IsShownBy(verdict, Metric::kMaxRowWeight, {}));
    EXPECT_FALSE(IsShownBy(verdict, Metric::kResidualRatio, {}));
  }
  // The verdict names one metric; the layer has others.
  MetricValues values;
  values.SetGivenAsNaN(Metric::kEntropy);
  values[Metric::kResidualRatio] = -1.0;
  EXPECT_TRUE(IsShownBy(verdict, Metric::kResidualRatio, values));
  EXPECT_FALSE(IsShownBy(verdict, Metric::kMaxLogit, values));
  verdict.metric = Metric::kInfiniteResiduals;
  EXPECT_TRUE(IsShownBy(verdict, Metric::kMaxRowWeight, values)) << "as for the entropy";
  MetricValues invalid;
  invalid[Metric::kInvalidRows] = 1.0;
  EXPECT_TRUE(IsShownBy(verdict, Metric::kMaxRowWeight, invalid));
  EXPECT_FALSE(IsShownBy(verdict, Metric::kMaxRowWeight, {}));
}

}  // namespace
}  // namespace attnscope::internal

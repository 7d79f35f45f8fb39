// SPDX-License-Identifier: Apache-2.0
//
// The table and the list of verdicts, as text.
#include "tools/output/report_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace attnscope::tools {
namespace {

// Two layers; the second has two heads, and its entropy is missing.
Report Example() {
  Report report;
  MetricValues& first = report.Layer(0).stats.layer;
  first[Metric::kEntropy] = 4.6123;
  first[Metric::kEffectiveRank] = 121.347;
  first[Metric::kSinkPosition] = 17;
  first[Metric::kInvalidRows] = 0;
  LayerStats& second = report.Layer(10).stats;
  second.layer[Metric::kEffectiveRank] = 2.5;
  second.layer[Metric::kResidualRatio] = 0.0001234;
  second.layer[Metric::kInvalidRows] = 0;
  second.heads.resize(2);
  second.heads[1][Metric::kEntropy] = 0.25;
  second.heads[1][Metric::kEffectiveRank] = 1e9;
  return report;
}

Verdict Make(Severity severity, int64_t layer, int64_t head, Metric metric) {
  Verdict verdict;
  verdict.severity = severity;
  verdict.layer = layer;
  verdict.head = head;
  verdict.metric = metric;
  verdict.message = std::string(NameOf(severity)) + " in " + std::to_string(layer);
  return verdict;
}

// Of a report in which everything was judged.
Diagnosis Found(const std::vector<Verdict>& verdicts) {
  Diagnosis diagnosis;
  diagnosis.is_judged = true;
  diagnosis.outcome = verdicts.empty() ? Outcome::kHealthy : Outcome::kIll;
  diagnosis.verdicts = verdicts;
  return diagnosis;
}

TEST(ReportTextTest, Table) {
  EXPECT_EQ(FormatTable(Example(), {}, {}),
            "                effective      sink  residual\n"
            "layer  entropy       rank  position     ratio\n"
            "0        4.612     121.35        17         -\n"
            "10           -       2.50         -   1.2e-04\n");
}

TEST(ReportTextTest, TableWithHeads) {
  EXPECT_EQ(FormatTable(Example(), {}, {.color = false, .per_head = true, .max_verdicts = 0}),
            "                   effective      sink  residual\n"
            "layer     entropy       rank  position     ratio\n"
            "0           4.612     121.35        17         -\n"
            "10              -       2.50         -   1.2e-04\n"
            "  head 0        -          -         -         -\n"
            "  head 1    0.250    1.0e+09         -         -\n");
}

TEST(ReportTextTest, CountsOfBadRowsAreShownIfThereAreAny) {
  Report report = Example();
  report.Layer(10).stats.layer[Metric::kUnnormalizedRows] = 12345;
  EXPECT_EQ(FormatTable(report, {}, {}),
            "                effective      sink  residual  unnormalized\n"
            "layer  entropy       rank  position     ratio          rows\n"
            "0        4.612     121.35        17         -             -\n"
            "10           -       2.50         -   1.2e-04         12345\n");
}

TEST(ReportTextTest, SpecialValues) {
  Report report;
  MetricValues& values = report.Layer(0).stats.layer;
  values[Metric::kEntropy] = 0.0;
  values[Metric::kTop5] = -0.5;
  values[Metric::kResidualRatio] = std::numeric_limits<double>::infinity();
  values[Metric::kMaxColSum] = std::numeric_limits<double>::max();
  EXPECT_EQ(FormatTable(report, {}, {}),
            "                             max\n"
            "                             col  residual\n"
            "layer  entropy    top5       sum     ratio\n"
            "0        0.000  -0.500  1.8e+308       inf\n");
}

TEST(ReportTextTest, NaNThatWasGivenIsNotMissing) {
  Report report;
  report.Layer(0).stats.layer.SetGivenAsNaN(Metric::kEntropy);
  report.Layer(1).stats.layer[Metric::kTop5] = 0.5;
  EXPECT_EQ(FormatTable(report, {}, {}),
            "layer  entropy   top5\n"
            "0          NaN      -\n"
            "1            -  0.500\n");
}

TEST(ReportTextTest, EmptyReport) { EXPECT_EQ(FormatTable({}, {}, {}), "layer\n"); }

TEST(ReportTextTest, ColorsFollowSeverity) {
  const std::vector<Verdict> verdicts = {Make(Severity::kCritical, 10, 1, Metric::kEntropy),
                                         Make(Severity::kWarning, 0, -1, Metric::kEffectiveRank)};
  const std::string plain = FormatTable(Example(), Found(verdicts), {});
  EXPECT_EQ(plain, FormatTable(Example(), {}, {}));
  EXPECT_EQ(FormatTable(Example(), Found(verdicts), {.color = true, .per_head = true, .max_verdicts = 0}),
            "                   effective      sink  residual\n"
            "layer     entropy       rank  position     ratio\n"
            "\033[33m0\033[0m           4.612     \033[33m121.35\033[0m        17         -\n"
            "\033[1;31m10\033[0m              -       2.50         -   1.2e-04\n"
            "  head 0        -          -         -         -\n"
            "\033[1;31m  head 1\033[0m    \033[1;31m0.250\033[0m    1.0e+09         -         -\n");
}

TEST(ReportTextTest, Verdicts) {
  EXPECT_EQ(FormatDiagnosis(Found({}), {}), "healthy: no verdicts\n");
  const std::vector<Verdict> verdicts = {Make(Severity::kCritical, 1, -1, Metric::kTop5),
                                         Make(Severity::kWarning, 2, -1, Metric::kTop5),
                                         Make(Severity::kWarning, 3, -1, Metric::kTop5)};
  EXPECT_EQ(FormatDiagnosis(Found(verdicts), {}),
            "1 critical, 2 warnings\n  critical in 1\n  warning in 2\n  warning in 3\n");
  EXPECT_EQ(FormatDiagnosis(Found({verdicts[0]}), {}), "1 critical\n  critical in 1\n");
  EXPECT_EQ(FormatDiagnosis(Found({verdicts[2]}), {}), "1 warning\n  warning in 3\n");
  EXPECT_EQ(FormatDiagnosis(Found({verdicts[0], verdicts[1]}), {.color = true}),
            "1 critical, 1 warning\n  \033[1;31mcritical in 1\033[0m\n  \033[33mwarning in 2\033[0m\n");
}

TEST(ReportTextTest, OnlyTheWorstVerdictsAreListed) {
  const std::vector<Verdict> verdicts(5, Make(Severity::kWarning, 1, -1, Metric::kTop5));
  EXPECT_EQ(FormatDiagnosis(Found(verdicts), {.color = false, .per_head = false, .max_verdicts = 2}),
            "5 warnings\n  warning in 1\n  warning in 1\n  and 3 more (--max-verdicts 0 lists all)\n");
  const std::string all = FormatDiagnosis(Found(verdicts), {.color = false, .per_head = false, .max_verdicts = 5});
  EXPECT_EQ(all.find("more"), std::string::npos);
}

TEST(ReportTextTest, WhatWasNotJudgedIsSaid) {
  Diagnosis diagnosis;
  diagnosis.layers = {{0, Outcome::kHealthy, true}, {10, Outcome::kNotJudged, false}};
  diagnosis.unjudged = {{Pathology::kSinkCollapse, 10, -1, "needs 32 rows, has 4"},
                        {Pathology::kVanishingLayer, 10, -1, "residual_ratio is missing"},
                        {Pathology::kExplodingUpdate, 10, -1, "residual_ratio is missing"}};
  const std::string lines =
      "  sink collapse: needs 32 rows, has 4 (layer 10)\n"
      "  vanishing layer, exploding update: residual_ratio is missing (layer 10)\n";
  EXPECT_EQ(FormatDiagnosis(diagnosis, {}), "not judged: nothing that a verdict could be about\n" + lines);
  EXPECT_NE(FormatTable(Example(), diagnosis, {}).find("\n10 (not judged)  "), std::string::npos);
  diagnosis.outcome = Outcome::kHealthy;
  diagnosis.is_judged = true;
  EXPECT_EQ(FormatDiagnosis(diagnosis, {}), "healthy: no verdicts\nnot judged\n" + lines);
  diagnosis.verdicts = {Make(Severity::kWarning, 0, -1, Metric::kTop5)};
  EXPECT_EQ(FormatDiagnosis(diagnosis, {}), "1 warning\n  warning in 0\nnot judged\n" + lines);
}

}  // namespace
}  // namespace attnscope::tools

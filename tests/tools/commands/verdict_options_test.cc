// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/verdict_options.h"

#include <gtest/gtest.h>

#include <cmath>

namespace attnscope::tools {
namespace {

TEST(VerdictOptionsTest, SetsTheNamedBoundAlone) {
  Thresholds thresholds;
  ASSERT_TRUE(SetThreshold("sink_mass_warning=0.45", &thresholds).ok());
  EXPECT_EQ(thresholds.sink_mass_warning, 0.45);
  EXPECT_EQ(thresholds.sink_mass_critical, Thresholds().sink_mass_critical);
  ASSERT_TRUE(SetThreshold("exploding_residual_ratio_critical=1e3", &thresholds).ok());
  EXPECT_EQ(thresholds.exploding_residual_ratio_critical, 1000.0);
  ASSERT_TRUE(SetThreshold("saturation_ratio_warning=nan", &thresholds).ok());
  EXPECT_TRUE(std::isnan(thresholds.saturation_ratio_warning));
  ASSERT_TRUE(SetThreshold("max_logit_warning=-2.5E-1", &thresholds).ok());
  EXPECT_EQ(thresholds.max_logit_warning, -0.25);
  ASSERT_TRUE(SetThreshold("max_logit_warning=-inf", &thresholds).ok());
  EXPECT_EQ(thresholds.max_logit_warning, -std::numeric_limits<double>::infinity());
}

TEST(VerdictOptionsTest, WrongAssignmentsAreNamed) {
  for (const char* wrong : {"", "=", "sink=1", "sink_mass_warning", "sink_mass_warning=", "sink_mass_warning=much",
                            "sink_mass_warning=0.5x", "sink_mass_warning =0.5", "sink_mass_warning= 0.5",
                            "sink_mass_warning=+1", "sink_mass_warning=--1", "sink_mass_warning=-",
                            "sink_mass_warning=0,5", "sink_mass_warning=1e999", "sink_mass_warning=-+1"}) {
    Thresholds thresholds;
    const Status status = SetThreshold(wrong, &thresholds);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << wrong;
    EXPECT_NE(status.message().find(std::string("--threshold ") + wrong + ":"), std::string::npos) << status.message();
    EXPECT_EQ(thresholds.sink_mass_warning, Thresholds().sink_mass_warning) << wrong;
  }
}

bool Fails(const char* fail_on, const Diagnosis& diagnosis) {
  VerdictOptions options;
  options.fail_on = fail_on;
  return IsFailure(options, diagnosis);
}

TEST(VerdictOptionsTest, FailsAtOrAboveTheSeverity) {
  Diagnosis diagnosis;
  diagnosis.outcome = Outcome::kIll;
  diagnosis.is_judged = true;
  diagnosis.verdicts.resize(1);
  const auto fails = [&](const char* fail_on, Severity severity) {
    diagnosis.verdicts[0].severity = severity;
    return Fails(fail_on, diagnosis);
  };
  EXPECT_FALSE(fails("", Severity::kCritical));
  EXPECT_TRUE(fails("warning", Severity::kWarning));
  EXPECT_TRUE(fails("warning", Severity::kCritical));
  EXPECT_FALSE(fails("critical", Severity::kWarning));
  EXPECT_TRUE(fails("critical", Severity::kCritical));
  EXPECT_TRUE(fails("unjudged", Severity::kWarning));
  diagnosis.outcome = Outcome::kHealthy;
  diagnosis.verdicts.clear();
  EXPECT_FALSE(Fails("warning", diagnosis));
}

TEST(VerdictOptionsTest, FailsWhereNothingWasJudged) {
  Diagnosis diagnosis;
  EXPECT_FALSE(Fails("", diagnosis));
  for (const char* fail_on : {"warning", "critical", "unjudged"}) EXPECT_TRUE(Fails(fail_on, diagnosis)) << fail_on;
  diagnosis.outcome = Outcome::kHealthy;
  diagnosis.is_judged = true;
  diagnosis.layers = {{0, Outcome::kHealthy, true}, {1, Outcome::kNotJudged, false}};
  EXPECT_FALSE(Fails("warning", diagnosis));
  EXPECT_TRUE(Fails("unjudged", diagnosis));
  diagnosis.layers[1].outcome = Outcome::kIll;  // its numbers are all bad
  EXPECT_TRUE(Fails("critical", diagnosis));
  diagnosis.layers[1] = {1, Outcome::kHealthy, true};
  EXPECT_FALSE(Fails("unjudged", diagnosis));
}

TEST(VerdictOptionsTest, KeysAreNotedWhereALogHasNone) {
  Report report;
  report.Layer(0).stats.layer[Metric::kMaxColSum] = 63.0;
  report.Layer(1).stats.layer[Metric::kKeys] = 32.0;
  report.Layer(2).stats.layer[Metric::kResidualRatio] = 0.5;
  report.Layer(2).stats.heads.resize(1);
  report.Layer(2).stats.heads[0][Metric::kEntropy] = 1.0;
  SetKeys(std::nullopt, &report);
  EXPECT_FALSE(report.Layer(0).stats.layer.Has(Metric::kKeys));
  SetKeys(64, &report);
  EXPECT_EQ(report.Layer(0).stats.layer[Metric::kKeys], 64.0);
  EXPECT_EQ(report.Layer(1).stats.layer[Metric::kKeys], 32.0);
  EXPECT_FALSE(report.Layer(2).stats.layer.Has(Metric::kKeys));
  EXPECT_EQ(report.Layer(2).stats.heads[0][Metric::kKeys], 64.0);
}

}  // namespace
}  // namespace attnscope::tools

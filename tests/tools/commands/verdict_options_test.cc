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
}

TEST(VerdictOptionsTest, WrongAssignmentsAreNamed) {
  for (const char* wrong : {"", "=", "sink=1", "sink_mass_warning", "sink_mass_warning=", "sink_mass_warning=much",
                            "sink_mass_warning=0.5x", "sink_mass_warning =0.5"}) {
    Thresholds thresholds;
    const Status status = SetThreshold(wrong, &thresholds);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << wrong;
    EXPECT_NE(status.message().find(std::string("--threshold ") + wrong + ":"), std::string::npos) << status.message();
    EXPECT_EQ(thresholds.sink_mass_warning, Thresholds().sink_mass_warning) << wrong;
  }
}

TEST(VerdictOptionsTest, FailsAtOrAboveTheSeverity) {
  std::vector<Verdict> verdicts(1);
  const auto fails = [&](const char* fail_on, Severity severity) {
    VerdictOptions options;
    options.fail_on = fail_on;
    verdicts[0].severity = severity;
    return IsFailure(options, verdicts);
  };
  EXPECT_FALSE(fails("", Severity::kCritical));
  EXPECT_TRUE(fails("warning", Severity::kWarning));
  EXPECT_TRUE(fails("warning", Severity::kCritical));
  EXPECT_FALSE(fails("critical", Severity::kWarning));
  EXPECT_TRUE(fails("critical", Severity::kCritical));
  VerdictOptions options;
  options.fail_on = "warning";
  EXPECT_FALSE(IsFailure(options, {}));
}

}  // namespace
}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
#include "render/chart/headline.h"

#include <gtest/gtest.h>

#include "tests/support/figure_checks.h"

namespace attnscope::render {
namespace {

Verdict Make(Severity severity, const std::string& message) {
  Verdict verdict;
  verdict.severity = severity;
  verdict.message = message;
  return verdict;
}

Diagnosis Ill(std::vector<Verdict> verdicts) {
  Diagnosis diagnosis;
  diagnosis.outcome = Outcome::kIll;
  diagnosis.verdicts = std::move(verdicts);
  return diagnosis;
}

RecordingCanvas Drawn(const Headline& headline, double width = 2000.0) {
  RecordingCanvas canvas;
  headline.Draw(width, &canvas);
  ExpectTidy(canvas, width, headline.Bottom());
  return canvas;
}

TEST(Headline, TitleAlone) {
  const Headline headline("A Title", {});
  const RecordingCanvas canvas = Drawn(headline);
  ASSERT_EQ(canvas.texts.size(), 1U);
  EXPECT_EQ(canvas.texts[0].text, "A Title");
  EXPECT_TRUE(canvas.shapes.empty());
}

TEST(Headline, TheWorstVerdictAndHowManyMore) {
  Headline headline("A Title", {});
  headline.AddDiagnosis(Ill({Make(Severity::kCritical, "critical: x"), Make(Severity::kCritical, "y"),
                             Make(Severity::kWarning, "z"), Make(Severity::kWarning, "w")}),
                        "Step 7: ");
  const RecordingCanvas canvas = Drawn(headline);
  EXPECT_EQ(canvas.Count("Step 7: critical: x"), 1);
  EXPECT_EQ(canvas.Count("1 more critical"), 1);
  EXPECT_EQ(canvas.Count("2 warnings"), 1);
  EXPECT_GT(headline.Bottom(), Headline("A Title", {}).Bottom());
  ASSERT_EQ(canvas.shapes.size(), 3U);
  EXPECT_FALSE(canvas.shapes[0].shape.fill.empty()) << "critical is filled";
  EXPECT_TRUE(canvas.shapes[2].shape.fill.empty()) << "a warning is hollow";
}

TEST(Headline, WarningsOnly) {
  Headline headline("A Title", {});
  headline.AddDiagnosis(Ill({Make(Severity::kWarning, "warning: x"), Make(Severity::kWarning, "y")}), "");
  EXPECT_EQ(Drawn(headline).Count("1 more warning"), 1);
  Headline single("A Title", {});
  single.AddDiagnosis(Ill({Make(Severity::kWarning, "warning: x")}), "");
  EXPECT_EQ(Drawn(single).texts.size(), 2U);
}

TEST(Headline, NoVerdictIsGoodNews) {
  Headline headline("A Title", {});
  Diagnosis diagnosis;
  diagnosis.outcome = Outcome::kHealthy;
  headline.AddDiagnosis(diagnosis, "");
  headline.AddBandKey();
  const RecordingCanvas canvas = Drawn(headline);
  EXPECT_EQ(canvas.Count("no findings"), 1);
  EXPECT_EQ(canvas.Count("healthy range"), 1);
  EXPECT_EQ(canvas.shapes.back().color, Theme{}.band);
}

TEST(Headline, WhatIsAsInTheBaselineIsCounted) {
  Diagnosis diagnosis;
  diagnosis.outcome = Outcome::kHealthy;
  diagnosis.as_in_baseline.resize(3);
  Headline headline("Title", {});
  headline.AddDiagnosis(diagnosis, "");
  RecordingCanvas canvas;
  headline.Draw(1000, &canvas);
  EXPECT_EQ(canvas.Count("no findings"), 1);
  EXPECT_EQ(canvas.Count("3 as in the baseline"), 1);
}

TEST(Headline, NoVerdictOnNothingIsNoGoodNews) {
  Diagnosis diagnosis;
  diagnosis.unjudged = {{Pathology::kSinkCollapse, 3, -1, "sink_mass is missing"},
                        {Pathology::kUniformAttention, 3, -1, "needs 16 rows, has 4"}};
  Headline nothing("A Title", {});
  nothing.AddDiagnosis(diagnosis, "Step 7: ");
  const RecordingCanvas canvas = Drawn(nothing);
  EXPECT_EQ(canvas.Count("Step 7: not judged: sink collapse: sink_mass is missing (layer 3), and 1 more"), 1);
  EXPECT_TRUE(canvas.shapes.empty()) << "no tick";
  // What was judged gets its tick, and the rest is named beside it.
  diagnosis.outcome = Outcome::kHealthy;
  Headline partly("A Title", {});
  partly.AddDiagnosis(diagnosis, "");
  const RecordingCanvas other = Drawn(partly);
  EXPECT_EQ(other.Count("no findings"), 1);
  EXPECT_EQ(other.Count("not judged: sink collapse, uniform attention"), 1);
  EXPECT_EQ(other.shapes.size(), 1U) << "one tick";
}

TEST(Headline, LongTextsShrink) {
  Headline headline(std::string(200, 'W'), {});
  headline.AddDiagnosis(Ill(std::vector(9, Make(Severity::kCritical, std::string(300, 'W')))), "");
  Drawn(headline, 400.0);
}

}  // namespace
}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/figures/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/support/figure_checks.h"
#include "tests/support/key_profiles.h"

namespace attnscope::render {
namespace {

RecordingCanvas Drawn(const std::vector<KeyProfile>& profiles, const FigureLook& look = {}, double width = 2000,
                      double height = 1500) {
  RecordingCanvas canvas;
  DrawKeys(profiles, nullptr, look, width, height, &canvas);
  ExpectTidy(canvas, width, height);
  return canvas;
}

std::vector<const RecordingCanvas::DrawnShape*> CurvesOf(const RecordingCanvas& canvas) {
  std::vector<const RecordingCanvas::DrawnShape*> curves;
  for (const auto& drawn : canvas.shapes) {
    if (drawn.shape.part == Part::kCurve) curves.push_back(&drawn);
  }
  return curves;
}

// Of one of a curve's points.
double HeightOf(const Path& path, size_t point) { return path.points()[point].y; }

TEST(Keys, EachLayerHasItsPanelWithItsHeads) {
  const RecordingCanvas canvas = Drawn(ExampleProfiles(6, 40));
  EXPECT_EQ(canvas.Count("Layer 0 - head 3: 0.62 at key 0"), 1) << "see ExampleProfiles";
  EXPECT_EQ(canvas.Count("Layer 5 - head 4: 0.31 at key 0"), 1);
  EXPECT_EQ(canvas.Count("mean over heads"), 1);
  EXPECT_EQ(canvas.Count("the head with the largest share"), 1);
  EXPECT_EQ(canvas.Count("a sink above 0.5"), 1);
  EXPECT_EQ(canvas.Count("Key Position"), 6);
  EXPECT_EQ(canvas.Count("Transformer Attention by Key Position"), 1);
  EXPECT_EQ(CurvesOf(canvas).size(), 18u) << "two lines, and the mark of the largest share";
}

TEST(Keys, PanelsShareTheirAxis) {
  // Twice the same curve, of layers with larger and smaller shares beside.
  KeyProfile profile;
  profile.heads = 1;
  profile.mean = {0.5, 0.25, 0.125, 0.125};
  KeyProfile other = profile;
  other.layer = 1;
  other.mean = {0.9, 0.05, 0.04, 0.01};
  const RecordingCanvas canvas = Drawn({profile, other});
  const auto curves = CurvesOf(canvas);
  ASSERT_EQ(curves.size(), 2u);
  // On a logarithmic axis a factor is a distance, the same in both.
  const double of_two = HeightOf(curves[0]->shape.line, 1) - HeightOf(curves[0]->shape.line, 0);
  const double of_eighteen = HeightOf(curves[1]->shape.line, 1) - HeightOf(curves[1]->shape.line, 0);
  EXPECT_GT(of_two, 10.0);
  EXPECT_NEAR(of_eighteen / of_two, std::log(18.0) / std::log(2.0), 0.02);
}

TEST(Keys, OneHeadHasOneCurve) {
  KeyProfile profile;
  profile.heads = 1;
  profile.mean = {0.5, 0.25, 0.25};
  const RecordingCanvas canvas = Drawn({profile});
  EXPECT_EQ(canvas.Count("Layer 0"), 1);
  EXPECT_EQ(canvas.Count("the head with the largest share"), 0);
  EXPECT_EQ(CurvesOf(canvas).size(), 1u);
}

TEST(Keys, NoSpikeIsLostAmongManyKeys) {
  KeyProfile profile;
  profile.heads = 2;
  profile.mean.assign(100000, 1e-5);
  profile.largest_head = 1;
  profile.largest.assign(100000, 1e-5);
  const std::vector<KeyProfile> flat = {profile};
  profile.mean[77777] = 0.25;
  const RecordingCanvas canvas = Drawn({profile});
  const auto top = [](const RecordingCanvas& of) {
    double least = 1e9;
    for (const auto* curve : CurvesOf(of)) {
      for (const Point& point : curve->shape.line.points()) least = std::min(least, point.y);
    }
    return least;
  };
  EXPECT_LT(top(canvas), top(Drawn(flat)) - 100.0);
  EXPECT_EQ(canvas.Count("each point is the largest of 125 keys"), 1);
}

TEST(Keys, ThePlainFigureHasNoBound) {
  const RecordingCanvas canvas = Drawn(ExampleProfiles(2, 40), {.plain = true});
  EXPECT_EQ(canvas.Count("a sink above 0.5"), 0);
}

TEST(Keys, TheWorstVerdictOfTheReportStandsUnderTheTitle) {
  Report report;
  report.Layer(1).stats.layer[Metric::kResidualRatio] = 0.004;
  RecordingCanvas canvas;
  DrawKeys(ExampleProfiles(3, 40), &report, {}, 2000, 1500, &canvas);
  ExpectTidy(canvas, 2000, 1500);
  EXPECT_EQ(canvas.Count("critical: vanishing layer in layer 1: residual_ratio 0.004 is below 0.01"), 1);
}

TEST(Keys, WhatIsMissingIsSaid) {
  KeyProfile nothing;
  KeyProfile nan;
  nan.layer = 1;
  nan.mean.assign(20, std::nan(""));
  KeyProfile zeros;
  zeros.layer = 2;
  zeros.mean.assign(20, 0.0);
  EXPECT_EQ(Drawn({nothing, nan, zeros}).Count("not measured"), 2);
}

TEST(Keys, AbsurdShares) {
  KeyProfile profile = ExampleProfiles(1, 50)[0];
  profile.mean[3] = HUGE_VAL;
  profile.mean[4] = -1.0;
  profile.mean[5] = 1e308;
  profile.mean[6] = 5e-324;
  profile.mean[7] = std::nan("");
  profile.largest[0] = 1e308;
  profile.layer = INT64_MAX;
  profile.largest_head = INT64_MAX;
  Drawn({profile});
}

TEST(Keys, EverySizeOfEveryNumberOfLayers) {
  for (const int layers : {1, 2, 5, 12, 20, 36}) {
    for (const auto& [width, height] : {std::pair(2000, 1500), std::pair(700, 500), std::pair(400, 300)}) {
      SCOPED_TRACE(std::to_string(layers) + " layers, " + std::to_string(width));
      Drawn(ExampleProfiles(layers, 300), {}, width, height);
    }
  }
}

}  // namespace
}  // namespace attnscope::render

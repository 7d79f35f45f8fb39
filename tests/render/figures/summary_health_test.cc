// SPDX-License-Identifier: Apache-2.0
//
// What the summary adds to the reference's layout: healthy ranges, marks, the worst verdict.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "render/figures/summary.h"
#include "tests/support/example_report.h"
#include "tests/support/figure_checks.h"
#include "tests/support/random_report.h"

namespace attnscope::render {
namespace {

RecordingCanvas Drawn(const Report& report, const FigureLook& look = {}) {
  RecordingCanvas canvas;
  DrawSummary(report, look, 2000, 1500, &canvas);
  return canvas;
}

// How many shapes of a part a picture has.
size_t CountParts(const RecordingCanvas& canvas, Part part) {
  return static_cast<size_t>(std::count_if(canvas.shapes.begin(), canvas.shapes.end(),
                                           [&](const auto& drawn) { return drawn.shape.part == part; }));
}

TEST(SummaryHealth, FlaggedLayersAreMarkedAndShaded) {
  Report report = WanderingReport(6, 0.0, 1);
  EXPECT_EQ(CountParts(Drawn(report), Part::kStripe), 0U);
  EXPECT_EQ(CountParts(Drawn(report), Part::kFlag), 1U) << "the tick before \"no findings\"";
  report.layers[4].stats.layer[Metric::kMaxRowWeight] = 0.95;
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("critical: one-hot collapse in layer 4: max_row_weight 0.95 is above 0.9"), 1);
  EXPECT_EQ(CountParts(canvas, Part::kStripe), 4U) << "entropy, rank, top-k, max row weight";
  EXPECT_EQ(CountParts(canvas, Part::kFlag), 1U + 4U);
  // The stripe is where the fifth point of the curve is, and ends before the healthy range.
  const Structure structure = StructureOf(canvas);
  const auto curve = std::find_if(structure.inks.begin(), structure.inks.end(), [](const Ink& ink) {
    return ink.part == Part::kCurve && ink.color == Theme{}.data.max_row_weight;
  });
  ASSERT_NE(curve, structure.inks.end());
  const Point point = curve->segments[4].first;
  bool found = false;
  for (const auto& [shape, color] : canvas.shapes) {
    if (shape.part != Part::kStripe) continue;
    Polylines fills;
    Flatten(shape.fill, {}, &fills);
    for (const Polylines::Contour& contour : fills.contours) {
      const Box box = BoundsOf(fills.PointsOf(contour));
      found |= box.left < point.x && point.x < box.right && box.top < point.y && point.y < box.bottom;
    }
  }
  EXPECT_TRUE(found);
}

TEST(SummaryHealth, AHeadsVerdictMarksItsLayerWithoutShadingIt) {
  Report report = WanderingReport(6, 0.0, 1);
  report.layers[2].stats.heads.assign(4, report.layers[2].stats.layer);
  report.layers[2].stats.heads[3][Metric::kMaxRowWeight] = 0.85;
  const RecordingCanvas canvas = Drawn(report);
  EXPECT_EQ(canvas.Count("warning: one-hot collapse in layer 2, head 3: max_row_weight 0.85 is above 0.8"), 1);
  EXPECT_EQ(CountParts(canvas, Part::kFlag), 1U + 4U);
  EXPECT_EQ(CountParts(canvas, Part::kStripe), 0U);
}

// The bands of a picture, from top to bottom and from left to right of their panels.
std::vector<Box> BandsOf(const RecordingCanvas& canvas) {
  std::vector<Box> boxes;
  for (const auto& [shape, color] : canvas.shapes) {
    if (shape.part != Part::kBand) continue;
    Polylines fills;
    Flatten(shape.fill, {}, &fills);
    boxes.push_back(BoundsOf(fills.points));
  }
  return boxes;
}

TEST(SummaryHealth, HealthyRangesAreWhereTheirTicksSay) {
  const RecordingCanvas canvas = Drawn(ExampleReport());
  EXPECT_EQ(CountParts(canvas, Part::kBand), 3U + 1U) << "the first block's residual ratio";
  // Both bounds of the residual ratio are drawn, and are the borders of its range.
  std::vector<double> bounds;
  for (const Ink& ink : StructureOf(canvas).inks) {
    if (ink.part == Part::kBound) bounds.push_back(ink.segments[0].first.y);
  }
  ASSERT_EQ(bounds.size(), 2U);
  const std::vector<Box> bands = BandsOf(canvas);
  EXPECT_NEAR(bands[2].bottom, bounds[0], 1e-9);
  EXPECT_NEAR(bands[2].top, bounds[1], 1e-9);
  // That of the first block is beside it, and reaches the frame: the axis is for the others.
  EXPECT_NEAR(bands[3].right, bands[2].left, 1e-9);
  EXPECT_NEAR(bands[3].bottom, bands[2].bottom, 1e-9);
  EXPECT_LT(bands[3].top, bands[2].top - 1.0);
}

TEST(SummaryHealth, TheFirstBlocksRangeIsItsOwn) {
  Report report = ExampleReport();
  report.layers[0].stats.layer[Metric::kResidualRatio] = 14.0;
  EXPECT_EQ(Drawn(report).Count("exploding"), 0);
  const std::vector<Box> bands = BandsOf(Drawn(report));
  ASSERT_EQ(bands.size(), 4U);
  EXPECT_LT(bands[3].top, bands[2].top - 10.0);
  // Without it all layers share a range, and with it alone it has the axis.
  report.layers.erase(report.layers.begin());
  EXPECT_EQ(BandsOf(Drawn(report)).size(), 3U);
  report.layers.resize(1);
  report.layers[0].layer = 0;
  report.layers[0].stats.layer[Metric::kResidualRatio] = 14.0;
  EXPECT_EQ(BandsOf(Drawn(report)).size(), 3U);
  ExpectTidy(Drawn(report), 2000, 1500);
}

TEST(SummaryHealth, ThresholdsMoveHealthyRanges) {
  const std::vector<Box> usual = BandsOf(Drawn(ExampleReport()));
  ASSERT_EQ(usual.size(), 4U);
  FigureLook look;
  look.thresholds.one_hot_effective_rank_warning = 10.0;
  look.thresholds.one_hot_max_row_weight_warning = 0.3;
  look.thresholds.vanishing_residual_ratio_warning = 0.2;
  look.thresholds.exploding_residual_ratio_warning = 0.8;
  const RecordingCanvas canvas = Drawn(ExampleReport(), look);
  const std::vector<Box> moved = BandsOf(canvas);
  ASSERT_EQ(moved.size(), 4U);
  EXPECT_NEAR(moved[0].Height() / usual[0].Height(), std::log(50.0 / 10.0) / std::log(50.0 / 2.0), 1e-3);
  EXPECT_NEAR(moved[0].top, usual[0].top, 1e-9);
  EXPECT_NEAR(moved[1].Height() / usual[1].Height(), (0.3 - 0.1) / (0.8 - 0.1), 1e-3);
  EXPECT_NEAR(moved[1].bottom, usual[1].bottom, 1e-9);
  // The lines of the bounds are the borders of the range.
  std::vector<double> bounds;
  for (const Ink& ink : StructureOf(canvas).inks) {
    if (ink.part == Part::kBound) bounds.push_back(ink.segments[0].first.y);
  }
  ASSERT_EQ(bounds.size(), 2U);
  EXPECT_NEAR(moved[2].bottom, bounds[0], 1e-9);
  EXPECT_NEAR(moved[2].top, bounds[1], 1e-9);
}

TEST(SummaryHealth, ABoundThatIsSwitchedOffLeavesItsSideOpen) {
  const double never = std::nan("");
  FigureLook look;
  look.thresholds.exploding_residual_ratio_warning = never;
  look.thresholds.exploding_residual_ratio_critical = never;
  RecordingCanvas canvas = Drawn(ExampleReport(), look);
  std::vector<Box> bands = BandsOf(canvas);
  ASSERT_EQ(bands.size(), 4U);
  EXPECT_EQ(CountParts(canvas, Part::kBound), 1U);
  EXPECT_EQ(canvas.Count("Healthy Upper Bound"), 0);
  const std::vector<std::pair<Point, Point>> frames = StructureOf(canvas).frame_lines;
  EXPECT_TRUE(std::any_of(frames.begin(), frames.end(), [&](const auto& line) {
    return line.first.x == bands[3].left && line.first.y == bands[2].top && line.second.y == bands[2].top;
  })) << "the range does not reach the frame";
  // With no bound at all there is nothing to be healthy by.
  look.thresholds.vanishing_residual_ratio_warning = never;
  look.thresholds.vanishing_residual_ratio_critical = never;
  look.thresholds.first_block_residual_ratio_warning = never;
  look.thresholds.first_block_residual_ratio_critical = never;
  look.thresholds.one_hot_effective_rank_warning = never;
  canvas = Drawn(ExampleReport(), look);
  EXPECT_EQ(BandsOf(canvas).size(), 1U) << "max row weight";
  EXPECT_EQ(CountParts(canvas, Part::kBound), 0U);
  ExpectTidy(canvas, 2000, 1500);
}

TEST(SummaryHealth, AbsurdThresholdsAreDrawn) {
  for (const double bound : {-1.0, 0.0, 1e-320, 1e308, HUGE_VAL, -HUGE_VAL}) {
    for (double Thresholds::*const field :
         {&Thresholds::one_hot_effective_rank_warning, &Thresholds::one_hot_max_row_weight_warning,
          &Thresholds::vanishing_residual_ratio_warning, &Thresholds::exploding_residual_ratio_warning}) {
      FigureLook look;
      look.thresholds.*field = bound;
      const RecordingCanvas canvas = Drawn(ExampleReport(), look);
      for (const Box& band : BandsOf(canvas)) {
        EXPECT_TRUE(std::isfinite(band.top) && std::isfinite(band.bottom) && band.top <= band.bottom) << bound;
      }
    }
  }
}

TEST(SummaryHealth, PlainIsTheBareReferenceLayout) {
  const RecordingCanvas canvas = Drawn(ExampleReport(), {.plain = true});
  for (const Part part : {Part::kBand, Part::kStripe, Part::kFlag, Part::kRing}) {
    EXPECT_EQ(CountParts(canvas, part), 0U) << NameOf(part);
  }
  EXPECT_EQ(canvas.Count("Healthy Range"), 0);
  for (const auto& [shape, color] : canvas.shapes) {
    if (shape.part == Part::kCurve) {
      EXPECT_EQ(shape.stroke.dash, 0.0);
    }
  }
  EXPECT_EQ(CountParts(canvas, Part::kBound), 2U) << "the reference's bounds stay";
  ExpectTidy(canvas, 2000, 1500);
}

TEST(SummaryHealth, ThresholdsMoveTheVerdict) {
  FigureLook look;
  look.thresholds.vanishing_residual_ratio_critical = 0.001;
  EXPECT_EQ(Drawn(ExampleReport()).Count("critical: vanishing layer in layer 6: residual_ratio 0.004 is below 0.01"),
            1);
  EXPECT_EQ(
      Drawn(ExampleReport(), look).Count("critical: one-hot collapse in layer 6: max_row_weight 0.922 is above 0.9"),
      1);
}

}  // namespace
}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/chart/curve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/support/recording_canvas.h"

namespace attnscope::render {
namespace {

std::vector<CurvePoint> Noise(size_t count, double width) {
  std::mt19937 random(16);
  std::uniform_real_distribution<double> y(0.0, 300.0);
  std::vector<CurvePoint> run;
  for (size_t i = 0; i < count; ++i) {
    run.push_back({{width * static_cast<double>(i) / static_cast<double>(count), y(random)}, i});
  }
  return run;
}

Polylines LinesOf(const Path& path) {
  Polylines lines;
  Flatten(path, {}, &lines);
  return lines;
}

TEST(Curve, DrawsEveryPointWhereThereIsRoom) {
  RecordingCanvas canvas;
  Curve({Noise(20, 800)}, {}, {Marker::kSquare}, 40.0, {}).Draw(Rgb(0x3978B5), &canvas);
  ASSERT_EQ(canvas.shapes.size(), 1U);
  EXPECT_EQ(LinesOf(canvas.shapes[0].shape.line).points.size(), 20U);
  EXPECT_EQ(LinesOf(canvas.shapes[0].shape.fill).contours.size(), 20U);
  EXPECT_EQ(canvas.shapes[0].color, Rgb(0x3978B5));
}

TEST(Curve, DenseCurvesKeepTheirOutline) {
  const std::vector<CurvePoint> run = Noise(200000, 800);
  RecordingCanvas canvas;
  Curve({run}, {}, {Marker::kSquare}, 800.0 / 200000.0, {}).Draw(Rgb(0x3978B5), &canvas);
  const Polylines lines = LinesOf(canvas.shapes[0].shape.line);
  EXPECT_LE(lines.points.size(), 2U * 802U);
  EXPECT_TRUE(canvas.shapes[0].shape.fill.empty());
  EXPECT_EQ(lines.points.front(), run.front().at);
  EXPECT_EQ(lines.points.back(), run.back().at);
  EXPECT_TRUE(std::is_sorted(lines.points.begin(), lines.points.end(),
                             [](const Point& a, const Point& b) { return a.x < b.x; }));
  // In any unit of width, the drawn line reaches as high and as low as the points did.
  for (double x = 0.0; x < 799.0; x += 37.0) {
    const auto range = [&](auto begin, auto end, auto point_of) {
      double low = 1e9, high = -1e9;
      for (auto it = begin; it != end; ++it) {
        const Point p = point_of(*it);
        if (p.x < x || p.x >= x + 3.0) continue;
        low = std::min(low, p.y);
        high = std::max(high, p.y);
      }
      return std::pair(low, high);
    };
    const auto all = range(run.begin(), run.end(), [](const CurvePoint& p) { return p.at; });
    const auto drawn = range(lines.points.begin(), lines.points.end(), [](const Point& p) { return p; });
    EXPECT_NEAR(drawn.first, all.first, 1.0);
    EXPECT_NEAR(drawn.second, all.second, 1.0);
  }
}

TEST(Curve, PointsThatStandAloneAreMarkedEvenIfDense) {
  std::vector<std::vector<CurvePoint>> runs = {{{{10, 10}, 0}}, {{{300, 20}, 1}, {{301, 30}, 2}}};
  RecordingCanvas canvas;
  Curve(runs, {}, {Marker::kCircle}, 1.0, {}).Draw(Rgb(0x000000), &canvas);
  EXPECT_EQ(LinesOf(canvas.shapes[0].shape.fill).contours.size(), 1U);
  EXPECT_EQ(LinesOf(canvas.shapes[0].shape.line).contours.size(), 1U);
}

TEST(Curve, PointsOffTheScalePointDownwards) {
  RecordingCanvas canvas;
  Curve({{{{10, 10}, 0}, {{60, 200}, 1, true}}}, {}, {Marker::kCircle}, 50.0, {}).Draw(Rgb(0x000000), &canvas);
  const Polylines fills = LinesOf(canvas.shapes[0].shape.fill);
  ASSERT_EQ(fills.contours.size(), 2U);
  EXPECT_EQ(fills.PointsOf(fills.contours[1]).size(), 3U);
}

TEST(Curve, IsAnObstacleWhereItIsDrawn) {
  const Curve curve({{{{100, 100}, 0}, {{200, 100}, 1}}}, {{{{200, 100}, {300, 200}}}}, {Marker::kCircle}, 100.0, {});
  LabelPlacer placer({0, 0, 400, 300});
  curve.AddTo(&placer);
  EXPECT_FALSE(placer.IsFree({148, 98, 152, 102}));
  EXPECT_FALSE(placer.IsFree({96, 92, 98, 95}));      // the marker
  EXPECT_FALSE(placer.IsFree({245, 145, 255, 155}));  // the bridge
  EXPECT_TRUE(placer.IsFree({140, 110, 160, 120}));
}

TEST(Curve, WithoutMarkersOnlyLonePointsAreMarked) {
  RecordingCanvas canvas;
  const std::vector<CurvePoint> line = {{{0, 0}, 0}, {{50, 9}, 1}, {{100, 4}, 2}};
  Curve({line, {{{200, 5}, 4}}}, {}, {.has_markers = false}, 50.0, {}).Draw(Rgb(0x000000), &canvas);
  ASSERT_EQ(canvas.shapes.size(), 1U);
  Polylines fills;
  Flatten(canvas.shapes[0].shape.fill, {}, &fills);
  ASSERT_EQ(fills.contours.size(), 1U);
  EXPECT_NEAR(fills.points[0].x, 200.0, 10.0);
}

TEST(Curve, DashesAndWidth) {
  RecordingCanvas canvas;
  const std::vector<CurvePoint> line = {{{0, 0}, 0}, {{50, 9}, 1}};
  Curve({line}, {}, {.dashes = Dashes::kLong, .width = 0.5}, 50.0, {}).Draw(Rgb(0x000000), &canvas);
  Curve({line}, {}, {}, 50.0, {}).Draw(Rgb(0x000000), &canvas);
  EXPECT_EQ(canvas.shapes[0].shape.stroke.width, 0.5 * canvas.shapes[1].shape.stroke.width);
  EXPECT_GT(canvas.shapes[0].shape.stroke.dash, canvas.shapes[0].shape.stroke.gap);
  EXPECT_EQ(canvas.shapes[1].shape.stroke.dash, 0.0);
}

}  // namespace
}  // namespace attnscope::render

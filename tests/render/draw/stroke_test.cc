// SPDX-License-Identifier: Apache-2.0
#include "render/draw/stroke.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "render/draw/coverage.h"

namespace attnscope::render {
namespace {

double StrokedArea(const std::vector<Point>& points, bool closed, const Stroke& stroke) {
  Polylines lines;
  lines.points = points;
  lines.contours.push_back({0, points.size(), closed});
  Polylines outline;
  Outline(lines, stroke, &outline);
  double area = 0.0;
  CoverageRasterizer rasterizer;
  rasterizer.Fill(outline, {0, 0, 120, 120}, [&](int, int, std::span<const uint8_t> row) {
    for (const uint8_t pixel : row) area += pixel / 255.0;
  });
  return area;
}

TEST(Stroke, ButtCapsEndWithTheLine) {
  EXPECT_NEAR(StrokedArea({{10, 50}, {90, 50}}, false, {.width = 4.0, .cap = Cap::kButt}), 320.0, 0.1);
  EXPECT_NEAR(StrokedArea({{10, 10}, {70, 90}}, false, {.width = 4.0, .cap = Cap::kButt}), 400.0, 1.0);
}

TEST(Stroke, RoundCapsAddADisc) {
  EXPECT_NEAR(StrokedArea({{10, 50}, {90, 50}}, false, {.width = 10.0}), 800.0 + M_PI * 25.0, 1.0);
  EXPECT_NEAR(StrokedArea({{50, 50}}, false, {.width = 10.0}), M_PI * 25.0, 1.0);
  EXPECT_NEAR(StrokedArea({{50, 50}, {50, 50}}, false, {.width = 10.0}), M_PI * 25.0, 1.0);
}

TEST(Stroke, JoinsAreRound) {
  // Two arms of 40 x 10 at a right angle overlap in a square of 5 x 5, and a quarter disc fills the outer corner.
  const double expected = 2.0 * 400.0 - 25.0 + 0.25 * M_PI * 25.0;
  EXPECT_NEAR(StrokedArea({{20, 60}, {60, 60}, {60, 20}}, false, {.width = 10.0, .cap = Cap::kButt}), expected, 1.0);
}

TEST(Stroke, ClosedLinesHaveNoEnds) {
  // A square ring with rounded corners.
  const double expected = 50.0 * 50.0 - 30.0 * 30.0 - (4.0 - M_PI) * 25.0;
  const std::vector<Point> square = {{30, 30}, {70, 30}, {70, 70}, {30, 70}};
  EXPECT_NEAR(StrokedArea(square, true, {.width = 10.0, .cap = Cap::kButt}), expected, 1.0);
}

TEST(Stroke, DashesCoverTheirShare) {
  const Stroke stroke = {.width = 2.0, .cap = Cap::kButt, .dash = 6.0, .gap = 4.0};
  EXPECT_NEAR(StrokedArea({{10, 50}, {110, 50}}, false, stroke), 120.0, 0.5);
  // The pattern goes on around corners.
  EXPECT_NEAR(StrokedArea({{10, 50}, {13, 50}, {60, 50}, {110, 50}}, false, stroke), 120.0, 0.5);
}

TEST(Stroke, DashesTooShortToSeeAreALine) {
  EXPECT_NEAR(StrokedArea({{10, 50}, {110, 50}}, false, {.width = 2.0, .cap = Cap::kButt, .dash = 1e-9, .gap = 1e-9}),
              200.0, 0.5);
}

TEST(StrokeOf, PatternsDifferAndGrowWithTheWidth) {
  EXPECT_EQ(StrokeOf(Dashes::kNone, 2.0).dash, 0.0);
  const Stroke strokes[] = {StrokeOf(Dashes::kLong, 2.0), StrokeOf(Dashes::kMedium, 2.0),
                            StrokeOf(Dashes::kShort, 2.0)};
  EXPECT_GT(strokes[0].dash, 1.4 * strokes[1].dash);
  EXPECT_GT(strokes[1].dash, 1.4 * strokes[2].dash);
  for (const Stroke& stroke : strokes) EXPECT_GT(stroke.gap, 0.0);
  EXPECT_EQ(StrokeOf(Dashes::kLong, 4.0).dash, 2.0 * strokes[0].dash);
}

}  // namespace
}  // namespace attnscope::render

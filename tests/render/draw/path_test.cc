// SPDX-License-Identifier: Apache-2.0
#include "render/draw/path.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace attnscope::render {
namespace {

double SignedArea(std::span<const Point> points) {
  double doubled = 0.0;
  for (size_t i = 0; i < points.size(); ++i) {
    const Point& a = points[i];
    const Point& b = points[(i + 1) % points.size()];
    doubled += a.x * b.y - b.x * a.y;
  }
  return 0.5 * doubled;
}

Polylines Flattened(const Path& path, const Affine& transform = {}) {
  Polylines lines;
  Flatten(path, transform, &lines);
  return lines;
}

TEST(Path, ClosedContoursTurnTheSameWay) {
  const std::array<Point, 3> clockwise = {{{0, 0}, {4, 0}, {0, 4}}};
  const std::array<Point, 3> counterclockwise = {{{0, 0}, {0, 4}, {4, 0}}};
  Path path;
  path.AddPolygon(clockwise);
  path.AddPolygon(counterclockwise);
  path.AddBox({1, 2, 3, 5});
  path.AddCircle({7, 7}, 2);
  path.AddRoundedBox({0, 0, 8, 4}, 1);
  const Polylines lines = Flattened(path);
  ASSERT_EQ(lines.contours.size(), 5U);
  const std::array<double, 5> areas = {8.0, 8.0, 6.0, 4.0 * M_PI, 32.0 - (4.0 - M_PI)};
  for (size_t i = 0; i < areas.size(); ++i) {
    EXPECT_TRUE(lines.contours[i].closed);
    EXPECT_NEAR(SignedArea(lines.PointsOf(lines.contours[i])), areas[i], 0.03 * areas[i]) << i;
  }
}

TEST(Path, TooFewPointsAddNothing) {
  Path path;
  path.AddPolyline(std::array<Point, 1>{{{1, 1}}});
  path.AddPolygon(std::array<Point, 2>{{{1, 1}, {2, 2}}});
  EXPECT_TRUE(path.empty());
}

TEST(Flatten, CirclesStayWithinTheTolerance) {
  for (const double radius : {0.3, 1.0, 6.0, 100.0, 5000.0}) {
    Path path;
    path.AddCircle({10, -20}, radius);
    const Polylines lines = Flattened(path);
    const std::span<const Point> points = lines.PointsOf(lines.contours[0]);
    for (size_t i = 0; i < points.size(); ++i) {
      const Point& a = points[i];
      const Point& b = points[(i + 1) % points.size()];
      const double middle = std::hypot(0.5 * (a.x + b.x) - 10, 0.5 * (a.y + b.y) + 20);
      EXPECT_NEAR(std::hypot(a.x - 10, a.y + 20), radius, 3e-4 * radius + 1e-9);
      EXPECT_GE(middle, radius - 0.06 - 3e-4 * radius);
    }
  }
}

TEST(Flatten, QuadraticsStayWithinTheTolerance) {
  Path path;
  path.MoveTo({0, 0});
  path.QuadraticTo({50, 100}, {100, 0});  // y = 2 x (1 - x / 100)
  const Polylines lines = Flattened(path);
  for (size_t i = 1; i < lines.points.size(); ++i) {
    const double x = 0.5 * (lines.points[i - 1].x + lines.points[i].x);
    const double y = 0.5 * (lines.points[i - 1].y + lines.points[i].y);
    EXPECT_NEAR(y, 2.0 * x * (1.0 - x / 100.0), 0.06);
  }
  EXPECT_EQ(lines.points.back(), (Point{100, 0}));
  EXPECT_FALSE(lines.contours[0].closed);
}

TEST(Flatten, TransformsFirst) {
  Path path;
  path.AddBox({0, 0, 1, 2});
  const Polylines lines = Flattened(path, {.xx = 10, .yy = 10, .dx = 5, .dy = -5});
  EXPECT_EQ(lines.points[0], (Point{5, -5}));
  EXPECT_EQ(lines.points[2], (Point{15, 15}));
}

}  // namespace
}  // namespace attnscope::render

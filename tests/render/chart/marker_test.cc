// SPDX-License-Identifier: Apache-2.0
#include "render/chart/marker.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace attnscope::render {
namespace {

constexpr Marker kAll[] = {Marker::kCircle, Marker::kSquare, Marker::kTriangle, Marker::kDiamond, Marker::kDownwards};

Box BoundsOf(const Path& path) {
  Polylines lines;
  Flatten(path, {}, &lines);
  Box box = {1e9, 1e9, -1e9, -1e9};
  for (const Point& p : lines.points) {
    box = {std::min(box.left, p.x), std::min(box.top, p.y), std::max(box.right, p.x), std::max(box.bottom, p.y)};
  }
  return box;
}

TEST(Marker, CoversItsBox) {
  for (const Marker marker : kAll) {
    for (const double size : {2.0, 12.5, 300.0}) {
      Path path;
      AddMarker(marker, {40, -30}, size, &path);
      const Box expected = MarkerBox(marker, {40, -30}, size);
      const Box actual = BoundsOf(path);
      EXPECT_NEAR(actual.left, expected.left, 1e-9);
      EXPECT_NEAR(actual.top, expected.top, 1e-9);
      EXPECT_NEAR(actual.right, expected.right, 1e-9);
      EXPECT_NEAR(actual.bottom, expected.bottom, 1e-9);
      EXPECT_EQ(expected.Center(), (Point{40, -30}));
    }
  }
}

TEST(Marker, ShapesLookEquallyLarge) {
  for (const Marker marker : kAll) {
    const Box box = MarkerBox(marker, {0, 0}, 10.0);
    EXPECT_GE(std::max(box.Width(), box.Height()), 9.0);
    EXPECT_LE(std::max(box.Width(), box.Height()), 14.5);
  }
}

TEST(Marker, AllTurnTheSameWay) {
  // Markers and lines of a curve are painted as one union, in which opposite turns would cancel out.
  for (const Marker marker : kAll) {
    Path path;
    AddMarker(marker, {0, 0}, 10.0, &path);
    Polylines lines;
    Flatten(path, {}, &lines);
    double doubled_area = 0.0;
    for (size_t i = 0; i < lines.points.size(); ++i) {
      const Point& a = lines.points[i];
      const Point& b = lines.points[(i + 1) % lines.points.size()];
      doubled_area += a.x * b.y - b.x * a.y;
    }
    EXPECT_GT(doubled_area, 0.0);
  }
}

}  // namespace
}  // namespace attnscope::render

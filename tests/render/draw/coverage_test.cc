// SPDX-License-Identifier: Apache-2.0
//
// Coverage against areas known in advance and against a slow oracle that samples each pixel.
#include "render/draw/coverage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "render/draw/stroke.h"

namespace attnscope::render {
namespace {

struct Picture {
  PixelBox box;
  std::vector<int> coverage;

  int At(int x, int y) const {
    return coverage[static_cast<size_t>(y - box.top) * static_cast<size_t>(box.right - box.left) +
                    static_cast<size_t>(x - box.left)];
  }
  double Area() const { return std::accumulate(coverage.begin(), coverage.end(), 0.0) / 255.0; }
};

Picture Rasterize(const Polylines& shapes, const PixelBox& box) {
  const auto width = static_cast<size_t>(box.right - box.left);
  Picture picture = {box, std::vector<int>(width * static_cast<size_t>(box.bottom - box.top), -1)};
  CoverageRasterizer rasterizer;
  rasterizer.Fill(shapes, box, [&](int left, int y, std::span<const uint8_t> row) {
    EXPECT_TRUE(box.top <= y && y < box.bottom);
    EXPECT_TRUE(box.left <= left && left + static_cast<int>(row.size()) <= box.right);
    for (size_t i = 0; i < row.size(); ++i) {
      int& pixel =
          picture.coverage[static_cast<size_t>(y - box.top) * width + static_cast<size_t>(left - box.left) + i];
      EXPECT_EQ(pixel, -1) << "given twice";
      pixel = row[i];
    }
  });
  for (int& pixel : picture.coverage) pixel = std::max(pixel, 0);
  return picture;
}

Picture RasterizePath(const Path& path, const PixelBox& box) {
  Polylines lines;
  Flatten(path, {}, &lines);
  return Rasterize(lines, box);
}

// Winding number of a point, by crossings of the ray to the left.
int Winding(const Polylines& shapes, Point p) {
  int winding = 0;
  for (const Polylines::Contour& contour : shapes.contours) {
    const std::span<const Point> points = shapes.PointsOf(contour);
    for (size_t i = 0; i < points.size(); ++i) {
      const Point& a = points[i];
      const Point& b = points[(i + 1) % points.size()];
      if ((a.y <= p.y) == (b.y <= p.y)) continue;
      if (a.x + (b.x - a.x) * ((p.y - a.y) / (b.y - a.y)) < p.x) winding += a.y < b.y ? 1 : -1;
    }
  }
  return winding;
}

// Share of a pixel inside the shapes, by n x n samples.
double SampledCoverage(const Polylines& shapes, int x, int y, int n) {
  int inside = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      inside += Winding(shapes, {x + (i + 0.5) / n, y + (j + 0.5) / n}) != 0 ? 1 : 0;
    }
  }
  return static_cast<double>(inside) / (n * n);
}

void AddContour(std::vector<Point> points, Polylines* shapes) {
  const size_t begin = shapes->points.size();
  shapes->points.insert(shapes->points.end(), points.begin(), points.end());
  shapes->contours.push_back({begin, shapes->points.size(), true});
}

TEST(Coverage, BoxesAtPartsOfPixels) {
  Path path;
  path.AddBox({1.25, 2.5, 4.75, 4.25});
  const Picture picture = RasterizePath(path, {0, 0, 8, 8});
  EXPECT_EQ(picture.At(1, 2), std::lround(0.75 * 0.5 * 255));
  EXPECT_EQ(picture.At(2, 2), 128);
  EXPECT_EQ(picture.At(2, 3), 255);
  EXPECT_EQ(picture.At(4, 4), std::lround(0.75 * 0.25 * 255));
  EXPECT_EQ(picture.At(5, 3), 0);
  EXPECT_NEAR(picture.Area(), 3.5 * 1.75, 0.05);
}

TEST(Coverage, AreaOfTrianglesIsExact) {
  std::mt19937 random(6);
  std::uniform_real_distribution<double> at(1.0, 39.0);
  for (int i = 0; i < 2000; ++i) {
    Polylines shapes;
    std::vector<Point> points;
    for (int j = 0; j < 3; ++j) {
      points.push_back({std::round(at(random) * 256.0) / 256.0, std::round(at(random) * 256.0) / 256.0});
    }
    AddContour(points, &shapes);
    const double area = 0.5 * std::abs((points[1].x - points[0].x) * (points[2].y - points[0].y) -
                                       (points[2].x - points[0].x) * (points[1].y - points[0].y));
    const Picture picture = Rasterize(shapes, {0, 0, 40, 40});
    // Each pixel at the border is rounded by up to 1/510, up and down alike.
    EXPECT_NEAR(picture.Area(), area, 0.1);
    if (HasFailure()) break;
  }
}

TEST(Coverage, CirclesHaveTheirArea) {
  for (const double radius : {0.4, 1.7, 6.25, 30.0}) {
    Path path;
    path.AddCircle({40.3, 39.6}, radius);
    EXPECT_NEAR(RasterizePath(path, {0, 0, 80, 80}).Area(), M_PI * radius * radius, 0.25 * radius) << radius;
  }
}

TEST(Coverage, OverlapCountsOnce) {
  Path once;
  once.AddBox({2.5, 2.5, 6.5, 6.5});
  Path twice = once;
  twice.AddBox({2.5, 2.5, 6.5, 6.5});
  twice.AddBox({3.25, 2.5, 5.0, 4.0});
  EXPECT_EQ(RasterizePath(once, {0, 0, 9, 9}).coverage, RasterizePath(twice, {0, 0, 9, 9}).coverage);
}

TEST(Coverage, OppositeContoursAreHoles) {
  Polylines shapes;
  AddContour({{1, 1}, {9, 1}, {9, 9}, {1, 9}}, &shapes);
  AddContour({{3, 3}, {3, 7}, {7, 7}, {7, 3}}, &shapes);
  const Picture picture = Rasterize(shapes, {0, 0, 10, 10});
  EXPECT_EQ(picture.At(5, 5), 0);
  EXPECT_EQ(picture.At(2, 5), 255);
  EXPECT_NEAR(picture.Area(), 64.0 - 16.0, 1e-9);
}

TEST(Coverage, JointsOfLinesDoNotShow) {
  // A line in two parts covers what the whole line covers, to the pixel.
  Polylines whole;
  Polylines parts;
  Path line;
  line.AddPolyline(std::array<Point, 2>{{{5, 7}, {45, 31}}});
  Path bent;
  bent.AddPolyline(std::array<Point, 3>{{{5, 7}, {25, 19}, {45, 31}}});
  for (const auto& [path, out] : {std::pair(&line, &whole), std::pair(&bent, &parts)}) {
    Polylines lines;
    Flatten(*path, {}, &lines);
    Outline(lines, {.width = 3.0}, out);
  }
  const Picture a = Rasterize(whole, {0, 0, 50, 40});
  const Picture b = Rasterize(parts, {0, 0, 50, 40});
  for (size_t i = 0; i < a.coverage.size(); ++i) EXPECT_NEAR(a.coverage[i], b.coverage[i], 2);
}

TEST(Coverage, AgreesWithSamplesOnSelfCrossingPolygons) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> at(-3.0, 15.0);
  for (int i = 0; i < 60; ++i) {
    Polylines shapes;
    for (int contour = 0; contour < 1 + i % 3; ++contour) {
      std::vector<Point> points;
      for (int j = 0; j < 3 + i % 5; ++j) {
        points.push_back({std::round(at(random) * 256.0) / 256.0, std::round(at(random) * 256.0) / 256.0});
      }
      AddContour(points, &shapes);
    }
    const Picture picture = Rasterize(shapes, {0, 0, 12, 12});
    for (int y = 0; y < 12; ++y) {
      for (int x = 0; x < 12; ++x) {
        EXPECT_NEAR(picture.At(x, y) / 255.0, SampledCoverage(shapes, x, y, 24), 0.06) << i << ": " << x << ", " << y;
      }
    }
    if (HasFailure()) break;
  }
}

TEST(Coverage, ClippingOnlyCuts) {
  std::mt19937 random(8);
  std::uniform_real_distribution<double> at(-20.0, 40.0);
  for (int i = 0; i < 300; ++i) {
    Polylines shapes;
    std::vector<Point> points;
    for (int j = 0; j < 5; ++j) points.push_back({at(random), at(random)});
    AddContour(points, &shapes);
    const Picture all = Rasterize(shapes, {-25, -25, 45, 45});
    const Picture part = Rasterize(shapes, {-3, 2, 17, 19});
    for (int y = 2; y < 19; ++y) {
      for (int x = -3; x < 17; ++x) EXPECT_NEAR(part.At(x, y), all.At(x, y), 1) << i << ": " << x << ", " << y;
    }
    if (HasFailure()) break;
  }
}

TEST(Coverage, FarAwayCoordinatesAreSafe) {
  Polylines shapes;
  AddContour({{-1e30, 2}, {1e30, 2}, {1e30, 1e30}, {-1e30, 1e30}}, &shapes);
  const Picture picture = Rasterize(shapes, {0, 0, 4, 4});
  EXPECT_EQ(picture.At(2, 1), 0);
  EXPECT_EQ(picture.At(0, 2), 255);
  EXPECT_EQ(picture.At(3, 3), 255);
}

TEST(Coverage, NothingToFill) {
  EXPECT_EQ(Rasterize({}, {0, 0, 4, 4}).Area(), 0.0);
  Polylines line;
  AddContour({{1, 1}, {3, 3}}, &line);
  EXPECT_EQ(Rasterize(line, {0, 0, 4, 4}).Area(), 0.0);
}

}  // namespace
}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/chart/label_placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <random>

namespace attnscope::render {
namespace {

constexpr Box kFrame = {0, 0, 400, 300};

TEST(SegmentMeetsBox, Cases) {
  const Box box = {10, 10, 20, 20};
  EXPECT_TRUE(SegmentMeetsBox({0, 15}, {30, 15}, box));
  EXPECT_TRUE(SegmentMeetsBox({12, 12}, {13, 13}, box));
  EXPECT_TRUE(SegmentMeetsBox({15, 0}, {15, 11}, box));
  EXPECT_TRUE(SegmentMeetsBox({5, 12}, {12, 5}, {8, 8, 20, 20}));
  EXPECT_FALSE(SegmentMeetsBox({0, 5}, {30, 5}, box));
  EXPECT_FALSE(SegmentMeetsBox({0, 15}, {9, 15}, box));
  EXPECT_FALSE(SegmentMeetsBox({5, 14}, {14, 5}, box));
  EXPECT_FALSE(SegmentMeetsBox({0, 10}, {30, 10}, box)) << "touching is not meeting";
  EXPECT_TRUE(SegmentMeetsBox({15, 15}, {15, 15}, box));
  EXPECT_FALSE(SegmentMeetsBox({25, 15}, {25, 15}, box));
}

// The distance between a segment and a box by sampling, 0 if they meet.
double SampledDistance(Point a, Point b, const Box& box) {
  double least = 1e9;
  for (int i = 0; i <= 2000; ++i) {
    const double t = i / 2000.0;
    const double x = a.x + t * (b.x - a.x);
    const double y = a.y + t * (b.y - a.y);
    const double dx = std::max({box.left - x, 0.0, x - box.right});
    const double dy = std::max({box.top - y, 0.0, y - box.bottom});
    least = std::min(least, std::hypot(dx, dy));
  }
  return least;
}

TEST(SegmentMeetsBox, AgreesWithSamples) {
  std::mt19937 random(12);
  std::uniform_real_distribution<double> at(0.0, 30.0);
  int met = 0;
  for (int i = 0; i < 3000; ++i) {
    const Point a = {at(random), at(random)};
    const Point b = {at(random), at(random)};
    const Box box = {10, 12, 18, 16};
    const double distance = SampledDistance(a, b, box);
    if (SegmentMeetsBox(a, b, box)) {
      ++met;
      EXPECT_LT(distance, 0.02);
    } else {
      EXPECT_GE(distance, 0.0);
      EXPECT_FALSE(SampledDistance(a, b, box.Grown(-0.02)) == 0.0);
    }
  }
  EXPECT_GT(met, 300);
}

TEST(LabelPlacer, PrefersAbove) {
  LabelPlacer placer(kFrame);
  const std::optional<Box> box = placer.PlaceAround({200, 150}, 30, 10, 8, 2);
  ASSERT_TRUE(box.has_value());
  EXPECT_EQ(box->Center().x, 200);
  EXPECT_EQ(box->bottom, 142);
}

TEST(LabelPlacer, GoesBelowAtTheUpperFrame) {
  LabelPlacer placer(kFrame);
  const std::optional<Box> box = placer.PlaceAround({200, 5}, 30, 10, 8, 2);
  ASSERT_TRUE(box.has_value());
  EXPECT_GT(box->top, 5);
}

TEST(LabelPlacer, FindsNothingWhereAllIsTaken) {
  LabelPlacer placer(kFrame);
  placer.AddBox({100, 50, 300, 250});
  EXPECT_FALSE(placer.PlaceAround({200, 150}, 30, 10, 8, 2).has_value());
}

TEST(LabelPlacer, LabelsMeetNothing) {
  std::mt19937 random(13);
  std::uniform_real_distribution<double> y(10.0, 290.0);
  for (int round = 0; round < 200; ++round) {
    LabelPlacer placer(kFrame);
    std::vector<Point> points;
    for (int i = 0; i < 12; ++i) points.push_back({20.0 + 32.0 * i, y(random)});
    placer.AddLine(points, 3.0);
    std::vector<Box> markers;
    for (const Point& p : points) markers.push_back(Box{p.x, p.y, p.x, p.y}.Grown(5));
    for (const Box& marker : markers) placer.AddBox(marker);
    std::vector<Box> labels;
    for (const Point& p : points) {
      const std::optional<Box> box = placer.PlaceAround(p, 28, 9, 8, 2);
      if (!box) continue;
      EXPECT_TRUE(kFrame.Contains(*box));
      for (const Box& other : labels) EXPECT_FALSE(box->Overlaps(other));
      for (const Box& marker : markers) EXPECT_FALSE(box->Overlaps(marker));
      for (size_t i = 1; i < points.size(); ++i) {
        EXPECT_GT(SampledDistance(points[i - 1], points[i], *box), 1.5);
      }
      labels.push_back(*box);
    }
    EXPECT_GE(labels.size(), 6U);
    if (HasFailure()) break;
  }
}

TEST(LabelPlacer, CornersAreChosenByTheirRoom) {
  LabelPlacer empty(kFrame);
  EXPECT_EQ(*empty.PlaceInCorner(100, 40, 6), (Box{294, 6, 394, 46})) << "upper right, if all are free";
  LabelPlacer rising(kFrame);
  rising.AddLine(std::array<Point, 2>{{{10, 280}, {390, 20}}}, 2.0);
  const std::optional<Box> box = rising.PlaceInCorner(100, 40, 6);
  ASSERT_TRUE(box.has_value());
  EXPECT_EQ(*box, (Box{6, 6, 106, 46}));
}

TEST(LabelPlacer, NoCornerIsFree) {
  LabelPlacer placer(kFrame);
  placer.AddLine(std::array<Point, 2>{{{0, 20}, {400, 20}}}, 2.0);
  placer.AddLine(std::array<Point, 2>{{{0, 280}, {400, 280}}}, 2.0);
  EXPECT_FALSE(placer.PlaceInCorner(100, 40, 6).has_value());
}

}  // namespace
}  // namespace attnscope::render

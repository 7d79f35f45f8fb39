// SPDX-License-Identifier: Apache-2.0
#include "render/chart/value_labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

namespace attnscope::render {
namespace {

TEST(RankForLabels, AllWhereThereIsRoom) {
  const std::vector<Point> points = {{0, 50}, {100, 20}, {200, 90}, {300, 40}, {400, 45}};
  const std::vector<size_t> order = RankForLabels(points, 40, 450);
  ASSERT_EQ(order.size(), 5U);
  EXPECT_EQ(order[0], 1U) << "the highest; y grows downwards";
  EXPECT_EQ(order[1], 2U) << "the lowest";
  EXPECT_EQ((std::set<size_t>{order[2], order[3]}), (std::set<size_t>{0U, 4U}));
}

TEST(RankForLabels, NoneAndOne) {
  EXPECT_TRUE(RankForLabels({}, 40, 400).empty());
  EXPECT_EQ(RankForLabels(std::vector<Point>{{5, 5}}, 40, 400), (std::vector<size_t>{0}));
}

TEST(RankForLabels, ThinsOutAndKeepsApart) {
  std::mt19937 random(14);
  std::uniform_real_distribution<double> y(0.0, 300.0);
  for (const size_t count : {30U, 96U, 128U, 5000U}) {
    std::vector<Point> points;
    for (size_t i = 0; i < count; ++i) {
      points.push_back({800.0 * static_cast<double>(i) / static_cast<double>(count), y(random)});
    }
    const std::vector<size_t> order = RankForLabels(points, 40, 800);
    EXPECT_LE(order.size(), 10U);
    EXPECT_GE(order.size(), 4U);
    const auto [top, bottom] =
        std::minmax_element(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.y < b.y; });
    EXPECT_EQ(points[order[0]], *top);
    EXPECT_EQ(points[order[1]], *bottom);
    for (size_t i = 2; i < order.size(); ++i) {
      for (size_t j = 0; j < i; ++j) EXPECT_GE(std::abs(points[order[i]].x - points[order[j]].x), 40.0);
    }
  }
}

TEST(RankForLabels, FlaggedPointsComeAfterTheExtremes) {
  std::vector<Point> points;
  for (int i = 0; i < 60; ++i) points.push_back({10.0 * i, 100.0 + (i % 2 == 0 ? 5.0 : -5.0)});
  points[20].y = 10.0;
  points[40].y = 190.0;
  std::vector<bool> is_flagged(points.size());
  is_flagged[31] = true;
  const std::vector<size_t> chosen = RankForLabels(points, 40, 600, is_flagged);
  ASSERT_GE(chosen.size(), 3U);
  EXPECT_EQ(chosen[0], 20U);
  EXPECT_EQ(chosen[1], 40U);
  EXPECT_EQ(chosen[2], 31U);
  EXPECT_NE(RankForLabels(points, 40, 600)[2], 31U);
}

}  // namespace
}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/sparkline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace attnscope::tools {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(SparklineTest, RisesWithTheValues) {
  const std::vector<double> values = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(Sparkline(values, {0.0, 7.0}, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline(values, {0.0, 14.0}, 8), "▁▂▂▃▃▄▄▅");
}

TEST(SparklineTest, FewValuesStandAtTheEnd) {
  const std::vector<double> values = {1, 0};
  EXPECT_EQ(Sparkline(values, {0.0, 1.0}, 5), "   █▁");
  EXPECT_EQ(Sparkline({}, {}, 3), "   ");
}

// Each character shows the last value that it stands for.
TEST(SparklineTest, ManyValuesShareCharacters) {
  const std::vector<double> values = {0, 7, 7, 0, 0, 7, 3, kNaN};
  EXPECT_EQ(Sparkline(values, {0.0, 7.0}, 4), "█▁█▄");
  std::vector<double> ramp;
  for (int i = 0; i < 8000; ++i) ramp.push_back(i / 1000);
  EXPECT_EQ(Sparkline(ramp, {0.0, 7.0}, 8), "▁▂▃▄▅▆▇█");
}

TEST(SparklineTest, WhatIsNotFiniteOrNotWithin) {
  const std::vector<double> values = {kNaN, kInfinity, -kInfinity, 9.0, -9.0};
  EXPECT_EQ(Sparkline(values, {0.0, 1.0}, 5), " █▁█▁");
  const std::vector<double> same = {2.0, 2.0, kInfinity};
  SparkRange range;
  range.Widen(same);
  EXPECT_EQ(range.low, 2.0);
  EXPECT_EQ(range.high, 2.0);
  EXPECT_EQ(Sparkline(same, range, 3), "▄▄█");
  const std::vector<double> none = {kNaN, kNaN};
  SparkRange empty;
  empty.Widen(none);
  EXPECT_EQ(Sparkline(none, empty, 2), "  ");
}

}  // namespace
}  // namespace attnscope::tools

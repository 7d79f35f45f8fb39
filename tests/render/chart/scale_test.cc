// SPDX-License-Identifier: Apache-2.0
#include "render/chart/scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "render/chart/ticks.h"

namespace attnscope::render {
namespace {

TEST(Scale, LinearFractions) {
  const Scale scale = {2.0, 6.0, false};
  EXPECT_EQ(scale.Fraction(2.0), 0.0);
  EXPECT_EQ(scale.Fraction(5.0), 0.75);
  EXPECT_EQ(scale.Fraction(7.0), 1.25);
}

TEST(Scale, LogFractions) {
  const Scale scale = {0.01, 100.0, true};
  EXPECT_DOUBLE_EQ(scale.Fraction(1.0), 0.5);
  EXPECT_DOUBLE_EQ(scale.Fraction(1000.0), 1.25);
  EXPECT_EQ(scale.Fraction(0.0), 0.0);
  EXPECT_EQ(scale.Fraction(-3.0), 0.0);
}

TEST(FitLinear, LeavesItsMargins) {
  const Scale scale = FitLinear(10.0, 30.0, 0.1, 0.2);
  EXPECT_NEAR(scale.Fraction(10.0), 0.1, 1e-12);
  EXPECT_NEAR(scale.Fraction(30.0), 0.8, 1e-12);
}

TEST(FitLinear, EqualValuesAreInTheMiddle) {
  for (const double value : {5.0, -5.0, 1e300, -1e300, 1e-200}) {
    const Scale scale = FitLinear(value, value, 0.05, 0.05);
    EXPECT_NEAR(scale.Fraction(value), 0.5, 1e-12) << value;
    EXPECT_GE(LinearTicks(scale.low, scale.high, 8).major.size(), 2U) << value;
  }
  EXPECT_NEAR(FitLinear(0.0, 0.0, 0.05, 0.05).Fraction(0.0), 0.05, 1e-12);
}

TEST(FitLog, LeavesItsMarginsInDecades) {
  const Scale scale = FitLog(0.1, 1000.0, 0.1, 0.1);
  EXPECT_NEAR(scale.Fraction(0.1), 0.1, 1e-12);
  EXPECT_NEAR(scale.Fraction(1000.0), 0.9, 1e-12);
}

TEST(Fit, AnyValuesGiveAUsableAxis) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> exponent(-300.0, 300.0);
  for (int i = 0; i < 20000; ++i) {
    double low = std::pow(10.0, exponent(random));
    double high = i % 2 == 0 ? std::pow(10.0, exponent(random)) : low * (1.0 + 1e-12 * static_cast<double>(i % 7));
    if (low > high) std::swap(low, high);
    const Scale log = FitLog(low, high, 0.12, 0.05);
    EXPECT_TRUE(0.0 < log.low && log.low < log.high && std::isfinite(log.high)) << low << " " << high;
    EXPECT_GE(LogTicks(log.low, log.high, 8).major.size(), 2U) << low << " " << high;
    if (i % 4 == 0) low = -low;
    if (low > high) std::swap(low, high);
    const Scale linear = FitLinear(low, high, 0.05, 0.05);
    EXPECT_TRUE(linear.low < linear.high && std::isfinite(linear.high - linear.low)) << low << " " << high;
    EXPECT_GE(LinearTicks(linear.low, linear.high, 8).major.size(), 2U) << low << " " << high;
    for (const double value : {low, high}) {
      EXPECT_GE(linear.Fraction(value), 0.0);
      EXPECT_LE(linear.Fraction(value), 1.0);
    }
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace attnscope::render

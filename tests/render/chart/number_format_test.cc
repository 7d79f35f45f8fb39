// SPDX-License-Identifier: Apache-2.0
#include "render/chart/number_format.h"

#include <gtest/gtest.h>

#include <limits>

namespace attnscope::render {
namespace {

TEST(FormatFixed, RoundsAndSigns) {
  EXPECT_EQ(FormatFixed(4.605, 2), "4.61");  // the double is above the half
  EXPECT_EQ(FormatFixed(0.125, 2), "0.12");  // an exact half: to even
  EXPECT_EQ(FormatFixed(-1.5, 1), "−1.5");
  EXPECT_EQ(FormatFixed(-0.0, 1), "0.0");
  EXPECT_EQ(FormatFixed(-0.04, 1), "0.0");
  EXPECT_EQ(FormatFixed(12.0, 0), "12");
  EXPECT_EQ(FormatFixed(1e300, 17).size(), 301U + 1U + 17U);
}

TEST(FormatCompact, FixedWhereItTellsSomething) {
  EXPECT_EQ(FormatCompact(0.004, 3), "0.004");
  EXPECT_EQ(FormatCompact(0.0, 3), "0.000");
  EXPECT_EQ(FormatCompact(121.3, 1), "121.3");
  EXPECT_EQ(FormatCompact(999999.0, 0), "999999");
}

TEST(FormatCompact, ScientificWhereItWouldNot) {
  EXPECT_EQ(FormatCompact(0.0004, 3), "4.0e−4");
  EXPECT_EQ(FormatCompact(-1.25e-30, 3), "−1.2e−30");
  EXPECT_EQ(FormatCompact(3.42e9, 2), "3.4e9");
  EXPECT_EQ(FormatCompact(1e300, 2), "1.0e300");
  EXPECT_EQ(FormatCompact(-1e308, 2), "−1.0e308");
}

TEST(FormatCompact, WhatIsNoNumber) {
  EXPECT_EQ(FormatCompact(std::numeric_limits<double>::infinity(), 2), "inf");
  EXPECT_EQ(FormatCompact(-std::numeric_limits<double>::infinity(), 2), "−inf");
  EXPECT_EQ(FormatCompact(std::numeric_limits<double>::quiet_NaN(), 2), "NaN");
}

TEST(FormatInteger, AllOfInt64) {
  EXPECT_EQ(FormatInteger(0), "0");
  EXPECT_EQ(FormatInteger(-12), "−12");
  EXPECT_EQ(FormatInteger(std::numeric_limits<int64_t>::min()), "−9223372036854775808");
}

TEST(PowerOfTen, Superscripts) {
  EXPECT_EQ(PowerOfTen(0), "10⁰");
  EXPECT_EQ(PowerOfTen(-2), "10⁻²");
  EXPECT_EQ(PowerOfTen(123), "10¹²³");
  EXPECT_EQ(PowerOfTen(-4567890), "10⁻⁴⁵⁶⁷⁸⁹⁰");
}

}  // namespace
}  // namespace attnscope::render

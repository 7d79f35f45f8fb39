// SPDX-License-Identifier: Apache-2.0
//
// Ticks are round, inside their range and not too many, for any range.
#include "render/chart/ticks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>

namespace attnscope::render {
namespace {

std::vector<std::string> LabelsOf(const Ticks& ticks) {
  std::vector<std::string> labels;
  for (const Tick& tick : ticks.major) labels.push_back(tick.label);
  return labels;
}

// Whether value = 1, 2 or 5 (or 2.5) times a power of ten.
bool IsRoundStep(double value, bool allow_quarters) {
  const double mantissa = value / std::pow(10.0, std::floor(std::log10(value) + 1e-9));
  for (const double round : {1.0, 2.0, 5.0, 10.0}) {
    if (std::abs(mantissa - round) < 1e-6) return true;
  }
  return allow_quarters && std::abs(mantissa - 2.5) < 1e-6;
}

void ExpectLinear(const Ticks& ticks, double low, double high, int max_count, bool allow_quarters) {
  ASSERT_LE(ticks.major.size(), static_cast<size_t>(max_count));
  ASSERT_GE(ticks.major.size(), 1U);
  std::set<std::string> labels;
  const double slack = 1e-5 * (high - low);
  for (const Tick& tick : ticks.major) {
    EXPECT_GE(tick.value, low - slack);
    EXPECT_LE(tick.value, high + slack);
    EXPECT_TRUE(labels.insert(tick.label).second) << "twice: " << tick.label;
  }
  if (ticks.major.size() < 2) return;
  const double step = ticks.major[1].value - ticks.major[0].value;
  EXPECT_TRUE(IsRoundStep(step, allow_quarters)) << step;
  for (size_t i = 1; i < ticks.major.size(); ++i) {
    EXPECT_NEAR(ticks.major[i].value - ticks.major[i - 1].value, step, 1e-5 * step);
    const double multiple = ticks.major[i].value / step;
    EXPECT_NEAR(multiple, std::round(multiple), 1e-4 + 1e-8 * std::abs(multiple))
        << ticks.major[i].value << " is no multiple of " << step;
  }
}

TEST(LinearTicks, KnownRanges) {
  EXPECT_EQ(LabelsOf(LinearTicks(0.0, 1.0, 6)), (std::vector<std::string>{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(LabelsOf(LinearTicks(-3.0, 12.0, 5)), (std::vector<std::string>{"0", "5", "10"}));
  EXPECT_EQ(LabelsOf(LinearTicks(-0.6, 0.5, 6)),
            (std::vector<std::string>{"−0.6", "−0.4", "−0.2", "0.0", "0.2", "0.4"}));
  EXPECT_EQ(LinearTicks(0.0, 1.0, 11).major[3].value, 0.3);
}

TEST(LinearTicks, LargeAndSmallValuesShareAPowerOfTen) {
  const Ticks large = LinearTicks(0.0, 1.2e6, 4);
  EXPECT_EQ(large.exponent, 6);
  EXPECT_EQ(LabelsOf(large), (std::vector<std::string>{"0.0", "0.5", "1.0"}));
  const Ticks small = LinearTicks(0.0, 4e-7, 5);
  EXPECT_EQ(small.exponent, -7);
  EXPECT_EQ(LabelsOf(small), (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(LinearTicks(0.0, 900000.0, 5).exponent, 0);
}

TEST(LinearTicks, RandomRanges) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-280.0, 280.0);
  std::uniform_real_distribution<double> relative(-6.0, 6.0);
  std::uniform_int_distribution<int> count(2, 20);
  for (int i = 0; i < 20000; ++i) {
    const double span = std::pow(10.0, exponent(random));
    const double low = (i % 3 - 1) * span * std::pow(10.0, relative(random));
    const double high = low + span;
    const int max_count = count(random);
    const Ticks ticks = LinearTicks(low, high, max_count);
    if (high - low < 2e-9 * std::max(std::abs(low), std::abs(high))) continue;
    if (ticks.major.size() > 1) {
      ExpectLinear(ticks, low, high, max_count, false);
    }
    if (max_count >= 5) {
      EXPECT_GE(ticks.major.size(), 2U) << low << " " << high << " " << max_count;
    }
    if (HasFailure()) break;
  }
}

TEST(LinearTicks, UnusableRangesHaveNone) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(LinearTicks(1.0, 1.0, 5).major.empty());
  EXPECT_TRUE(LinearTicks(2.0, 1.0, 5).major.empty());
  EXPECT_TRUE(LinearTicks(0.0, inf, 5).major.empty());
  EXPECT_TRUE(LinearTicks(std::nan(""), 1.0, 5).major.empty());
  EXPECT_TRUE(LinearTicks(1e15, 1e15 + 1.0, 5).major.empty());
}

TEST(LogTicks, PowersOfTenOverManyDecades) {
  const Ticks ticks = LogTicks(0.003, 2.0, 8);
  EXPECT_EQ(LabelsOf(ticks), (std::vector<std::string>{"10⁻²", "10⁻¹", "10⁰"}));
  EXPECT_EQ(ticks.minor.size(), 7U + 8U + 8U + 1U);  // 3..9e-3, 2..9e-2, 2..9e-1, 2
}

TEST(LogTicks, OneTwoFiveOverFewDecades) {
  EXPECT_EQ(LabelsOf(LogTicks(0.9, 60.0, 8)), (std::vector<std::string>{"1", "2", "5", "10", "20", "50"}));
  EXPECT_EQ(LabelsOf(LogTicks(0.04, 2.0, 8)), (std::vector<std::string>{"0.05", "0.1", "0.2", "0.5", "1", "2"}));
  EXPECT_EQ(LabelsOf(LogTicks(1.5e8, 2.5e9, 8)), (std::vector<std::string>{"2×10⁸", "5×10⁸", "10⁹", "2×10⁹"}));
}

TEST(LogTicks, RoundNumbersWithinADecade) {
  EXPECT_EQ(LabelsOf(LogTicks(20.5, 44.0, 6)), (std::vector<std::string>{"25", "30", "35", "40"}));
}

TEST(LogTicks, SkipsPowersThatDoNotFit) {
  const Ticks ticks = LogTicks(1e-30, 1e30, 9);
  EXPECT_EQ(LabelsOf(ticks), (std::vector<std::string>{"10⁻³⁰", "10⁻²⁰", "10⁻¹⁰", "10⁰", "10¹⁰", "10²⁰", "10³⁰"}));
}

TEST(LogTicks, RandomRanges) {
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> exponent(-290.0, 290.0);
  std::uniform_real_distribution<double> decades(-2.0, 2.0);
  std::uniform_int_distribution<int> count(3, 12);
  for (int i = 0; i < 20000; ++i) {
    const double low_log = exponent(random);
    const double high_log = std::min(low_log + std::pow(10.0, decades(random)), 300.0);
    const double low = std::pow(10.0, low_log);
    const double high = std::pow(10.0, high_log);
    const int max_count = count(random);
    const Ticks ticks = LogTicks(low, high, max_count);
    EXPECT_GE(ticks.major.size(), 1U) << low << " " << high << " " << max_count;
    EXPECT_LE(ticks.major.size(), static_cast<size_t>(max_count));
    EXPECT_LE(ticks.minor.size(), 200U);
    std::set<double> seen;
    for (const Tick& tick : ticks.major) {
      EXPECT_TRUE(low * 0.99999 <= tick.value && tick.value <= high * 1.00001) << tick.value;
      EXPECT_TRUE(seen.insert(tick.value).second);
    }
    for (const double value : ticks.minor) {
      EXPECT_TRUE(low * 0.99999 <= value && value <= high * 1.00001) << value;
      EXPECT_TRUE(seen.insert(value).second) << "both major and minor, or twice: " << value;
    }
    if (HasFailure()) break;
  }
}

TEST(LogTicks, UnusableRangesHaveNone) {
  EXPECT_TRUE(LogTicks(0.0, 1.0, 5).major.empty());
  EXPECT_TRUE(LogTicks(-1.0, 1.0, 5).major.empty());
  EXPECT_TRUE(LogTicks(1.0, std::numeric_limits<double>::infinity(), 5).major.empty());
}

TEST(IntegerTicks, KnownRanges) {
  EXPECT_EQ(IntegerTicks(0, 7, 8), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(IntegerTicks(0, 7, 7), (std::vector<int64_t>{0, 2, 4, 6}));
  EXPECT_EQ(IntegerTicks(3, 23, 5), (std::vector<int64_t>{5, 10, 15, 20}));
  EXPECT_EQ(IntegerTicks(7, 7, 5), (std::vector<int64_t>{7}));
  EXPECT_EQ(IntegerTicks(11, 13, 1), (std::vector<int64_t>{12}));
  EXPECT_EQ(IntegerTicks(11, 12, 1), (std::vector<int64_t>{12}));
  EXPECT_EQ(IntegerTicks(1, 4, 1), (std::vector<int64_t>{1}));
  EXPECT_EQ(IntegerTicks(0, 1000000000000, 3), (std::vector<int64_t>{0, 500000000000, 1000000000000}));
  EXPECT_EQ(IntegerTicks(-7, 7, 3), (std::vector<int64_t>{-5, 0, 5}));
}

TEST(IntegerTicks, AnyRangeOfInt64) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    auto low = static_cast<int64_t>(random() >> (random() % 64));
    auto high = static_cast<int64_t>(random() >> (random() % 64));
    if (i == 0) low = kMin, high = kMax;
    if (i == 1) low = kMax - 1, high = kMax;
    if (i == 2) low = kMin, high = kMin + 3;
    if (low > high) std::swap(low, high);
    const int max_count = 1 + static_cast<int>(random() % 30);
    const std::vector<int64_t> ticks = IntegerTicks(low, high, max_count);
    ASSERT_GE(ticks.size(), 1U);
    ASSERT_LE(ticks.size(), static_cast<size_t>(max_count));
    for (size_t j = 0; j < ticks.size(); ++j) {
      ASSERT_TRUE(low <= ticks[j] && ticks[j] <= high) << low << " " << high << " " << max_count;
      if (j > 0) {
        ASSERT_LT(ticks[j - 1], ticks[j]);
      }
    }
    if (ticks.size() > 2) {
      const auto step = static_cast<double>(static_cast<uint64_t>(ticks[1]) - static_cast<uint64_t>(ticks[0]));
      EXPECT_TRUE(IsRoundStep(step, false)) << step;
    }
  }
}

TEST(TwinTicks, SharePlacesAndHoldTheData) {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> exponent(-30.0, 30.0);
  std::uniform_real_distribution<double> offset(-3.0, 3.0);
  for (int i = 0; i < 5000; ++i) {
    double low[2];
    double high[2];
    for (int side = 0; side < 2; ++side) {
      const double span = std::pow(10.0, exponent(random));
      low[side] = i % 2 == 0 ? 0.0 : span * offset(random);
      high[side] = low[side] + span;
    }
    const int max_count = 4 + i % 8;
    const SharedTicks ticks = TwinTicks(low[0], high[0], low[1], high[1], max_count);
    ASSERT_EQ(ticks.left.major.size(), ticks.right.major.size());
    int side = 0;
    for (const Ticks* axis : {&ticks.left, &ticks.right}) {
      const double first = axis->major.front().value;
      const double last = axis->major.back().value;
      ExpectLinear(*axis, first, last, max_count, true);
      const double slack = 1e-5 * (last - first);
      EXPECT_LE(first, low[side] + slack);
      EXPECT_GE(last, high[side] - slack);
      // The data fill a fair part of the axis: the next finer step would not have held them.
      EXPECT_GE(high[side] - low[side], 0.2 * (last - first));
      ++side;
    }
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace attnscope::render

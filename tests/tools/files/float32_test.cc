// SPDX-License-Identifier: Apache-2.0
#include "tools/files/float32.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace attnscope::tools {
namespace {

float Narrowed(double value) {
  float narrowed = 0.0f;
  NarrowToFloat32({&value, 1}, &narrowed);
  return narrowed;
}

TEST(Float32Test, RoundsToNearest) {
  EXPECT_EQ(Narrowed(0.1), 0.1f);
  EXPECT_EQ(Narrowed(-1.0 / 3.0), -1.0f / 3.0f);
  EXPECT_EQ(Narrowed(1.0 + std::ldexp(1.0, -24)), 1.0f);  // half-way, to even
  EXPECT_EQ(Narrowed(1.0 + std::ldexp(1.1, -24)), std::nextafter(1.0f, 2.0f));
}

TEST(Float32Test, BeyondTheRangeIsInfinite) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr double kMax = std::numeric_limits<float>::max();
  EXPECT_EQ(Narrowed(kMax), std::numeric_limits<float>::max());
  EXPECT_EQ(Narrowed(std::nextafter(kMax, 1e300)), kInf);
  EXPECT_EQ(Narrowed(-1e300), -kInf);
  EXPECT_EQ(Narrowed(std::numeric_limits<double>::infinity()), kInf);
  EXPECT_TRUE(std::isnan(Narrowed(std::numeric_limits<double>::quiet_NaN())));
}

TEST(Float32Test, NegativeStaysNegative) {
  EXPECT_LT(Narrowed(-1e-300), 0.0f);
  EXPECT_EQ(Narrowed(1e-300), 0.0f);
  EXPECT_EQ(Narrowed(-0.0), 0.0f);
}

TEST(Float32Test, EveryElementInItsPlace) {
  std::vector<double> from(100);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<double>(i) + 0.25;
  std::vector<float> to(from.size(), -1.0f);
  NarrowToFloat32(from, to.data());
  for (size_t i = 0; i < from.size(); ++i) EXPECT_EQ(to[i], static_cast<float>(i) + 0.25f);
}

}  // namespace
}  // namespace attnscope::tools

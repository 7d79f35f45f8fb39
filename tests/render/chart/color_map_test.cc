// SPDX-License-Identifier: Apache-2.0
//
// The colour map, measured in OKLab (Ottosson 2020) and as colour-blind readers see it.
#include "render/chart/color_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/color_vision.h"

namespace attnscope::render {
namespace {

TEST(ColorMap, EqualStepsLookEquallyLarge) {
  constexpr int kStride = 8;  // 8-bit colours are too coarse for single steps
  std::vector<double> steps;
  double sum = 0.0;
  for (int i = kStride; i < kColorMapSteps; ++i) {
    steps.push_back(Distance(OklabOf(ColorMap(i)), OklabOf(ColorMap(i - kStride))));
    sum += steps.back();
  }
  const double mean = sum / static_cast<double>(steps.size());
  for (const double step : steps) EXPECT_NEAR(step, mean, 0.15 * mean);
}

TEST(ColorMap, LightnessGrowsForEveryReader) {
  for (const Vision vision : kAllVisions) {
    for (int i = 16; i < kColorMapSteps; ++i) {
      EXPECT_GT(OklabOf(SeenBy(vision, ColorMap(i)))[0], OklabOf(SeenBy(vision, ColorMap(i - 16)))[0] + 0.01)
          << i << ", vision " << static_cast<int>(vision);
    }
  }
  EXPECT_LT(OklabOf(ColorMap(0))[0], 0.26);
  EXPECT_GT(OklabOf(ColorMap(kColorMapSteps - 1))[0], 0.92);
}

TEST(ColorMap, EndsAndSteps) {
  EXPECT_EQ(ColorMap(0), Rgb(0x2B0C44));
  EXPECT_EQ(ColorMap(kColorMapSteps - 1), Rgb(0xFCF15D));
  EXPECT_EQ(ColorMap(-5), ColorMap(0));
  EXPECT_EQ(ColorMap(1000), ColorMap(kColorMapSteps - 1));
  EXPECT_EQ(ColorMapStep(0.0), 0);
  EXPECT_EQ(ColorMapStep(1.0), kColorMapSteps - 1);
  EXPECT_EQ(ColorMapStep(-1e300), 0);
  EXPECT_EQ(ColorMapStep(HUGE_VAL), kColorMapSteps - 1);
  EXPECT_EQ(ColorMapStep(0.5), 128);
}

TEST(ContrastTo, IsReadableOnEveryColourOfTheMap) {
  for (int i = 0; i < kColorMapSteps; ++i) {
    EXPECT_GT(ContrastRatio(ContrastTo(ColorMap(i)), ColorMap(i)), 3.0) << i;
  }
  EXPECT_EQ(ContrastTo(Rgb(0x000000)), Rgb(0xFFFFFF));
  EXPECT_EQ(ContrastTo(Rgb(0xFFFFFF)), Rgb(0x000000));
}

}  // namespace
}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
//
// The themes, as everybody sees them.
#include "render/chart/theme.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/color_vision.h"

namespace attnscope::render {
namespace {

// What is seen of a colour over another.
Color Over(const Color& color, const Color& below) {
  const auto mix = [&](uint8_t above, uint8_t under) {
    return static_cast<uint8_t>(std::lround(above * color.alpha + under * (1.0 - color.alpha)));
  };
  return {mix(color.red, below.red), mix(color.green, below.green), mix(color.blue, below.blue)};
}

std::vector<Color> DataColorsOf(const Theme& theme) {
  const DataColors& d = theme.data;
  return {d.entropy,        d.effective_rank, d.top5,        d.top10,         d.top50,
          d.max_row_weight, d.col_entropy,    d.max_col_sum, d.residual_ratio};
}

// The least distance in OKLab of two colours, over all readers; 0.02 is barely seen side by side.
double LeastDistance(const Color& a, const Color& b) {
  double least = 1e9;
  for (const Vision vision : kAllVisions) {
    least = std::min(least, Distance(OklabOf(SeenBy(vision, a)), OklabOf(SeenBy(vision, b))));
  }
  return least;
}

TEST(Theme, TextAndCurvesStandOut) {
  for (const Theme& theme : {LightTheme(), DarkTheme()}) {
    EXPECT_GT(ContrastRatio(theme.text, theme.background), 12.0);
    EXPECT_GT(ContrastRatio(theme.muted, theme.background), 4.5);
    EXPECT_GT(ContrastRatio(theme.critical, theme.background), 4.5);
    EXPECT_GT(ContrastRatio(theme.warning, theme.background), 2.8);
    // The reference's orange, translucent as it is there, has 2.39 on white; all others more than 3.
    int pale = 0;
    for (const Color& color : DataColorsOf(theme)) {
      const double contrast = ContrastRatio(Over(color, theme.background), theme.background);
      EXPECT_GT(contrast, 2.3);
      pale += contrast < 3.0 ? 1 : 0;
    }
    EXPECT_LE(pale, 2);
    // Text and curves also stand on shaded ranges.
    EXPECT_GT(ContrastRatio(theme.text, Over(theme.band, theme.background)), 10.0);
  }
}

TEST(Theme, SeveritiesAreToldApartByEverybody) {
  for (const Theme& theme : {LightTheme(), DarkTheme()}) {
    const Color healthy = ColorOf(Severity::kHealthy, theme);
    const Color warning = ColorOf(Severity::kWarning, theme);
    const Color critical = ColorOf(Severity::kCritical, theme);
    EXPECT_EQ(healthy.alpha, 1.0);
    EXPECT_GT(LeastDistance(warning, critical), 0.12);
    EXPECT_GT(LeastDistance(healthy, critical), 0.12);
  }
}

TEST(Theme, ShadedRangesAndFlaggedLayersAreToldApart) {
  for (const Theme& theme : {LightTheme(), DarkTheme()}) {
    const Color band = Over(theme.band, theme.background);
    const Color critical = Over(WithAlpha(theme.critical, theme.stripe_alpha), theme.background);
    const Color warning = Over(WithAlpha(theme.warning, theme.stripe_alpha), theme.background);
    EXPECT_GT(LeastDistance(band, theme.background), 0.02);
    EXPECT_GT(LeastDistance(critical, theme.background), 0.02);
    EXPECT_GT(LeastDistance(warning, theme.background), 0.02);
    EXPECT_GT(LeastDistance(band, critical), 0.01);
  }
}

// Where the choice is ours: the curves that share a panel.
TEST(Theme, DarkCurvesOfAPanelAreToldApartByEverybody) {
  const Theme theme = DarkTheme();
  const auto seen = [&](const Color& color) { return Over(color, theme.background); };
  const DataColors& d = theme.data;
  EXPECT_GT(LeastDistance(seen(d.top5), seen(d.top10)), 0.1);
  EXPECT_GT(LeastDistance(seen(d.top5), seen(d.top50)), 0.1);
  EXPECT_GT(LeastDistance(seen(d.top10), seen(d.top50)), 0.1);
  EXPECT_GT(LeastDistance(d.col_entropy, d.max_col_sum), 0.1);
}

TEST(Theme, LightCurvesHaveTheReferenceColours) {
  const DataColors d = LightTheme().data;
  EXPECT_EQ(d.entropy, Rgb(0x7191A9));
  EXPECT_EQ(d.effective_rank, Rgb(0xB73C39));
  EXPECT_EQ(d.top10, Rgb(0xCC8250, 0.8));
  EXPECT_EQ(d.max_col_sum, Rgb(0x4A9C60));
  EXPECT_EQ(LightTheme().background, Rgb(0xFFFFFF));
}

}  // namespace
}  // namespace attnscope::render

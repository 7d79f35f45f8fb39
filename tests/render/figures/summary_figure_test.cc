// SPDX-License-Identifier: Apache-2.0
//
// The public call: limits, determinism, and the example picture to the last bit.
#include "attnscope/summary_figure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "tests/support/example_report.h"
#include "tests/support/golden_picture.h"
#include "tests/support/random_report.h"

namespace attnscope {
namespace {

Image Rendered(const Report& report, const FigureOptions& options = {}) {
  Image image;
  const Status status = RenderSummary(report, options, &image);
  EXPECT_TRUE(status.ok()) << status.message();
  return image;
}

TEST(RenderSummary, DefaultSize) {
  const Image image = Rendered(ExampleReport());
  EXPECT_EQ(image.width, 2000);
  EXPECT_EQ(image.height, 1500);
  EXPECT_EQ(image.pixels_per_inch, 100.0);
  EXPECT_EQ(image.rgb.size(), 2000U * 1500U * 3U);
}

TEST(RenderSummary, ScaleChangesTheDensity) {
  const Image image = Rendered(ExampleReport(), {.width = 800, .height = 600, .scale = 2.5});
  EXPECT_EQ(image.width, 2000);
  EXPECT_EQ(image.height, 1500);
  EXPECT_EQ(image.pixels_per_inch, 250.0);
  const Image tiny = Rendered(ExampleReport(), {.width = 400, .height = 300, .scale = 0.1});
  EXPECT_EQ(tiny.width, 40);
  EXPECT_EQ(tiny.height, 30);
}

// Mean brightness of each block of 20 x 20 layout units.
std::vector<double> Blocks(const Image& image, size_t scale) {
  const size_t side = 20 * scale;
  const size_t columns = static_cast<size_t>(image.width) / side;
  const size_t rows = static_cast<size_t>(image.height) / side;
  std::vector<double> blocks(columns * rows);
  for (size_t y = 0; y < rows * side; ++y) {
    for (size_t x = 0; x < columns * side; ++x) {
      const double green = image.rgb[3 * (y * static_cast<size_t>(image.width) + x) + 1];
      blocks[y / side * columns + x / side] += green / static_cast<double>(side * side);
    }
  }
  return blocks;
}

TEST(RenderSummary, ScaleKeepsTheLayout) {
  const std::vector<double> a = Blocks(Rendered(ExampleReport()), 1);
  const std::vector<double> b = Blocks(Rendered(ExampleReport(), {.scale = 4.0}), 4);
  ASSERT_EQ(a.size(), b.size());
  double difference = 0.0;
  double deviation = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::abs(a[i] - b[i]);
    deviation += std::abs(a[i] - 255.0);
  }
  EXPECT_LT(difference, 0.15 * deviation);
}

TEST(RenderSummary, RefusesSizesBeyondTheirRange) {
  const double nan = std::nan("");
  for (const auto& [options, culprit] : {std::pair(FigureOptions{399, 1500, 1.0}, "width is 399"),
                                         std::pair(FigureOptions{20001, 1500, 1.0}, "width is 20001"),
                                         std::pair(FigureOptions{2000, 299, 1.0}, "height is 299"),
                                         std::pair(FigureOptions{2000, -1, 1.0}, "height is -1"),
                                         std::pair(FigureOptions{2000, 1500, 0.05}, "scale is 0.05"),
                                         std::pair(FigureOptions{2000, 1500, 17.0}, "scale is 17"),
                                         std::pair(FigureOptions{2000, 1500, nan}, "scale is nan"),
                                         std::pair(FigureOptions{20000, 20000, 1.0}, "400000000 pixels")}) {
    Image image;
    image.width = 77;
    const Status status = RenderSummary(ExampleReport(), options, &image);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(culprit), std::string::npos) << status.message();
    EXPECT_EQ(image.width, 77);
  }
}

TEST(RenderSummary, SameReportSameBytes) {
  const Report report = WanderingReport(24, 0.3, 2);
  std::vector<uint8_t> first;
  std::vector<uint8_t> second;
  ASSERT_TRUE(EncodePng(Rendered(report), &first).ok());
  ASSERT_TRUE(EncodePng(Rendered(report), &second).ok());
  EXPECT_EQ(first, second);
}

TEST(RenderSummary, DrawsAnyReport) {
  for (uint32_t seed = 1000; seed < 1150; ++seed) {
    const Report report = AbsurdReport(seed, 2);
    const Image image = Rendered(report, {.width = 600, .height = 450, .scale = seed % 2 == 0 ? 1.0 : 0.37});
    // The title is there at least.
    EXPECT_LT(*std::min_element(image.rgb.begin(), image.rgb.end()), 100);
  }
}

TEST(RenderSummary, DrawsThousandsOfLayers) {
  const Image image = Rendered(WanderingReport(20000, 1.0, 4), {.width = 1000, .height = 750});
  EXPECT_EQ(image.width, 1000);
}

// The same picture on every machine and with every compiler.
TEST(RenderSummary, ExampleIsTheGoldenPicture) {
  ExpectGolden("summary_golden", FigureKind::kSummary, {ExampleReport()}, {.width = 1000, .height = 750});
}

}  // namespace
}  // namespace attnscope

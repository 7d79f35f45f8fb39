// SPDX-License-Identifier: Apache-2.0
//
// Pictures to the last bit: the same on every machine and with every compiler. After a change that is meant, look at
// the new pictures that the failing tests leave in the temporary folder, and let them replace those in tests/data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "attnscope/figure.h"
#include "example_report.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#include <stb_image.h>

namespace attnscope {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Exact on every machine: no function but products, sums and square roots.
void SetValues(double sharpness, MetricValues* values) {
  (*values)[Metric::kEntropy] = 5.0 * (1.0 - sharpness);
  (*values)[Metric::kEffectiveRank] = 1.0 + 120.0 * (1.0 - sharpness) * (1.0 - sharpness);
  (*values)[Metric::kNormalizedEntropy] = 0.75 * (1.0 - sharpness);
  (*values)[Metric::kMaxRowWeight] = 0.05 + 0.9 * sharpness * sharpness;
  (*values)[Metric::kSinkMass] = 0.02 + 0.6 * sharpness * sharpness * sharpness;
  (*values)[Metric::kResidualRatio] = 0.2 + 0.5 * (1.0 - sharpness);
}

// Six layers of eight heads at one time; layer 4 collapses as time goes on.
Report ReportAt(int time) {
  Report report;
  report.epoch = time + 1;
  for (int l = 0; l < 6; ++l) {
    LayerStats& stats = report.Layer(l).stats;
    stats.heads.resize(8);
    const double drift = l == 4 ? 0.07 * time : 0.004 * time;
    SetValues(std::min(0.97, 0.2 + 0.05 * l + drift), &stats.layer);
    for (int h = 0; h < 8; ++h) {
      const double own = (h * 5 + l * 3) % 8 / 8.0;
      SetValues(std::min(0.99, 0.1 + 0.04 * l + 0.4 * own + drift), &stats.heads[static_cast<size_t>(h)]);
    }
  }
  report.layers[1].stats.heads[6][Metric::kSinkMass] = std::nan("");
  return report;
}

std::vector<Report> ExampleHistory() {
  std::vector<Report> reports;
  for (int time = 0; time < 12; ++time) reports.push_back(ReportAt(time));
  return reports;
}

// What differs, in red, on a faint copy of the expected picture.
Image DifferenceOf(const Image& expected, const Image& actual) {
  Image difference = expected;
  for (size_t i = 0; i < expected.rgb.size(); i += 3) {
    const bool same = std::equal(&expected.rgb[i], &expected.rgb[i] + 3, &actual.rgb[i]);
    for (size_t c = 0; c < 3; ++c) {
      const int faint = 192 + expected.rgb[i + c] / 4;
      difference.rgb[i + c] = static_cast<uint8_t>(same ? faint : c == 0 ? 220 : 0);
    }
  }
  return difference;
}

Image Load(const std::string& path) {
  Image image;
  int channels = 0;
  unsigned char* const pixels = stbi_load(path.c_str(), &image.width, &image.height, &channels, 3);
  if (pixels == nullptr) return image;
  image.rgb.assign(pixels, pixels + 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height));
  std::free(pixels);
  return image;
}

void ExpectGolden(const std::string& name, FigureKind kind, const std::vector<Report>& reports,
                  const FigureOptions& options) {
  Image actual;
  const Status status = RenderFigure(kind, reports, options, &actual);
  ASSERT_TRUE(status.ok()) << status.message();
  const Image expected = Load(ATTNSCOPE_TEST_DATA "/" + name + ".png");
  if (expected.width == actual.width && expected.rgb == actual.rgb) return;
  const std::string actual_path = testing::TempDir() + name + "_actual.png";
  EXPECT_TRUE(WritePng(actual, actual_path).ok());
  const std::string difference_path = testing::TempDir() + name + "_difference.png";
  if (expected.width == actual.width && expected.height == actual.height) {
    EXPECT_TRUE(WritePng(DifferenceOf(expected, actual), difference_path).ok());
  }
  FAIL() << "the picture changed: see " << actual_path << " and " << difference_path;
}

TEST(GoldenFigure, Plain) {
  ExpectGolden("plain_golden", FigureKind::kSummary, {ExampleReport()}, {.width = 1000, .height = 750, .plain = true});
}

TEST(GoldenFigure, Dark) {
  ExpectGolden("dark_golden", FigureKind::kSummary, {ExampleReport()}, {.width = 1000, .height = 750, .dark = true});
}

TEST(GoldenFigure, Heads) {
  ExpectGolden("heads_golden", FigureKind::kHeads, {ReportAt(9)}, {.width = 1000, .height = 750});
}

TEST(GoldenFigure, History) {
  ExpectGolden("history_golden", FigureKind::kHistory, ExampleHistory(), {.width = 1000, .height = 750});
}

TEST(GoldenFigure, Svg) {
  std::string actual;
  ASSERT_TRUE(RenderFigureSvg(FigureKind::kSummary, {{ExampleReport()}}, {}, &actual).ok());
  if (actual == Read(ATTNSCOPE_TEST_DATA "/summary_golden.svg")) return;
  const std::string path = testing::TempDir() + "summary_golden_actual.svg";
  std::ofstream(path, std::ios::binary) << actual;
  FAIL() << "the document changed: see " << path;
}

}  // namespace
}  // namespace attnscope

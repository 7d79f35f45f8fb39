// SPDX-License-Identifier: Apache-2.0
#include "tests/support/golden_picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#include <stb_image.h>

#include "tests/support/data_file.h"

namespace attnscope {
namespace {

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

}  // namespace

void ExpectGoldenOf(const std::string& name, FigureKind kind, const FigureData& data, const FigureOptions& options) {
  Image actual;
  const Status status = RenderFigureOf(kind, data, options, &actual);
  ASSERT_TRUE(status.ok()) << status.message();
  const Image expected = Load(DataFile(name + ".png"));
  if (expected.width == actual.width && expected.rgb == actual.rgb) return;
  const std::string actual_path = testing::TempDir() + name + "_actual.png";
  EXPECT_TRUE(WritePng(actual, actual_path).ok());
  const std::string difference_path = testing::TempDir() + name + "_difference.png";
  if (expected.width == actual.width && expected.height == actual.height) {
    EXPECT_TRUE(WritePng(DifferenceOf(expected, actual), difference_path).ok());
  }
  FAIL() << "the picture changed: see " << actual_path << " and " << difference_path;
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "render/draw/png.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb_image.h>

namespace attnscope {
namespace {

Image RandomImage(int width, int height) {
  std::mt19937 random(15);
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(3 * static_cast<size_t>(width) * static_cast<size_t>(height));
  for (uint8_t& byte : image.rgb) byte = static_cast<uint8_t>(random() % 3 == 0 ? random() : 0xFF);
  return image;
}

uint32_t Number(const std::vector<uint8_t>& bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

// CRC-32 by its definition, one bit at a time.
uint32_t Crc32(const std::vector<uint8_t>& bytes, size_t begin, size_t end) {
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = begin; i < end; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

TEST(EncodePng, DecodesToTheSamePixels) {
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(7, 3), std::pair(300, 200)}) {
    const Image image = RandomImage(width, height);
    std::vector<uint8_t> png;
    ASSERT_TRUE(EncodePng(image, &png).ok());
    int w = 0, h = 0, channels = 0;
    unsigned char* pixels = stbi_load_from_memory(png.data(), static_cast<int>(png.size()), &w, &h, &channels, 3);
    ASSERT_NE(pixels, nullptr) << stbi_failure_reason();
    EXPECT_EQ(w, width);
    EXPECT_EQ(h, height);
    EXPECT_EQ(channels, 3);
    EXPECT_EQ(std::vector<uint8_t>(pixels, pixels + image.rgb.size()), image.rgb);
    std::free(pixels);
  }
}

TEST(EncodePng, ChunksAreWellFormedAndStateTheResolution) {
  Image image = RandomImage(40, 30);
  image.pixels_per_inch = 254.0;
  std::vector<uint8_t> png;
  ASSERT_TRUE(EncodePng(image, &png).ok());
  std::string names;
  size_t at = 8;
  while (at + 12 <= png.size()) {
    const size_t length = Number(png, at);
    const std::string name(png.begin() + static_cast<ptrdiff_t>(at) + 4, png.begin() + static_cast<ptrdiff_t>(at) + 8);
    ASSERT_LE(at + 12 + length, png.size());
    EXPECT_EQ(Number(png, at + 8 + length), Crc32(png, at + 4, at + 8 + length)) << name;
    if (name == "pHYs") {
      EXPECT_EQ(Number(png, at + 8), 10000U);
      EXPECT_EQ(Number(png, at + 12), 10000U);
      EXPECT_EQ(png[at + 16], 1);
    }
    names += name + " ";
    at += 12 + length;
  }
  EXPECT_EQ(at, png.size());
  EXPECT_EQ(names, "IHDR pHYs IDAT IEND ");
}

// The colour type is the tenth byte of IHDR's data: 2 is RGB, 3 indexed.
TEST(EncodePng, FewColoursAreIndexed) {
  for (const int colors : {1, 2, 255, 256, 257}) {
    Image image;
    image.width = 60;
    image.height = 50;
    for (int i = 0; i < 3000; ++i) {
      const int color = i % colors;
      image.rgb.insert(image.rgb.end(), {static_cast<uint8_t>(color), static_cast<uint8_t>(color >> 8), 77});
    }
    std::vector<uint8_t> png;
    ASSERT_TRUE(EncodePng(image, &png).ok());
    EXPECT_EQ(png[25], colors <= 256 ? 3 : 2) << colors;
    int w = 0, h = 0, channels = 0;
    unsigned char* pixels = stbi_load_from_memory(png.data(), static_cast<int>(png.size()), &w, &h, &channels, 3);
    ASSERT_NE(pixels, nullptr) << stbi_failure_reason();
    EXPECT_EQ(std::vector<uint8_t>(pixels, pixels + image.rgb.size()), image.rgb);
    std::free(pixels);
  }
}

TEST(EncodePng, ACompressorWithoutMemoryIsAnError) {
  std::vector<uint8_t> png = {1, 2, 3};
  const Status status = render::EncodePngWith(
      RandomImage(40, 30), [](std::span<const uint8_t>, std::vector<uint8_t>*) { return false; }, &png);
  EXPECT_EQ(status.code(), StatusCode::kOutOfMemory);
  EXPECT_NE(status.message().find("40 x 30"), std::string::npos) << status.message();
  EXPECT_EQ(png, (std::vector<uint8_t>{1, 2, 3}));
}

TEST(EncodePng, RefusesImagesThatDoNotFit) {
  const std::vector<uint8_t> before = {1, 2, 3};
  for (const auto& [width, height, bytes] : {std::tuple(0, 5, 0), std::tuple(-2, -2, 12), std::tuple(4, 4, 47),
                                             std::tuple(4, 4, 49), std::tuple(1 << 20, 1 << 20, 3)}) {
    Image image;
    image.width = width;
    image.height = height;
    image.rgb.resize(static_cast<size_t>(bytes));
    std::vector<uint8_t> png = before;
    const Status status = EncodePng(image, &png);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(std::to_string(width)), std::string::npos) << status.message();
    EXPECT_EQ(png, before);
  }
}

TEST(WritePng, WritesWhatEncodePngGives) {
  const Image image = RandomImage(20, 10);
  const std::string path = testing::TempDir() + "attnscope_png_test.png";
  ASSERT_TRUE(WritePng(image, path).ok());
  std::vector<uint8_t> png;
  ASSERT_TRUE(EncodePng(image, &png).ok());
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::vector<uint8_t>((std::istreambuf_iterator<char>(file)), {}), png);
  std::remove(path.c_str());
}

TEST(WritePng, NamesThePathThatItCannotWrite) {
  const Status status = WritePng(RandomImage(2, 2), "/no/such/folder/picture.png");
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("/no/such/folder/picture.png"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// What is compressed comes back, by the inflater of stb_image.
#include "render/deflate.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb_image.h>

namespace attnscope::render {
namespace {

std::vector<uint8_t> Inflated(const std::vector<uint8_t>& stream, size_t expected_size) {
  int size = 0;
  char* bytes = stbi_zlib_decode_malloc_guesssize_headerflag(reinterpret_cast<const char*>(stream.data()),
                                                             static_cast<int>(stream.size()),
                                                             static_cast<int>(expected_size + 64), &size, 1);
  EXPECT_NE(bytes, nullptr) << stbi_failure_reason();
  std::vector<uint8_t> result(bytes, bytes + (bytes == nullptr ? 0 : size));
  std::free(bytes);
  return result;
}

// Adler-32 by its definition, one byte at a time.
uint32_t Adler32(const std::vector<uint8_t>& bytes) {
  uint32_t a = 1, b = 0;
  for (const uint8_t byte : bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void ExpectRoundTrip(const std::vector<uint8_t>& bytes) {
  const std::vector<uint8_t> stream = CompressZlib(bytes);
  ASSERT_GE(stream.size(), 6U);
  EXPECT_EQ((stream[0] * 256 + stream[1]) % 31, 0);
  EXPECT_EQ(Inflated(stream, bytes.size()), bytes);
  uint32_t checksum = 0;  // stb does not look at it
  for (size_t i = stream.size() - 4; i < stream.size(); ++i) checksum = checksum << 8 | stream[i];
  EXPECT_EQ(checksum, Adler32(bytes));
}

TEST(Deflate, ShortInputs) {
  for (size_t size = 0; size < 300; ++size) {
    ExpectRoundTrip(std::vector<uint8_t>(size, 'a'));
    std::vector<uint8_t> distinct(size);
    for (size_t i = 0; i < size; ++i) distinct[i] = static_cast<uint8_t>(i * 37);
    ExpectRoundTrip(distinct);
  }
}

TEST(Deflate, RandomInputsOfAllKinds) {
  std::mt19937 random(10);
  for (int round = 0; round < 120; ++round) {
    std::vector<uint8_t> bytes(random() % 200000);
    const size_t alphabet = 1 + random() % (round % 4 == 0 ? 256 : 6);
    const size_t run = 1 + random() % (round % 3 == 0 ? 1000 : 3);
    uint8_t byte = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (random() % run == 0) byte = static_cast<uint8_t>(random() % alphabet);
      // Now and then copy from far away, up to beyond the window.
      const size_t back = 1 + random() % 40000;
      bytes[i] = round % 5 == 0 && i > back && random() % 8 != 0 ? bytes[i - back] : byte;
    }
    ExpectRoundTrip(bytes);
    if (HasFailure()) break;
  }
}

TEST(Deflate, CopiesAtTheEdgeOfTheWindow) {
  std::mt19937 random(11);
  for (const size_t distance : {32767U, 32768U, 32769U, 65536U}) {
    std::vector<uint8_t> bytes(distance + 500);
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = i < distance ? static_cast<uint8_t>(random()) : bytes[i - distance];
    }
    ExpectRoundTrip(bytes);
  }
}

TEST(Deflate, PlainGroundCostsNextToNothing) {
  EXPECT_LT(CompressZlib(std::vector<uint8_t>(9000000, 0xFF)).size(), 9000000U / 500);
}

}  // namespace
}  // namespace attnscope::render

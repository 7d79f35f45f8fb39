// SPDX-License-Identifier: Apache-2.0
#include "render/huffman.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace attnscope::render {
namespace {

// The share of all bit strings that a code uses up, in 2^-15.
uint32_t KraftSum(const std::vector<HuffmanCode>& code) {
  uint32_t sum = 0;
  for (const HuffmanCode& symbol : code) sum += symbol.length == 0 ? 0 : 1U << (15 - symbol.length);
  return sum;
}

uint64_t TotalBits(const std::vector<HuffmanCode>& code, std::span<const uint32_t> counts) {
  uint64_t bits = 0;
  for (size_t i = 0; i < code.size(); ++i) bits += uint64_t{counts[i]} * code[i].length;
  return bits;
}

void ExpectPrefixFree(const std::vector<HuffmanCode>& code) {
  for (size_t i = 0; i < code.size(); ++i) {
    for (size_t j = 0; j < code.size(); ++j) {
      if (i == j || code[i].length == 0 || code[j].length < code[i].length) continue;
      // Bits are sent from the lowest, so that a prefix is made of the lowest bits.
      const uint32_t mask = (1U << code[i].length) - 1;
      EXPECT_NE(code[j].bits & mask, code[i].bits) << i << " begins " << j;
    }
  }
}

TEST(Huffman, KnownTree) {
  const std::array<uint32_t, 6> counts = {45, 13, 12, 16, 9, 5};  // the optimum is 224 bits
  const std::vector<HuffmanCode> code = MakeHuffmanCode(counts, 15);
  EXPECT_EQ(TotalBits(code, counts), 224U);
  EXPECT_EQ(KraftSum(code), 1U << 15);
  ExpectPrefixFree(code);
}

TEST(Huffman, FewSymbols) {
  EXPECT_EQ(KraftSum(MakeHuffmanCode(std::array<uint32_t, 3>{0, 0, 0}, 15)), 0U);
  const std::vector<HuffmanCode> one = MakeHuffmanCode(std::array<uint32_t, 3>{0, 7, 0}, 15);
  EXPECT_EQ(one[0].length, 0);
  EXPECT_EQ(one[1].length, 1);
}

TEST(Huffman, CanonicalCodeOfRfc1951) {
  const std::vector<HuffmanCode> code = CanonicalCode(std::array<uint8_t, 8>{3, 3, 3, 3, 3, 2, 4, 4});
  // ABCDEFGH are 010 011 100 101 110 00 1110 1111, here from the lowest bit on.
  const std::array<uint32_t, 8> reversed = {0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111};
  for (size_t i = 0; i < code.size(); ++i) EXPECT_EQ(code[i].bits, reversed[i]) << i;
}

TEST(Huffman, LimitedCodesAreCompleteAndOrdered) {
  std::mt19937 random(9);
  for (int round = 0; round < 500; ++round) {
    const int max_length = round % 2 == 0 ? 7 : 15;
    std::vector<uint32_t> counts(round % 2 == 0 ? 19 : 286);
    uint32_t a = 1, b = 1;
    for (uint32_t& count : counts) {
      // Fibonacci numbers make the deepest trees.
      count = round % 3 == 0 ? a : static_cast<uint32_t>(random()) >> (random() % 32);
      const uint32_t next = a + b;
      a = b;
      b = next < 500000000U ? next : 1;
    }
    const std::vector<HuffmanCode> code = MakeHuffmanCode(counts, max_length);
    EXPECT_EQ(KraftSum(code), 1U << 15);
    ExpectPrefixFree(code);
    for (size_t i = 0; i < counts.size(); ++i) {
      EXPECT_LE(code[i].length, max_length);
      EXPECT_EQ(code[i].length == 0, counts[i] == 0);
      for (size_t j = 0; j < counts.size(); ++j) {
        if (counts[i] > counts[j] && counts[j] > 0) {
          EXPECT_LE(code[i].length, code[j].length);
        }
      }
    }
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace attnscope::render

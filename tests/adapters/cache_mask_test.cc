// SPDX-License-Identifier: Apache-2.0
//
// Masks as llama.cpp makes them, read: causality in order is said as such, anything else with positions, and what
// cannot be known is an error.
#include "attnscope/cache_mask.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/elements.h"

namespace attnscope::test {
namespace {

constexpr size_t kCells = 12;

// A mask of the given type; rows of 3 more elements, which are NaN.
class CacheMaskTest : public ::testing::TestWithParam<ElementType> {
 protected:
  CacheMaskTest() : positions_(kCells) { std::iota(positions_.begin(), positions_.end(), 0); }

  Status Read(size_t queries, const std::function<float(size_t row, size_t cell)>& value) {
    const ElementType type = GetParam();
    const size_t stride = kCells + 3;
    memory_.assign(queries * stride * ElementBytes(type), 0xFF);
    for (size_t i = 0; i < queries; ++i) {
      for (size_t j = 0; j < kCells; ++j) StoreElement(type, value(i, j), memory_.data(), i * stride + j);
    }
    bytes_.assign(queries * kCells, 7);
    return ReadCacheMask({.data = memory_.data(), .type = type, .query_stride = static_cast<int64_t>(stride)}, queries,
                         kCells, positions_.data(), bytes_.data(), &rows_);
  }

  static float Hidden() { return -INFINITY; }

  std::vector<int64_t> positions_;
  std::vector<uint8_t> memory_, bytes_;
  CacheMaskRows rows_;
};

TEST_P(CacheMaskTest, CausalRowsOfAPaddedCache) {
  ASSERT_TRUE(Read(3, [](size_t i, size_t j) { return j <= 4 + i ? 0.0f : Hidden(); }).ok());
  EXPECT_TRUE(rows_.causal);
  EXPECT_EQ(rows_.cells, 7u);
  EXPECT_TRUE(rows_.visibility.causal);
  EXPECT_EQ(rows_.visibility.causal_offset, 4);
  EXPECT_EQ(rows_.visibility.window, 0);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < kCells; ++j) EXPECT_EQ(bytes_[i * kCells + j], j <= 4 + i ? 1 : 0) << i << " " << j;
  }
}

TEST_P(CacheMaskTest, WindowsAlsoBeforeTheyAreFull) {
  const auto window = [](size_t first) {
    return [first](size_t i, size_t j) { return j <= first + i && j + 4 > first + i ? 0.0f : Hidden(); };
  };
  ASSERT_TRUE(Read(5, window(5)).ok());
  EXPECT_TRUE(rows_.causal);
  EXPECT_EQ(rows_.visibility.window, 4);
  EXPECT_EQ(rows_.visibility.causal_offset, 5);
  ASSERT_TRUE(Read(6, window(1)).ok());
  EXPECT_TRUE(rows_.causal);
  EXPECT_EQ(rows_.visibility.window, 4);
  EXPECT_EQ(rows_.visibility.causal_offset, 1);
}

TEST_P(CacheMaskTest, AnythingElseHasPositions) {
  const auto expect_positions = [&](const std::string& what) {
    EXPECT_FALSE(rows_.causal) << what;
    EXPECT_EQ(rows_.positions.size(), kCells) << what;
  };
  ASSERT_TRUE(Read(2, [](size_t, size_t j) { return j < 5 ? 0.0f : Hidden(); }).ok());
  expect_positions("no causality");
  ASSERT_TRUE(Read(2, [](size_t i, size_t j) { return j <= 4 + i && j != 2 ? 0.0f : Hidden(); }).ok());
  expect_positions("a gap");
  EXPECT_EQ(rows_.positions[2], -1) << "no row sees it";
  EXPECT_EQ(rows_.positions[3], 3);
  ASSERT_TRUE(
      Read(2, [](size_t i, size_t j) { return j <= 4 + i ? -0.5f * static_cast<float>(4 + i - j) : Hidden(); }).ok());
  expect_positions("distances");
  ASSERT_TRUE(Read(2, [](size_t, size_t) { return Hidden(); }).ok());
  expect_positions("rows that see nothing");
  EXPECT_EQ(rows_.cells, 0u);
  std::swap(positions_[1], positions_[2]);
  ASSERT_TRUE(Read(2, [](size_t i, size_t j) { return j <= 4 + i ? 0.0f : Hidden(); }).ok());
  expect_positions("cells in another order");
  EXPECT_EQ(rows_.positions[1], 2);
}

TEST_P(CacheMaskTest, FiniteMasks) {
  const float lowest = GetParam() == ElementType::kFloat16 ? -65504.0f : -1e9f;
  ASSERT_TRUE(Read(1, [&](size_t, size_t j) { return j <= 4 ? 0.0f : lowest; }).ok());
  EXPECT_TRUE(rows_.causal);
  EXPECT_EQ(rows_.cells, 5u);
}

TEST_P(CacheMaskTest, WhatIsNotKnownIsAnError) {
  const auto causal = [](size_t i, size_t j) { return j <= 4 + i ? 0.0f : Hidden(); };
  positions_[3] = -1;
  rows_.cells = 77;
  EXPECT_EQ(Read(2, causal).message(), "a row sees cell 3, whose position is not known");
  EXPECT_EQ(rows_.cells, 77u) << "unchanged";
  positions_[3] = 1;
  EXPECT_EQ(Read(2, causal).message(), "a row sees cell 3 of position 1, which another cell has that a row sees");
  positions_[3] = 3;
  positions_[11] = 3;
  EXPECT_TRUE(Read(2, causal).ok()) << "no row sees cell 11";
  const int64_t largest = std::numeric_limits<int64_t>::max();
  positions_[11] = 11;
  positions_[3] = largest;  // whatever its size, it costs no memory
  EXPECT_TRUE(Read(2, causal).ok());
  EXPECT_EQ(rows_.positions[3], largest);
  positions_[5] = largest;
  EXPECT_EQ(Read(2, causal).message(),
            "a row sees cell 5 of position " + std::to_string(largest) + ", which another cell has that a row sees");
  EXPECT_EQ(ReadCacheMask({}, 2, kCells, positions_.data(), nullptr, &rows_).message(), "the mask is null");
  EXPECT_EQ(ReadCacheMask({.data = memory_.data()}, 2, 1, nullptr, nullptr, &rows_).message(),
            "the positions of cells are null");
  EXPECT_TRUE(ReadCacheMask({}, 2, 0, nullptr, nullptr, &rows_).ok()) << "an empty cache";
  const uint16_t bfloats[kCells] = {};
  EXPECT_EQ(
      ReadCacheMask({.data = bfloats, .type = ElementType::kBFloat16}, 1, kCells, positions_.data(), nullptr, &rows_)
          .message(),
      "the mask is neither float32 nor float16");
}

INSTANTIATE_TEST_SUITE_P(, CacheMaskTest, ::testing::Values(ElementType::kFloat32, ElementType::kFloat16),
                         [](const auto& info) { return NameOf(ElementType(info.param)); });

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Rows of any type as float32: every half, every length around the vectors', rows that end at a page that faults.
#include "kernels/simd/copy_row.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

using CopyRowTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(CopyRowTest);

TEST_P(CopyRowTest, EveryHalf) {
  std::vector<uint16_t> halves(65536);
  for (size_t bits = 0; bits < halves.size(); ++bits) halves[bits] = static_cast<uint16_t>(bits);
  std::vector<float> copy(halves.size());
  for (const ElementType type : {ElementType::kFloat16, ElementType::kBFloat16}) {
    CopyRow(halves.data(), type, halves.size(), copy.data());
    for (size_t i = 0; i < halves.size(); ++i) {
      const long double exact = ValueOfHalf(halves[i], ExponentBits(type));
      if (std::isnan(exact)) {
        ASSERT_TRUE(std::isnan(copy[i])) << NameOf(type) << ", bits " << i;
      } else {
        ASSERT_EQ(static_cast<long double>(copy[i]), exact) << NameOf(type) << ", bits " << i;
        ASSERT_EQ(std::signbit(copy[i]), std::signbit(exact)) << NameOf(type) << ", bits " << i;
      }
    }
  }
}

TEST_P(CopyRowTest, EveryLengthAndPlace) {
  constexpr size_t kMostColumns = 150;  // more than two of the longest vectors
  GuardedBuffer from(kMostColumns * sizeof(float) + 64);
  GuardedBuffer to(kMostColumns * sizeof(float) + 64);
  Random random(1);
  for (const ElementType type : kAllTypes) {
    const size_t bytes = ElementBytes(type);
    for (size_t count = 0; count <= kMostColumns; ++count) {
      for (const size_t misaligned : {size_t{0}, size_t{1}, size_t{3}}) {
        void* row =
            misaligned == 0 ? from.PlaceAtEnd(count * bytes) : from.PlaceAtFront(count * bytes, misaligned * bytes);
        auto* copy =
            static_cast<float*>(misaligned == 0 ? to.PlaceAtEnd(count * sizeof(float))
                                                : to.PlaceAtFront(count * sizeof(float), misaligned * sizeof(float)));
        for (size_t i = 0; i < count; ++i) StoreElement(type, static_cast<float>(random.Uniform()), row, i);
        CopyRow(row, type, count, copy);
        for (size_t i = 0; i < count; ++i) {
          ASSERT_EQ(static_cast<long double>(copy[i]), LoadElement(type, row, i)) << NameOf(type) << ", " << count;
        }
        ASSERT_TRUE(to.SlackIntact()) << NameOf(type) << ", " << count;
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::test

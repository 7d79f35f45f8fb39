// SPDX-License-Identifier: Apache-2.0
//
// Sums of squares against a long-double oracle: every length up to 300, every element type, and no overflow or
// underflow at the ends of the range.
#include "kernels/norms.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostElements = 100000;

class NormsTest : public TargetTest {
 protected:
  NormsTest() : before_memory_(kMostElements * sizeof(float)), after_memory_(kMostElements * sizeof(float)) {}

  void Check(ElementType type, const std::vector<float>& before, const std::vector<float>& after,
             const std::string& what) {
    const size_t size = before.size();
    const size_t bytes = size * ElementBytes(type);
    void* from = size % 3 == 0 ? before_memory_.PlaceAtFront(bytes, size % 16 * ElementBytes(type))
                               : before_memory_.PlaceAtEnd(bytes);
    void* to = after_memory_.PlaceAtEnd(bytes);
    StoreElements(type, before, from);
    StoreElements(type, after, to);
    long double exact_update = 0.0L, exact_before = 0.0L;
    for (size_t i = 0; i < size; ++i) {
      const long double input = LoadElement(type, from, i);
      const long double update = LoadElement(type, to, i) - input;
      exact_update += update * update;
      exact_before += input * input;
    }
    const std::string where = what + ", " + NameOf(type) + ", " + std::to_string(size) + " elements";
    const UpdateSquares squares = SumUpdateSquares(from, to, type, size);
    // The difference of two float32 far apart is rounded to float64: twice 2^-53, squared.
    record_.Add(squares.update, exact_update, 1e-12L * exact_update, "update, " + where);
    record_.Add(squares.before, exact_before, 1e-12L * exact_before, "before, " + where);
    record_.Add(SumSquares(from, type, size), exact_before, 1e-12L * exact_before, "SumSquares, " + where);
  }

  GuardedBuffer before_memory_;
  GuardedBuffer after_memory_;
  ErrorRecord record_{"sum_of_squares"};
};
ATTNSCOPE_FOR_EACH_TARGET(NormsTest);

std::vector<float> Normals(Random& random, size_t size, double scale) {
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(scale * random.Normal());
  return values;
}

TEST_P(NormsTest, EveryLength) {
  Random random(1);
  std::vector<size_t> sizes = {511, 512, 513, 4097, kMostElements};
  for (size_t size = 0; size <= 300; ++size) sizes.push_back(size);
  for (const ElementType type : kAllTypes) {
    for (const size_t size : sizes) {
      Check(type, Normals(random, size, 1.0), Normals(random, size, 1.0), "unit");
      std::vector<float> before = Normals(random, size, 3.0);
      std::vector<float> after = before;
      for (float& value : after) value *= 1.01f;  // small updates: the difference cancels
      Check(type, before, after, "small update");
    }
  }
  record_.Report(1e-6);
}

TEST_P(NormsTest, NeitherOverflowNorUnderflow) {
  for (const size_t size : {size_t{1}, size_t{7}, size_t{300}, kMostElements}) {
    const std::vector<float> largest(size, FLT_MAX);
    const std::vector<float> lowest(size, -FLT_MAX);
    const std::vector<float> smallest(size, FLT_TRUE_MIN);
    const std::vector<float> zeros(size);
    for (const ElementType type : {ElementType::kFloat32, ElementType::kBFloat16}) {
      // FLT_MAX rounds to infinity in bfloat16; 2^127 is in both.
      const float scale = type == ElementType::kBFloat16 ? 0.5f : 1.0f;
      std::vector<float> high = largest;
      std::vector<float> low = lowest;
      for (float& value : high) value *= scale;
      for (float& value : low) value *= scale;
      Check(type, high, low, "from the largest to the lowest");
      Check(type, zeros, high, "from zero to the largest");
      Check(type, high, zeros, "from the largest to zero");
    }
    Check(ElementType::kFloat32, smallest, zeros, "from the smallest denormal to zero");
    Check(ElementType::kFloat32, zeros, smallest, "from zero to the smallest denormal");
    EXPECT_GT(SumSquares(smallest.data(), ElementType::kFloat32, size), 0.0);
    EXPECT_TRUE(std::isfinite(SumSquares(largest.data(), ElementType::kFloat32, size)));
  }
}

TEST_P(NormsTest, EveryHalf) {
  for (const ElementType type : {ElementType::kFloat16, ElementType::kBFloat16}) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const uint16_t half[2] = {static_cast<uint16_t>(bits), 0};
      const long double value = ValueOfHalf(half[0], ExponentBits(type));
      const double squares = SumSquares(half, type, 2);
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(squares)) << NameOf(type) << ", bits " << bits;
      } else {
        ASSERT_EQ(squares, static_cast<double>(value * value)) << NameOf(type) << ", bits " << bits;
      }
    }
  }
}

// Not looked for, but also not lost.
TEST_P(NormsTest, NaNAndInfinitySpread) {
  for (const size_t size : {size_t{1}, size_t{19}, size_t{100}}) {
    for (size_t position = 0; position < size; ++position) {
      std::vector<float> values(size, 1.0f);
      const std::vector<float> ones = values;
      values[position] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(std::isnan(SumSquares(values.data(), ElementType::kFloat32, size)));
      EXPECT_TRUE(std::isnan(SumUpdateSquares(ones.data(), values.data(), ElementType::kFloat32, size).update));
      values[position] = -std::numeric_limits<float>::infinity();
      EXPECT_TRUE(std::isinf(SumSquares(values.data(), ElementType::kFloat32, size)));
      EXPECT_TRUE(std::isinf(SumUpdateSquares(values.data(), ones.data(), ElementType::kFloat32, size).before));
    }
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// The sums of the k largest weights of rows, several k at a time, against long double: every k of a list, rows shorter
// than k, ties, zeros, weights beyond what patterns order, and rows that are invalid.
#include "kernels/top_k/largest_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/limits.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostColumns = 9000;

class LargestSumsTest : public TargetTest {
 protected:
  LargestSumsTest() : memory_(kMostColumns * sizeof(float)) {}

  // A row whose last weight is the last readable one.
  void Check(ElementType type, const std::vector<float>& weights, const std::vector<uint32_t>& k,
             const std::string& what) {
    void* row = memory_.PlaceAtEnd(weights.size() * ElementBytes(type));
    StoreElements(type, weights, row);
    std::vector<long double> exact = LoadElements(type, row, weights.size());
    const bool valid =
        std::all_of(exact.begin(), exact.end(), [](long double x) { return std::isfinite(x) && x >= 0.0L; });
    if (valid) std::sort(exact.begin(), exact.end(), std::greater<>());
    const std::vector<WeightsRow> rows(2, WeightsRow{row, weights.size()});
    std::vector<double> sums(2 * k.size() + 1, -7.0);
    SumLargest(type, rows, k, sums.data());
    EXPECT_EQ(sums.back(), -7.0);
    for (size_t i = 0; i < 2 * k.size(); ++i) {
      const uint32_t of = k[i % k.size()];
      const std::string where = what + ", " + std::to_string(weights.size()) + " weights, top " + std::to_string(of);
      if (!valid) {
        EXPECT_TRUE(std::isnan(sums[i])) << where;
        continue;
      }
      long double sum = 0.0L;
      for (size_t j = 0; j < std::min<size_t>(of, exact.size()); ++j) sum += exact[j];
      EXPECT_TRUE(Within(sums[i], sum, 1e-12L * sum)) << where;
      if (i % k.size() != 0) {
        EXPECT_GE(sums[i], sums[i - 1]) << where;
      }
    }
  }

  GuardedBuffer memory_;
};
ATTNSCOPE_FOR_EACH_TARGET(LargestSumsTest);

TEST_P(LargestSumsTest, EveryKindAndLength) {
  for (const size_t columns : std::initializer_list<size_t>{0, 1, 2, 15, 16, 17, 63, 64, 65, 128, 255, 256, 257, 1000,
                                                            1024, 1025, 4096, 8999}) {
    for (const RowInput& input : AllRowInputs()) {
      Random random(columns);
      std::vector<float> row(columns);
      input.fill(random, row);
      for (const ElementType type : kAllTypes) Check(type, row, {1, 2, 64, 65, 128, 500, 1023, 1024}, input.name);
    }
  }
}

TEST_P(LargestSumsTest, EveryK) {
  Random random(5);
  std::vector<float> row(3000);
  for (float& weight : row) weight = static_cast<float>(random.Below(700)) * 0x1p-20f;  // with ties
  for (uint32_t k = 1; k <= kMaxTopK; k += kSlowBuild ? 17 : 1) {
    std::vector<uint32_t> values = {k};
    if (k > 40) values.insert(values.begin(), {k / 3, k - 1});
    Check(ElementType::kFloat32, row, values, "random");
  }
}

// -0.0 is a zero, and weights above 2^64 are weights, whose patterns say neither.
TEST_P(LargestSumsTest, UnusualWeights) {
  for (const float odd : {-0.0f, 3e38f, std::nanf(""), std::numeric_limits<float>::infinity(), -1.0f, -1e-45f}) {
    for (const size_t columns : {size_t{1}, size_t{70}, size_t{300}, size_t{5000}}) {
      for (const size_t place : {size_t{0}, columns / 2, columns - 1}) {
        Random random(columns);
        std::vector<float> row(columns);
        for (float& weight : row) weight = static_cast<float>(random.Below(1000)) * 0x1p-20f;
        row[place] = odd;
        if (odd == 3e38f) row[columns / 3] = odd;
        Check(ElementType::kFloat32, row, {1, 5, 66, 200}, "with " + std::to_string(odd));
      }
    }
    Check(ElementType::kFloat32, std::vector<float>(500, odd), {3, 100, 1000}, "all " + std::to_string(odd));
  }
}

}  // namespace
}  // namespace attnscope::test

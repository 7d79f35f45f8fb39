// SPDX-License-Identifier: Apache-2.0
//
// float16 and bfloat16 in the weights sweep: every bit pattern there is, against the exact value that it stands for.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/sweep/weights_sweep.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/open_sweep.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr ElementType kHalfTypes[] = {ElementType::kFloat16, ElementType::kBFloat16};

using WeightsSweepHalfTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(WeightsSweepHalfTest);

// Each pattern stands alone in a row, at the place that its bits choose: in a vector or in the remainder.
TEST_P(WeightsSweepHalfTest, EveryPatternAlone) {
  constexpr size_t kKeys = 71;
  OpenSweep sweep(kKeys);
  std::vector<uint16_t> row(kKeys);
  for (const ElementType type : kHalfTypes) {
    for (uint32_t bits = 0; bits < 65536; bits += kSlowBuild ? 3 : 1) {
      const size_t position = size_t{bits} * 7 % kKeys;
      row[position] = static_cast<uint16_t>(bits);
      MatrixInMemory matrix;
      matrix.data = row.data();
      matrix.type = type;
      matrix.rows = 1;
      matrix.keys = kKeys;
      sweep.Clear();
      sweep.Add(matrix.All());
      const ExactRow exact = ExactRowOf(LoadElements(type, row.data(), kKeys));
      row[position] = 0;
      ASSERT_EQ(sweep[RowSumOf<Metric::kInvalidRows>()], exact.invalid ? 1.0 : 0.0)
          << NameOf(type) << ", bits " << bits;
      if (exact.invalid) {
        ASSERT_EQ(sweep.Column(position), 0.0) << NameOf(type) << ", bits " << bits;
        continue;
      }
      ASSERT_EQ(sweep[RowSumOf<Metric::kEmptyRows>()], exact.empty ? 1.0 : 0.0) << NameOf(type) << ", bits " << bits;
      ASSERT_EQ(sweep[RowSumOf<Metric::kMaxRowWeight>()], static_cast<double>(exact.max))
          << NameOf(type) << ", bits " << bits;
      ASSERT_EQ(sweep[TopMassSum(0)], static_cast<double>(exact.max)) << NameOf(type) << ", bits " << bits;
      ASSERT_EQ(sweep.Column(position), static_cast<double>(exact.max)) << NameOf(type) << ", bits " << bits;
      ASSERT_TRUE(Within(sweep[RowSumOf<Metric::kEntropy>()], exact.entropy, exact.entropy_bound()))
          << NameOf(type) << ", bits " << bits;
    }
  }
}

// All valid patterns of the range that weights have, [0, 2], 100 to a row, in several rows at once.
TEST_P(WeightsSweepHalfTest, EveryWeightTogether) {
  constexpr size_t kKeys = 100;
  for (const ElementType type : kHalfTypes) {
    std::vector<uint16_t> values;
    const uint16_t two = NearestHalf(2.0f, ExponentBits(type));
    for (uint16_t bits = 0; bits <= two; ++bits) values.push_back(bits);
    values.resize((values.size() + kKeys - 1) / kKeys * kKeys);
    // Neighbouring patterns have nearly the same value: spread them over the rows.
    std::vector<uint16_t> spread(values.size());
    for (size_t i = 0; i < values.size(); ++i) spread[i] = values[i * 7919 % values.size()];
    MatrixInMemory matrix;
    matrix.data = spread.data();
    matrix.type = type;
    matrix.rows = spread.size() / kKeys;
    matrix.keys = kKeys;
    matrix.stride = kKeys;
    OpenSweep sweep(kKeys);
    sweep.Add(matrix.All());
    const ExactMatrix exact = ExactMatrixOf(matrix.ExactRows());
    long double entropy = 0.0L, bound = 0.0L, top50 = 0.0L, max = 0.0L;
    for (const ExactRow& row : exact.rows) {
      entropy += row.entropy;
      bound += row.entropy_bound();
      top50 += row.top50;
      max += row.max;
    }
    EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kEntropy>()], entropy, bound)) << NameOf(type);
    EXPECT_TRUE(Within(sweep[TopMassSum(2)], top50, 2e-6L * top50)) << NameOf(type);
    EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kMaxRowWeight>()], max, 1e-12L * max)) << NameOf(type);
    for (size_t i = 0; i < kKeys; ++i) {
      EXPECT_TRUE(Within(sweep.Column(i), exact.columns[i], 1e-6L * exact.columns[i])) << NameOf(type) << i;
    }
  }
}

// The test's own conversions: rounding to the nearest element brings each element back.
TEST(ElementsTest, StoringWhatWasLoadedChangesNothing) {
  for (const ElementType type : kHalfTypes) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const auto half = static_cast<uint16_t>(bits);
      const long double value = ValueOfHalf(half, ExponentBits(type));
      if (std::isnan(value)) continue;
      ASSERT_EQ(NearestHalf(static_cast<float>(value), ExponentBits(type)), half) << NameOf(type);
    }
  }
  EXPECT_EQ(NearestHalf(1.0f, 5), 0x3C00);
  EXPECT_EQ(NearestHalf(1.0f, 8), 0x3F80);
  EXPECT_EQ(NearestHalf(65520.0f, 5), 0x7C00);             // halfway between the largest and infinity: to even
  EXPECT_EQ(NearestHalf(1.0f + 0x1p-11f, 5), 0x3C00);      // a tie, to even
  EXPECT_EQ(NearestHalf(1.0f + 3 * 0x1p-11f, 5), 0x3C02);  // a tie, to even
  EXPECT_EQ(NearestHalf(0x1p-25f, 5), 0x0000);
  EXPECT_EQ(NearestHalf(0x1.01p-25f, 5), 0x0001);
}

}  // namespace
}  // namespace attnscope::test

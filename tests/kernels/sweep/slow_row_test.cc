// SPDX-License-Identifier: Apache-2.0
//
// The careful path: exact conversions, what is invalid, and measures that agree with the oracle to float64's precision.
#include "kernels/sweep/slow_row.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

TEST(SlowRowTest, EveryHalfIsExact) {
  std::vector<uint16_t> halves(65536);
  for (size_t bits = 0; bits < halves.size(); ++bits) halves[bits] = static_cast<uint16_t>(bits);
  for (const ElementType type : {ElementType::kFloat16, ElementType::kBFloat16}) {
    for (size_t i = 0; i < halves.size(); ++i) {
      const long double exact = ValueOfHalf(halves[i], ExponentBits(type));
      const double actual = ElementAsDouble(halves.data(), type, i);
      if (std::isnan(exact)) {
        ASSERT_TRUE(std::isnan(actual)) << NameOf(type) << ", bits " << i;
      } else {
        ASSERT_EQ(actual, static_cast<double>(exact)) << NameOf(type) << ", bits " << i;
        ASSERT_EQ(std::signbit(actual), std::signbit(exact)) << NameOf(type) << ", bits " << i;
      }
    }
  }
}

TEST(SlowRowTest, FloatsAreExact) {
  const float values[] = {0.0f, -0.0f, 1.0f, -2.5f, FLT_MAX, -FLT_TRUE_MIN, 0.1f};
  for (size_t i = 0; i < std::size(values); ++i) {
    EXPECT_EQ(ElementAsDouble(values, ElementType::kFloat32, i), static_cast<double>(values[i]));
  }
}

constexpr size_t kIndex = 3;  // in the block

struct RowMeasures {
  double entropy_nats, sum, max;
};
RowMeasures MeasuresOf(const BlockResult& block) {
  return {block.entropy_nats[kIndex], block.sum[kIndex], block.max[kIndex]};
}

void CheckMeasures(ElementType type, const void* row, size_t keys, const std::string& what) {
  const ExactRow exact = ExactRowOf(LoadElements(type, row, keys));
  BlockResult block;
  MeasureSlowRow(row, type, keys, kIndex, &block);
  ASSERT_EQ(block.valid[kIndex], 1.0) << what;
  const RowMeasures measures = MeasuresOf(block);
  // A sum of n terms in float64; each term's logarithm is good to an ulp.
  const long double rounding = 1e-15L * static_cast<long double>(keys + 8);
  EXPECT_TRUE(Within(measures.entropy_nats, exact.entropy, rounding * exact.entropy_scale)) << what;
  EXPECT_TRUE(Within(measures.sum, exact.sum, rounding * exact.sum)) << what;
  EXPECT_EQ(measures.max, static_cast<double>(exact.max)) << what;
}

TEST(SlowRowTest, MeasuresAgreeWithTheOracle) {
  for (const ElementType type : kAllTypes) {
    for (size_t keys = 0; keys <= 300; ++keys) {
      for (const RowInput& input : AllRowInputs()) {
        Random random(keys);
        std::vector<float> row(keys);
        input.fill(random, row);
        std::vector<uint8_t> bytes(keys * ElementBytes(type) + 1);
        StoreElements(type, row, bytes.data());
        CheckMeasures(type, bytes.data(), keys, std::string(input.name) + ", " + std::to_string(keys) + " keys");
      }
    }
  }
}

TEST(SlowRowTest, HugeWeights) {
  for (const float huge : {1e30f, FLT_MAX}) {
    const std::vector<float> row(1000, huge);
    CheckMeasures(ElementType::kFloat32, row.data(), row.size(), "huge");
  }
}

TEST(SlowRowTest, InvalidWeightsHaveMeasuresOfZero) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), -1.0f, -FLT_TRUE_MIN}) {
    for (size_t position = 0; position < 60; ++position) {
      std::vector<float> row(60, 1.0f / 60.0f);
      row[position] = bad;
      BlockResult block;
      std::memset(static_cast<void*>(&block), 0xFF, sizeof(block));
      MeasureSlowRow(row.data(), ElementType::kFloat32, row.size(), kIndex, &block);
      EXPECT_EQ(block.valid[kIndex], 0.0) << bad;
      const RowMeasures measures = MeasuresOf(block);
      for (const double measure : {measures.entropy_nats, measures.sum, measures.max}) EXPECT_EQ(measure, 0.0) << bad;
      EXPECT_TRUE(std::isnan(block.sum[kIndex - 1]) && std::isnan(block.sum[kIndex + 1])) << "other rows";
    }
  }
}

TEST(SlowRowTest, NegativeZeroIsZero) {
  const float row[] = {-0.0f, 1.0f, -0.0f};
  BlockResult block;
  MeasureSlowRow(row, ElementType::kFloat32, 3, kIndex, &block);
  EXPECT_EQ(block.valid[kIndex], 1.0);
  const RowMeasures measures = MeasuresOf(block);
  EXPECT_EQ(measures.entropy_nats, 0.0);
  EXPECT_EQ(measures.sum, 1.0);
}

TEST(SlowRowTest, AddsToColumns) {
  for (const ElementType type : kAllTypes) {
    const std::vector<float> row = SoftmaxRows(8, 1, 37, 2.0);
    std::vector<uint8_t> bytes(37 * ElementBytes(type));
    StoreElements(type, row, bytes.data());
    std::vector<double> columns(38);
    for (size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<double>(i);
    BlockRow block_row = {};
    block_row.data = bytes.data();
    block_row.visible = 37;
    AddSlowRowToColumns(block_row, type, {0, 37}, columns.data());
    for (size_t i = 0; i < 37; ++i) {
      EXPECT_EQ(columns[i], static_cast<double>(i) + static_cast<double>(LoadElement(type, bytes.data(), i)));
    }
    EXPECT_EQ(columns[37], 37.0);
  }
}

}  // namespace
}  // namespace attnscope::test

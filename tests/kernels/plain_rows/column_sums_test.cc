// SPDX-License-Identifier: Apache-2.0
//
// Column sums and maxima of plain rows against long double; rows that are invalid are left out and counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/kernels.h"
#include "tests/kernels/plain_rows/guarded_rows.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kCapacity = 600000;  // more bytes of each type than are taken for those of a cache
constexpr size_t kMostElements = kSlowBuild ? 40000 : kCapacity / 2;

class ColumnSumsTest : public TargetTest {
 protected:
  ColumnSumsTest() : memory_(kCapacity) {}

  void Check(const std::string& what) {
    const kernels::Rows& rows = memory_.rows();
    std::vector<long double> exact_sums(rows.columns), exact_max(rows.columns);
    size_t exact_invalid = 0;
    for (size_t i = 0; i < rows.rows; ++i) {
      const std::vector<long double> row = memory_.Exact(i);
      if (ExactRowOf(row).invalid) {
        ++exact_invalid;
        continue;
      }
      for (size_t j = 0; j < rows.columns; ++j) {
        exact_sums[j] += row[j];
        exact_max[j] = std::max(exact_max[j], row[j]);
      }
    }
    std::vector<double> sums(rows.columns + 1, -7.0), max(rows.columns + 1, -7.0);
    size_t invalid_of_sums = 77, invalid_of_max = 77;
    ASSERT_TRUE(kernels::ColumnSums(rows, sums.data(), &invalid_of_sums).ok());
    ASSERT_TRUE(kernels::ColumnMax(rows, max.data(), &invalid_of_max).ok());
    const std::string where = what + ", " + memory_.Name();
    EXPECT_EQ(invalid_of_sums, exact_invalid) << where;
    EXPECT_EQ(invalid_of_max, exact_invalid) << where;
    EXPECT_TRUE(memory_.SlackIntact() && sums.back() == -7.0 && max.back() == -7.0) << where;
    for (size_t j = 0; j < rows.columns; ++j) {
      record_.Add(sums[j], exact_sums[j], 1e-6L * exact_sums[j], where + ", column " + std::to_string(j));
      ASSERT_EQ(max[j], static_cast<double>(exact_max[j])) << where << ", column " << j;
    }
  }

  GuardedRows memory_;
  ErrorRecord record_{"column_sum"};
};
ATTNSCOPE_FOR_EACH_TARGET(ColumnSumsTest);

TEST_P(ColumnSumsTest, EveryLength) {
  size_t turn = 0;
  for (const size_t columns : AllSizes(5000)) {
    const size_t num_rows = columns > 300 ? 1 + columns % 7 : 1 + columns * 7 % 40;
    const std::vector<float> values = MixedRows(columns, num_rows, columns);
    for (const ElementType type : kAllTypes) {
      ++turn;
      memory_.Place(type, values, num_rows, columns, turn % 5, turn % 3 == 0, turn % 2 == 0, turn % 17);
      Check("mixed");
      if (HasFailure()) return;
    }
  }
  record_.Report(1e-3);
}

TEST_P(ColumnSumsTest, EveryNumberOfRows) {
  for (size_t num_rows = 0; num_rows <= 70; ++num_rows) {
    memory_.Place(ElementType::kFloat32, SoftmaxRows(num_rows, num_rows, 37, 2.0), num_rows, 37, 2);
    Check("rows");
  }
  constexpr size_t kManyRows = kMostElements / 8;
  memory_.Place(ElementType::kFloat32, SoftmaxRows(9, kManyRows, 5, 2.0), kManyRows, 5);
  Check("many rows");
}

// Invalid rows, rows with -0.0 and rows of weights that only float64 can add, at any place among others.
TEST_P(ColumnSumsTest, OddRowsAnywhere) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const size_t columns : {size_t{1}, size_t{40}, size_t{2100}, size_t{4500}}) {
    for (const float odd :
         {std::nanf(""), -std::nanf(""), kInfinity, -kInfinity, -1e-30f, -0.0f, 3e38f, 0x1p64f, 0x1p65f}) {
      for (const size_t num_rows : {size_t{1}, size_t{5}, size_t{19}}) {
        std::vector<float> values = SoftmaxRows(columns, num_rows, columns, 1.0);
        values[values.size() - 1 - columns / 3] = odd;
        if (num_rows > 7) values[3 * columns + columns / 2] = odd;
        for (const ElementType type : kAllTypes) {
          memory_.Place(type, values, num_rows, columns, 1);
          Check("odd " + std::to_string(odd));
        }
      }
    }
  }
}

// Rows that no cache has are read in another order.
TEST_P(ColumnSumsTest, RowsFromMemory) {
  for (const size_t columns : {size_t{37}, size_t{2048}, size_t{4100}, size_t{6200}, size_t{70000}}) {
    const size_t num_rows = kCapacity / (columns + 3);
    std::vector<float> values = MixedRows(columns, num_rows, columns);
    for (const ElementType type : kAllTypes) {
      memory_.Place(type, values, num_rows, columns, 3, false, columns % 2 == 0);
      Check("from memory");
      if (HasFailure() || kSlowBuild) return;
    }
    values[values.size() - 1 - columns / 3] = std::nanf("");
    memory_.Place(ElementType::kFloat32, values, num_rows, columns, 3);
    Check("from memory, one invalid");
  }
  record_.Report(1e-3);
}

TEST_P(ColumnSumsTest, CountIsOptional) {
  memory_.Place(ElementType::kFloat32, std::vector<float>(20, 0.5f), 4, 5);
  std::vector<double> sums(5), max(5);
  ASSERT_TRUE(kernels::ColumnSums(memory_.rows(), sums.data()).ok());
  ASSERT_TRUE(kernels::ColumnMax(memory_.rows(), max.data()).ok());
  EXPECT_EQ(sums, std::vector<double>(5, 2.0));
  EXPECT_EQ(max, std::vector<double>(5, 0.5));
}

}  // namespace
}  // namespace attnscope::test

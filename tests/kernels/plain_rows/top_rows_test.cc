// SPDX-License-Identifier: Apache-2.0
//
// The k largest numbers of plain rows against a stable sort: exact values, exact indices, for every k that matters, and
// rows made to defeat a bound. Masses against long-double sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/kernels.h"
#include "tests/kernels/plain_rows/guarded_rows.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostColumns = kSlowBuild ? 5000 : 70000;
constexpr size_t kSomeK[] = {1, 2, 5, 16, 50, 64, 65, 127, 128, 129, 255, 256, 300, 777, 1024};

class TopRowsTest : public TargetTest {
 protected:
  TopRowsTest() : memory_(4 * kMostColumns) {}

  // Values and indices of one row as a stable sort gives them.
  static std::vector<size_t> ExactOrder(const std::vector<long double>& numbers) {
    std::vector<size_t> order(numbers.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return numbers[a] > numbers[b]; });
    return order;
  }

  void Check(size_t k, const std::string& what) {
    const kernels::Rows& rows = memory_.rows();
    std::vector<float> values(rows.rows * k + 1, -7.0f);
    std::vector<uint32_t> indices(rows.rows * k + 1, 77);
    std::vector<double> mass(rows.rows + 1, -7.0);
    ASSERT_TRUE(kernels::TopK(rows, k, values.data(), indices.data()).ok());
    ASSERT_TRUE(kernels::TopKMass(rows, k, mass.data()).ok());
    ASSERT_TRUE(memory_.SlackIntact() && values.back() == -7.0f && indices.back() == 77 && mass.back() == -7.0);
    for (size_t row = 0; row < rows.rows; ++row) {
      const std::string where =
          what + ", k " + std::to_string(k) + ", row " + std::to_string(row) + " of " + memory_.Name();
      const std::vector<long double> exact = memory_.Exact(row);
      const bool has_nan = std::any_of(exact.begin(), exact.end(), [](long double x) { return std::isnan(x); });
      const std::vector<size_t> order = has_nan ? std::vector<size_t>() : ExactOrder(exact);
      long double sum = 0.0L;
      for (size_t i = 0; i < k; ++i) {
        const float value = values[row * k + i];
        const uint32_t index = indices[row * k + i];
        if (i >= order.size()) {
          ASSERT_TRUE(std::isnan(value) && index == kernels::kNoIndex) << where << ", place " << i;
          continue;
        }
        ASSERT_EQ(index, order[i]) << where << ", place " << i;
        ASSERT_EQ(static_cast<long double>(value), exact[order[i]]) << where << ", place " << i;
        sum += exact[order[i]];
      }
      const bool valid =
          std::all_of(exact.begin(), exact.end(), [](long double x) { return x >= 0.0L && x <= FLT_MAX; });
      if (valid) {
        record_.Add(mass[row], sum, 1e-12L * sum, where);
      } else {
        EXPECT_TRUE(std::isnan(mass[row])) << where;
      }
    }
  }

  void CheckRow(const std::vector<float>& row, size_t k, const std::string& what,
                ElementType type = ElementType::kFloat32) {
    memory_.Place(type, row, 1, row.size());
    Check(k, what);
  }

  GuardedRows memory_;
  ErrorRecord record_{"mass"};
};
ATTNSCOPE_FOR_EACH_TARGET(TopRowsTest);

TEST_P(TopRowsTest, EveryLengthAndEveryKind) {
  size_t turn = 0;
  for (const size_t columns : AllSizes(kMostColumns)) {
    const size_t num_rows = columns > 300 ? 1 : 3;
    const std::vector<float> values = MixedRows(columns + 1, num_rows, columns);
    for (const ElementType type : kAllTypes) {
      ++turn;
      memory_.Place(type, values, num_rows, columns, turn % 5, turn % 3 == 0, turn % 2 == 0, turn % 17);
      Check(kSomeK[turn % std::size(kSomeK)], "mixed");
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(TopRowsTest, EveryK) {
  Random random(1);
  for (size_t k = 1; k <= kMaxTopK; k += kSlowBuild ? 13 : 1) {
    const size_t columns = k % 3 == 0 ? 2 * k : k % 3 == 1 ? 4096 + k : 4 * k + 300;
    std::vector<float> row(columns);
    const size_t distinct = k % 2 == 0 ? 100000 : 40;
    for (float& number : row) number = static_cast<float>(random.Below(distinct)) * 0x1p-17f;
    CheckRow(row, k, "random");
    if (HasFatalFailure()) return;
  }
}

// Orders that raise the bound with each number, or never, or all at once.
TEST_P(TopRowsTest, Orders) {
  for (const size_t k : kSomeK) {
    for (const size_t columns : {k, k + 1, 4 * k - 1, 4 * k, 4 * k + 1, size_t{3000}, size_t{9001}}) {
      std::vector<float> row(columns);
      for (size_t i = 0; i < columns; ++i) row[i] = static_cast<float>(i + 1) * 0x1p-20f;
      CheckRow(row, k, "ascending");
      std::reverse(row.begin(), row.end());
      CheckRow(row, k, "descending");
      for (const size_t period : {size_t{2}, size_t{3}, size_t{64}, size_t{1000}}) {
        for (size_t i = 0; i < columns; ++i) row[i] = static_cast<float>(i % period + i / period) * 0x1p-20f;
        CheckRow(row, k, "sawtooth of " + std::to_string(period));
      }
      std::fill(row.begin(), row.end(), 0.25f);
      CheckRow(row, k, "all equal");
      std::fill(row.begin(), row.end(), 0.0f);
      CheckRow(row, k, "zeros");
      for (size_t i = 0; i < columns; ++i) row[i] = i % 7 == 0 ? 0.5f : 0.25f;  // ties at either side of the k-th
      CheckRow(row, k, "two values");
      if (HasFatalFailure()) return;
    }
  }
}

// Numbers of any sign, infinities and both zeros: logits, say. Masses are then none.
TEST_P(TopRowsTest, AnyNumbers) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f, -0.0f, kInfinity, -kInfinity, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, -FLT_TRUE_MIN};
  Random random(2);
  for (int turn = 0; turn < (kSlowBuild ? 100 : 600); ++turn) {
    const size_t columns = 1 + random.Below(turn % 4 == 0 ? 6000 : 400);
    const size_t k = 1 + random.Below(turn % 3 == 0 ? kMaxTopK : 70);
    std::vector<float> row(columns);
    for (float& number : row) {
      number = turn % 5 == 4                         ? -kInfinity
               : random.Below(10) < size_t(turn % 5) ? special[random.Below(std::size(special))]
                                                     : static_cast<float>(10.0 * random.Normal());
    }
    CheckRow(row, k, "numbers", kAllTypes[turn % 3]);
    if (HasFatalFailure()) return;
  }
}

TEST_P(TopRowsTest, NaNAnywhere) {
  for (const size_t columns : {size_t{1}, size_t{30}, size_t{500}, size_t{5000}}) {
    for (const size_t place : {size_t{0}, columns / 2, columns - 1}) {
      for (const float nan : {std::nanf(""), -std::nanf("")}) {
        std::vector<float> values = SoftmaxRows(columns, 3, columns, 1.0);
        values[columns + place] = nan;
        for (const ElementType type : kAllTypes) {
          memory_.Place(type, values, 3, columns, 1);
          Check(std::min<size_t>(50, columns), "NaN");
        }
      }
    }
  }
}

// Weights that only float64 can add, and -0.0, which is a weight.
TEST_P(TopRowsTest, LargeWeightsAndNegativeZeros) {
  for (const size_t columns : {size_t{7}, size_t{300}, size_t{3000}}) {
    for (const float odd : {3e38f, 0x1p65f, -0.0f}) {
      std::vector<float> row = SoftmaxRows(columns, 1, columns, 1.0);
      for (size_t i = 0; i < columns; i += 5) row[i] = odd;
      for (const size_t k : {size_t{1}, size_t{5}, size_t{50}, size_t{1000}}) {
        CheckRow(row, k, "odd");
        CheckRow(row, k, "odd", ElementType::kBFloat16);
      }
    }
  }
}

// Either output alone.
TEST_P(TopRowsTest, OutputsAlone) {
  const std::vector<float> row = SoftmaxRows(1, 1, 999, 2.0);
  memory_.Place(ElementType::kFloat32, row, 1, row.size());
  std::vector<float> values(60), values_alone(60);
  std::vector<uint32_t> indices(60), indices_alone(60);
  ASSERT_TRUE(kernels::TopK(memory_.rows(), 60, values.data(), indices.data()).ok());
  ASSERT_TRUE(kernels::TopK(memory_.rows(), 60, values_alone.data(), nullptr).ok());
  ASSERT_TRUE(kernels::TopK(memory_.rows(), 60, nullptr, indices_alone.data()).ok());
  ASSERT_TRUE(kernels::TopK(memory_.rows(), 60, nullptr, nullptr).ok());
  EXPECT_EQ(values, values_alone);
  EXPECT_EQ(indices, indices_alone);
}

}  // namespace
}  // namespace attnscope::test

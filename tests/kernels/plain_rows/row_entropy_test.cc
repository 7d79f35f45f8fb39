// SPDX-License-Identifier: Apache-2.0
//
// Entropies, their exponentials and maxima of plain rows against a long-double oracle: every length up to 300 and
// around powers of two, every kind of row, the three types, any alignment and stride, rows that are no distributions.
#include <gtest/gtest.h>

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

constexpr size_t kMostColumns = kSlowBuild ? 5000 : 70000;

class RowEntropyTest : public TargetTest {
 protected:
  RowEntropyTest() : memory_(size_t{40} * 1024 + 4 * kMostColumns) {}

  void Check(const std::string& what) {
    const kernels::Rows& rows = memory_.rows();
    const double canary = -7.0;
    std::vector<double> entropy(rows.rows + 1, canary), exponential(entropy), max(entropy);
    ASSERT_TRUE(kernels::RowEntropy(rows, entropy.data()).ok());
    ASSERT_TRUE(kernels::RowExpEntropy(rows, exponential.data()).ok());
    ASSERT_TRUE(kernels::RowMax(rows, max.data()).ok());
    EXPECT_TRUE(memory_.SlackIntact());
    for (const std::vector<double>* output : {&entropy, &exponential, &max}) EXPECT_EQ(output->back(), canary);
    for (size_t i = 0; i < rows.rows; ++i) {
      const std::string where = what + ", row " + std::to_string(i) + " of " + memory_.Name();
      const ExactRow exact = ExactRowOf(memory_.Exact(i));
      if (exact.invalid) {
        EXPECT_TRUE(std::isnan(entropy[i]) && std::isnan(exponential[i]) && std::isnan(max[i])) << where;
        continue;
      }
      if (exact.masked || exact.empty) {  // of no weight
        EXPECT_EQ(entropy[i], 0.0) << where;
        EXPECT_EQ(exponential[i], 1.0) << where;
        EXPECT_EQ(max[i], 0.0) << where;
        continue;
      }
      entropy_record_.Add(entropy[i], exact.entropy, exact.entropy_bound(), where);
      exponential_record_.Add(exponential[i], exact.effective_rank(), exact.effective_rank_bound(), where);
      EXPECT_EQ(max[i], static_cast<double>(exact.max)) << where;
    }
  }

  GuardedRows memory_;
  ErrorRecord entropy_record_{"entropy"};
  ErrorRecord exponential_record_{"exp_entropy"};
};
ATTNSCOPE_FOR_EACH_TARGET(RowEntropyTest);

TEST_P(RowEntropyTest, EveryLength) {
  size_t turn = 0;
  for (const size_t columns : AllSizes(kMostColumns)) {
    const size_t num_rows = columns > 300 ? 2 : 1 + columns % 19;
    const std::vector<float> values = MixedRows(columns, num_rows, columns);
    for (const ElementType type : kAllTypes) {
      ++turn;
      memory_.Place(type, values, num_rows, columns, turn % 5, turn % 3 == 0, turn % 2 == 0, turn % 17);
      Check("mixed");
      if (HasFailure()) return;
    }
  }
  entropy_record_.Report(1e-4);
  exponential_record_.Report(1e-4);
}

TEST_P(RowEntropyTest, EveryKindOfRow) {
  Random random(5);
  for (const RowInput& input : AllRowInputs()) {
    for (const size_t columns : {size_t{1}, size_t{2}, size_t{50}, size_t{129}, size_t{1000}, size_t{4096}}) {
      std::vector<float> values(columns);
      input.fill(random, values);
      for (const ElementType type : kAllTypes) {
        memory_.Place(type, values, 1, columns);
        Check(input.name);
      }
    }
  }
}

// No distribution's entropy is above the logarithm of its columns, and no effective rank above their number; a uniform
// row has these, exactly where its weights are exact.
TEST_P(RowEntropyTest, LimitsAreExact) {
  for (const size_t columns : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}, size_t{100}, size_t{4096}}) {
    memory_.Place(ElementType::kFloat32, std::vector<float>(columns, 1.0f / static_cast<float>(columns)), 1, columns);
    double entropy = 0.0, exponential = 0.0;
    ASSERT_TRUE(kernels::RowEntropy(memory_.rows(), &entropy).ok());
    ASSERT_TRUE(kernels::RowExpEntropy(memory_.rows(), &exponential).ok());
    EXPECT_LE(entropy, std::log(static_cast<double>(columns)));
    EXPECT_LE(exponential, static_cast<double>(columns));
    if ((columns & (columns - 1)) != 0) continue;
    EXPECT_EQ(entropy, std::log(static_cast<double>(columns)));
    EXPECT_EQ(exponential, static_cast<double>(columns));
  }
}

// One weight that is no weight, anywhere, among rows that are fine.
TEST_P(RowEntropyTest, OddWeightsAnywhere) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float odd_weights[] = {std::nanf(""), -std::nanf(""), kInfinity, -kInfinity,
                               -1e-20f,       -0.0f,          3e38f,     -FLT_TRUE_MIN};
  for (const size_t columns : {size_t{1}, size_t{5}, size_t{64}, size_t{257}, size_t{2500}}) {
    for (const float odd : odd_weights) {
      for (const size_t place : {size_t{0}, columns / 2, columns - 1}) {
        std::vector<float> values = SoftmaxRows(columns, 3, columns, 1.0);
        values[columns + place] = odd;
        for (const ElementType type : kAllTypes) {
          memory_.Place(type, values, 3, columns, 3);
          Check("odd weight " + std::to_string(odd));
        }
      }
    }
  }
}

// What a row's numbers are does not depend on where it stands or beside what.
TEST_P(RowEntropyTest, SameBitsAnywhere) {
  const std::vector<float> values = MixedRows(3, 37, 333);
  memory_.Place(ElementType::kFloat32, values, 37, 333);
  std::vector<double> together(37);
  ASSERT_TRUE(kernels::RowEntropy(memory_.rows(), together.data()).ok());
  for (size_t row = 0; row < 37; ++row) {
    memory_.Place(ElementType::kFloat32, std::span(values).subspan(row * 333, 333), 1, 333, 0, false, false, row % 16);
    double alone = 0.0;
    ASSERT_TRUE(kernels::RowEntropy(memory_.rows(), &alone).ok());
    EXPECT_TRUE(SameBits({&alone, 1}, {&together[row], 1})) << row;
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// All measures of plain rows in one pass: against long double, and where a kernel of its own gives the same number,
// against that one's bits; in a workspace of any content and alignment.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
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

constexpr size_t kCapacity = 300000;
constexpr size_t kMostElements = kSlowBuild ? 60000 : kCapacity;

// Outputs of a call, with one number more to see that it stays.
struct Measured {
  std::vector<double> entropy, exponential, sum, max, top5, top10, top50, columns;

  Measured(size_t rows, size_t num_columns) {
    for (std::vector<double>* output : OfRows()) output->assign(rows + 1, -7.0);
    columns.assign(num_columns + 1, -7.0);
  }
  std::vector<std::vector<double>*> OfRows() { return {&entropy, &exponential, &sum, &max, &top5, &top10, &top50}; }
  kernels::RowMeasures Outputs() {
    return {.entropy_nats = entropy.data(),
            .exp_entropy = exponential.data(),
            .sum = sum.data(),
            .max = max.data(),
            .top_mass = {top5.data(), top10.data(), top50.data()},
            .column_sums = columns.data()};
  }
};

class MeasureRowsTest : public TargetTest {
 protected:
  MeasureRowsTest() : memory_(kCapacity), workspace_(kernels::MeasureRowsBytes(kMostElements)) {}

  // A workspace that ends where unreadable memory begins, full of NaN.
  void* Workspace(size_t bytes) { return std::memset(workspace_.PlaceAtEnd(bytes), 0xFF, bytes); }

  void Check(const std::string& what) {
    const kernels::Rows& rows = memory_.rows();
    const size_t bytes = kernels::MeasureRowsBytes(rows.columns);
    Measured measured(rows.rows, rows.columns);
    ASSERT_TRUE(kernels::MeasureRows(rows, Workspace(bytes), bytes, measured.Outputs()).ok());
    EXPECT_TRUE(memory_.SlackIntact() && workspace_.SlackIntact());
    for (const std::vector<double>* output : measured.OfRows()) EXPECT_EQ(output->back(), -7.0);
    EXPECT_EQ(measured.columns.back(), -7.0);
    for (size_t i = 0; i < rows.rows; ++i) {
      const std::string where = what + ", row " + std::to_string(i) + " of " + memory_.Name();
      const ExactRow exact = ExactRowOf(memory_.Exact(i));
      if (exact.invalid) {
        for (const std::vector<double>* output : measured.OfRows()) EXPECT_TRUE(std::isnan((*output)[i])) << where;
        continue;
      }
      const long double entropy_bound = exact.sum > 0.0L ? exact.entropy_bound() : 0.0L;
      entropy_.Add(measured.entropy[i], exact.entropy, entropy_bound, where);
      exponential_.Add(measured.exponential[i], std::exp(exact.entropy),
                       exact.sum > 0.0L ? exact.effective_rank_bound() : 0.0L, where);
      masses_.Add(measured.sum[i], exact.sum, 2e-6L * exact.sum, where);
      masses_.Add(measured.top5[i], exact.top5, 2e-6L * exact.top5, where);
      masses_.Add(measured.top10[i], exact.top10, 2e-6L * exact.top10, where);
      masses_.Add(measured.top50[i], exact.top50, 2e-6L * exact.top50, where);
      EXPECT_EQ(measured.max[i], static_cast<double>(exact.max)) << where;
    }
    CheckAgainstSingleKernels(measured, what);
  }

  // Entropies, their exponentials and column sums have the bits that the kernels by themselves give.
  void CheckAgainstSingleKernels(const Measured& measured, const std::string& what) {
    const kernels::Rows& rows = memory_.rows();
    Measured alone(rows.rows, rows.columns);
    ASSERT_TRUE(kernels::RowEntropy(rows, alone.entropy.data()).ok());
    ASSERT_TRUE(kernels::RowExpEntropy(rows, alone.exponential.data()).ok());
    ASSERT_TRUE(kernels::RowMax(rows, alone.max.data()).ok());
    ASSERT_TRUE(kernels::ColumnSums(rows, alone.columns.data()).ok());
    const auto same = [&](const std::vector<double>& a, const std::vector<double>& b, const char* name) {
      for (size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i])) continue;
        ASSERT_TRUE(SameBits({&a[i], 1}, {&b[i], 1})) << name << " " << i << ", " << what << ", " << memory_.Name();
      }
    };
    same(measured.entropy, alone.entropy, "entropy");
    same(measured.exponential, alone.exponential, "exponential");
    same(measured.max, alone.max, "max");
    same(measured.columns, alone.columns, "column");
  }

  GuardedRows memory_;
  GuardedBuffer workspace_;
  ErrorRecord entropy_{"entropy"};
  ErrorRecord exponential_{"exp_entropy"};
  ErrorRecord masses_{"masses"};
};
ATTNSCOPE_FOR_EACH_TARGET(MeasureRowsTest);

TEST_P(MeasureRowsTest, EveryLength) {
  size_t turn = 0;
  for (const size_t columns : AllSizes(10000)) {
    const size_t num_rows = columns > 300 ? 1 + columns % 20 : 1 + columns * 7 % 40;
    const std::vector<float> values = MixedRows(columns, num_rows, columns);
    for (const ElementType type : kAllTypes) {
      ++turn;
      memory_.Place(type, values, num_rows, columns, turn % 3, turn % 3 == 0, turn % 2 == 0, turn % 17);
      Check("mixed");
      if (HasFailure()) return;
    }
  }
  entropy_.Report(1e-4);
  masses_.Report(1e-4);
}

TEST_P(MeasureRowsTest, OddRowsAnywhere) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const size_t columns : {size_t{1}, size_t{300}, size_t{5000}}) {
    for (const float odd : {std::nanf(""), kInfinity, -1.0f, -0.0f, 3e38f}) {
      for (const size_t row : {size_t{0}, size_t{7}, size_t{16}, size_t{18}}) {
        std::vector<float> values = SoftmaxRows(columns, 19, columns, 1.0);
        values[row * columns + columns / 2] = odd;
        memory_.Place(ElementType::kFloat32, values, 19, columns);
        Check("odd " + std::to_string(odd));
      }
    }
  }
}

// Each output alone has the bits that it has among all.
TEST_P(MeasureRowsTest, OutputsAlone) {
  memory_.Place(ElementType::kFloat16, MixedRows(8, 21, 700), 21, 700);
  const kernels::Rows& rows = memory_.rows();
  const size_t bytes = kernels::MeasureRowsBytes(rows.columns);
  Measured all(21, 700), alone(21, 700);
  ASSERT_TRUE(kernels::MeasureRows(rows, Workspace(bytes), bytes, all.Outputs()).ok());
  for (double* kernels::RowMeasures::*output :
       {&kernels::RowMeasures::entropy_nats, &kernels::RowMeasures::exp_entropy, &kernels::RowMeasures::sum,
        &kernels::RowMeasures::max, &kernels::RowMeasures::column_sums}) {
    kernels::RowMeasures one;
    one.*output = alone.Outputs().*output;
    ASSERT_TRUE(kernels::MeasureRows(rows, Workspace(bytes), bytes, one).ok());
  }
  for (size_t i = 0; i < 3; ++i) {
    kernels::RowMeasures one;
    one.top_mass[i] = alone.Outputs().top_mass[i];
    ASSERT_TRUE(kernels::MeasureRows(rows, Workspace(bytes), bytes, one).ok());
  }
  for (size_t i = 0; i < all.OfRows().size(); ++i) EXPECT_TRUE(SameBits(*alone.OfRows()[i], *all.OfRows()[i])) << i;
  EXPECT_TRUE(SameBits(alone.columns, all.columns));
  EXPECT_TRUE(kernels::MeasureRows(rows, Workspace(bytes), bytes, {}).ok());
}

// Masses of any k: those beyond the list are those of TopKMass, which top_rows_test.cc compares with sorted rows.
TEST_P(MeasureRowsTest, MassesOfAnyK) {
  for (const size_t columns : {size_t{0}, size_t{1}, size_t{40}, size_t{256}, size_t{700}, size_t{5000}}) {
    memory_.Place(ElementType::kBFloat16, MixedRows(10 + columns, 21, columns), 21, columns);
    const size_t bytes = kernels::MeasureRowsBytes(columns);
    for (uint32_t k = 1; k <= 64; k += 7) {
      kernels::RowMeasures outputs;
      outputs.top_k = {k, 64 + k, 8 * (64 + k)};
      std::vector<double> masses[3];
      for (size_t i = 0; i < 3; ++i) outputs.top_mass[i] = (masses[i] = std::vector<double>(22, -7.0)).data();
      ASSERT_TRUE(kernels::MeasureRows(memory_.rows(), Workspace(bytes), bytes, outputs).ok());
      for (size_t i = 0; i < 3; ++i) {
        std::vector<double> expected(22, -7.0);
        ASSERT_TRUE(kernels::TopKMass(memory_.rows(), outputs.top_k[i], expected.data()).ok());
        for (size_t row = 0; row < 22; ++row) {
          if (std::isnan(expected[row])) {
            EXPECT_TRUE(std::isnan(masses[i][row])) << row;
            continue;
          }
          EXPECT_TRUE(Within(masses[i][row], static_cast<long double>(expected[row]), 2e-6 * std::abs(expected[row])))
              << "top " << outputs.top_k[i] << " of row " << row << " of " << columns;
        }
      }
    }
  }
}

TEST_P(MeasureRowsTest, WorkspaceOfAnyAlignment) {
  memory_.Place(ElementType::kFloat32, MixedRows(9, 17, 900), 17, 900);
  const size_t bytes = kernels::MeasureRowsBytes(900);
  Measured expected(17, 900);
  ASSERT_TRUE(kernels::MeasureRows(memory_.rows(), Workspace(bytes), bytes, expected.Outputs()).ok());
  for (const size_t offset : {size_t{1}, size_t{4}, size_t{63}, size_t{64}, size_t{127}}) {
    std::vector<char> memory(bytes + offset, '\xff');
    Measured measured(17, 900);
    ASSERT_TRUE(kernels::MeasureRows(memory_.rows(), memory.data() + offset, bytes, measured.Outputs()).ok());
    EXPECT_TRUE(SameBits(measured.top50, expected.top50) && SameBits(measured.columns, expected.columns)) << offset;
  }
}

}  // namespace
}  // namespace attnscope::test

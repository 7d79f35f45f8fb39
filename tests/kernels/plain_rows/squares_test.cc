// SPDX-License-Identifier: Apache-2.0
//
// Squared norms and distances of plain rows against long double, to the ends of float32's range.
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <string>
#include <vector>

#include "attnscope/kernels.h"
#include "tests/kernels/plain_rows/guarded_rows.h"
#include "tests/support/compare.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

class SquaresTest : public TargetTest {
 protected:
  SquaresTest() : from_(100000), to_(100000) {}

  void Check(const std::string& what) {
    const size_t num_rows = from_.rows().rows;
    std::vector<double> norms(num_rows + 1, -7.0), distances(num_rows + 1, -7.0);
    ASSERT_TRUE(kernels::SquaredNorm(from_.rows(), norms.data()).ok());
    ASSERT_TRUE(kernels::SquaredDistance(from_.rows(), to_.rows(), distances.data()).ok());
    EXPECT_TRUE(norms.back() == -7.0 && distances.back() == -7.0);
    for (size_t row = 0; row < num_rows; ++row) {
      const std::vector<long double> from = from_.Exact(row);
      const std::vector<long double> to = to_.Exact(row);
      long double norm = 0.0L, distance = 0.0L;
      for (size_t i = 0; i < from.size(); ++i) {
        norm += from[i] * from[i];
        distance += (to[i] - from[i]) * (to[i] - from[i]);
      }
      const std::string where = what + ", row " + std::to_string(row) + " of " + from_.Name();
      record_.Add(norms[row], norm, 1e-12L * norm, "norm, " + where);
      record_.Add(distances[row], distance, 1e-12L * distance, "distance, " + where);
    }
  }

  GuardedRows from_;
  GuardedRows to_;
  ErrorRecord record_{"squares"};
};
ATTNSCOPE_FOR_EACH_TARGET(SquaresTest);

TEST_P(SquaresTest, EveryLength) {
  Random random(1);
  size_t turn = 0;
  for (const size_t columns : AllSizes(9000)) {
    const size_t num_rows = 1 + columns % 5;
    std::vector<float> from(num_rows * columns), to(from);
    for (float& value : from) value = static_cast<float>(random.Normal());
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = turn % 2 == 0 ? from[i] * 1.01f : static_cast<float>(random.Normal());
    for (const ElementType type : kAllTypes) {
      ++turn;
      from_.Place(type, from, num_rows, columns, turn % 4, turn % 3 == 0, turn % 2 == 0, turn % 17);
      to_.Place(type, to, num_rows, columns, turn % 3, turn % 2 == 0, turn % 3 == 0, turn % 7);
      Check("normal");
    }
  }
  record_.Report(1e-6);
}

TEST_P(SquaresTest, EndsOfTheRange) {
  for (const float value : {FLT_MAX, -FLT_MAX, FLT_MIN, FLT_TRUE_MIN, 0.0f}) {
    from_.Place(ElementType::kFloat32, std::vector<float>(300, value), 2, 150);
    to_.Place(ElementType::kFloat32, std::vector<float>(300, -value), 2, 150);
    Check("end of the range");
  }
}

TEST_P(SquaresTest, NaNAndInfinitiesGoThrough) {
  for (const float odd : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    std::vector<float> values(90, 1.0f);
    values[40] = odd;
    from_.Place(ElementType::kFloat32, values, 3, 30);
    to_.Place(ElementType::kFloat32, std::vector<float>(90, 2.0f), 3, 30);
    double norms[3], distances[3];
    ASSERT_TRUE(kernels::SquaredNorm(from_.rows(), norms).ok());
    ASSERT_TRUE(kernels::SquaredDistance(from_.rows(), to_.rows(), distances).ok());
    EXPECT_TRUE(norms[0] == 30.0 && norms[2] == 30.0 && distances[0] == 30.0 && distances[2] == 30.0);
    EXPECT_FALSE(std::isfinite(norms[1]) || std::isfinite(distances[1])) << odd;
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Rows that are no distributions: invalid ones are counted and touch nothing else, bit for bit; negative zeros, huge
// weights and empty rows are measured as documented.
#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/sweep/weights_sweep.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/open_sweep.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kBadWeights[] = {kNaN, -kNaN, kInfinity, -kInfinity, -1.0f, -0x1p-24f, -FLT_MAX, -0x1p-9f};
constexpr size_t kKeys[] = {1, 2, 7, 16, 17, 64, 65, 129, 300, kTileColumns + 37};

// Rows [rows, keys] stored as one type.
struct StoredMatrix {
  StoredMatrix(ElementType type, const std::vector<float>& values, size_t rows, size_t keys)
      : bytes(values.size() * ElementBytes(type) + 1) {
    StoreElements(type, values, bytes.data());
    view.data = bytes.data();
    view.type = type;
    view.rows = rows;
    view.keys = keys;
    view.stride = static_cast<int64_t>(keys);
  }
  std::vector<uint8_t> bytes;
  MatrixInMemory view;
};

using WeightsSweepInvalidTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(WeightsSweepInvalidTest);

// A bad weight anywhere makes its row invalid, and all else is as if the row were empty.
void CheckBadRows(ElementType type, const std::vector<float>& good, size_t rows, size_t keys,
                  const std::vector<size_t>& bad_rows, size_t position, float bad_weight) {
  std::vector<float> with_bad = good;
  std::vector<float> with_zeros = good;
  for (const size_t row : bad_rows) {
    with_bad[row * keys + position] = bad_weight;
    std::fill_n(with_zeros.begin() + static_cast<std::ptrdiff_t>(row * keys), keys, 0.0f);
  }
  const StoredMatrix bad(type, with_bad, rows, keys);
  const StoredMatrix zeros(type, with_zeros, rows, keys);
  OpenSweep actual(keys);
  actual.Add(bad.view.All());
  OpenSweep expected(keys);
  expected.Add(zeros.view.All());
  std::vector<double> expected_state = expected.State();
  expected_state[static_cast<size_t>(RowSumOf<Metric::kInvalidRows>())] += static_cast<double>(bad_rows.size());
  expected_state[static_cast<size_t>(RowSumOf<Metric::kEmptyRows>())] -= static_cast<double>(bad_rows.size());
  ASSERT_TRUE(SameBits(actual.State(), expected_state))
      << NameOf(type) << ", " << rows << " rows, " << keys << " keys, " << bad_weight << " at " << position
      << ", first bad row " << bad_rows[0] << " of " << bad_rows.size();
  OpenSweep single(keys);
  for (size_t i = 0; i < rows; ++i) single.Add(bad.view.Rows(i, 1));
  ASSERT_TRUE(SameBits(single.State(), expected_state)) << "one row at a time";
}

TEST_P(WeightsSweepInvalidTest, BadRowsAreCountedAndTouchNothingElse) {
  size_t which = 0;
  for (const size_t keys : kKeys) {
    for (const size_t rows : {size_t{1}, size_t{3}, size_t{4}, size_t{16}, size_t{18}}) {
      const std::vector<float> good = SoftmaxRows(keys + rows, rows, keys, 2.0);
      std::vector<size_t> all(rows);
      for (size_t i = 0; i < rows; ++i) all[i] = i;
      for (const std::vector<size_t>& bad_rows :
           {std::vector<size_t>{0}, {rows - 1}, {rows / 2}, {0, rows / 2, rows - 1}, all}) {
        const std::vector<size_t> unique(bad_rows.begin(), rows < 3 ? bad_rows.begin() + 1 : bad_rows.end());
        for (const size_t position : {size_t{0}, keys / 2, keys - 1}) {
          // Each combination takes the next bad weight and type, so that all of them meet.
          const float bad_weight = kBadWeights[which % std::size(kBadWeights)];
          CheckBadRows(kAllTypes[which / std::size(kBadWeights) % 3], good, rows, keys, unique, position, bad_weight);
          ++which;
        }
      }
    }
  }
}

TEST_P(WeightsSweepInvalidTest, EveryPositionOfEveryBadWeight) {
  constexpr size_t kRows = 5;
  for (const size_t keys : {size_t{19}, size_t{131}}) {
    const std::vector<float> good = SoftmaxRows(1, kRows, keys, 2.0);
    std::vector<float> bad_weights(std::begin(kBadWeights), std::end(kBadWeights));
    bad_weights.push_back(-FLT_TRUE_MIN);
    for (const float bad_weight : bad_weights) {
      for (size_t position = 0; position < keys; ++position) {
        CheckBadRows(ElementType::kFloat32, good, kRows, keys, {position % kRows}, position, bad_weight);
      }
    }
  }
}

// In later tiles bad weights are told from others by a row's bound.
TEST_P(WeightsSweepInvalidTest, LaterTiles) {
  constexpr size_t kRows = 3;
  constexpr size_t kLongest = 3 * kTileColumns + 5;
  const std::vector<float> good = SoftmaxRows(2, kRows, kLongest, 2.0);
  for (const ElementType type : kAllTypes) {
    for (const float bad_weight : kBadWeights) {
      for (size_t position = kTileColumns; position < kLongest; position += kTileColumns / 2 - 1) {
        CheckBadRows(type, good, kRows, kLongest, {position % kRows}, position, bad_weight);
      }
      CheckBadRows(type, good, kRows, kLongest, {1}, kLongest - 1, bad_weight);
    }
  }
}

// Row sums and columns of rows that take the careful path, against the oracle.
void CheckMatrix(const MatrixInMemory& matrix, const std::string& what) {
  OpenSweep sweep(matrix.keys);
  sweep.Add(matrix.All());
  const ExactMatrix exact = ExactMatrixOf(matrix.ExactRows());
  const MetricValues values = ExactMetrics(std::span(&exact, 1), matrix.tolerance);
  long double bound = 0.0L;
  long double rank_bound = 0.0L;
  for (const ExactRow& row : exact.rows) {
    bound += row.entropy_bound();
    rank_bound += row.effective_rank_bound();
  }
  const auto measured = static_cast<double>(exact.measured());
  EXPECT_EQ(sweep[RowSum::kMeasured], measured) << what;
  EXPECT_EQ(sweep[RowSumOf<Metric::kInvalidRows>()], values[Metric::kInvalidRows]) << what;
  EXPECT_EQ(sweep[RowSumOf<Metric::kEmptyRows>()], values[Metric::kEmptyRows]) << what;
  EXPECT_EQ(sweep[RowSumOf<Metric::kUnnormalizedRows>()], values[Metric::kUnnormalizedRows]) << what;
  EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kEntropy>()], measured * values[Metric::kEntropy], bound)) << what;
  const double rank = measured * values[Metric::kEffectiveRank];
  EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kEffectiveRank>()], rank, rank_bound)) << what;
  const auto close = [&](RowSum which, Metric metric) {
    const double expected = measured * values[metric];
    EXPECT_TRUE(Within(sweep[which], expected, 2e-6 * expected)) << what;
  };
  close(TopMassSum(0), Metric::kTop5);
  close(TopMassSum(1), Metric::kTop10);
  close(TopMassSum(2), Metric::kTop50);
  close(RowSumOf<Metric::kMaxRowWeight>(), Metric::kMaxRowWeight);
  for (size_t i = 0; i < matrix.keys; ++i) {
    EXPECT_TRUE(Within(sweep.Column(i), exact.columns[i], 1e-6L * exact.columns[i])) << what << ", column " << i;
  }
}

TEST_P(WeightsSweepInvalidTest, NegativeZeroIsZero) {
  constexpr size_t kRows = 18;
  for (const ElementType type : kAllTypes) {
    for (const size_t keys : kKeys) {
      std::vector<float> values = SoftmaxRows(keys, kRows, keys, 2.0);
      for (size_t i = 0; i < values.size(); i += 3) values[i] = i % 2 == 0 ? -0.0f : 0.0f;
      std::fill_n(values.begin(), keys, -0.0f);  // row 0 is empty
      CheckMatrix(StoredMatrix(type, values, kRows, keys).view, std::to_string(keys) + " keys with negative zeros");
    }
  }
}

TEST_P(WeightsSweepInvalidTest, HugeWeightsAreMeasured) {
  constexpr size_t kRows = 18;
  for (const size_t keys : kKeys) {
    for (const float huge : {1e30f, FLT_MAX, 0x1p64f, std::nextafter(0x1p64f, kInfinity), 0x1p63f, 2.0f}) {
      std::vector<float> values = SoftmaxRows(keys, kRows, keys, 2.0);
      values[keys / 2] = huge;                                                          // one weight of row 0
      std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(5 * keys), keys, huge);  // all of row 5
      values[17 * keys + keys - 1] = huge;
      const std::string what = std::to_string(keys) + " keys with " + std::to_string(huge);
      CheckMatrix(StoredMatrix(ElementType::kFloat32, values, kRows, keys).view, what);
      if (std::isfinite(huge)) CheckMatrix(StoredMatrix(ElementType::kBFloat16, values, kRows, keys).view, what);
    }
  }
}

TEST_P(WeightsSweepInvalidTest, ManyLargeWeightsHaveAnInfiniteRank) {
  constexpr size_t kKeysHere = 5000;
  const std::vector<float> values(kKeysHere, 0.3f);  // entropy 1806: exp of it is beyond double
  const StoredMatrix matrix(ElementType::kFloat32, values, 1, kKeysHere);
  OpenSweep sweep(kKeysHere);
  sweep.Add(matrix.view.All());
  EXPECT_EQ(sweep[RowSumOf<Metric::kEffectiveRank>()], std::numeric_limits<double>::infinity());
  EXPECT_EQ(sweep[RowSumOf<Metric::kUnnormalizedRows>()], 1.0);
}

TEST_P(WeightsSweepInvalidTest, EmptyRows) {
  for (const size_t keys : {size_t{0}, size_t{1}, size_t{77}, kTileColumns + 1}) {
    const StoredMatrix matrix(ElementType::kFloat32, std::vector<float>(19 * keys), 19, keys);
    OpenSweep sweep(keys);
    sweep.Add(matrix.view.All());
    std::vector<double> expected(sweep.State().size());
    // Rows without keys see nothing.
    const RowSum counted = keys == 0 ? RowSumOf<Metric::kMaskedRows>() : RowSumOf<Metric::kEmptyRows>();
    expected[static_cast<size_t>(counted)] = 19.0;
    EXPECT_TRUE(SameBits(sweep.State(), expected)) << keys;
  }
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// The weights sweep over many rows: the same bits however rows are cut into calls, wherever they stand in memory and
// whatever lies between them; and column sums against the oracle.
#include <gtest/gtest.h>

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

constexpr size_t kMostRows = 40;
constexpr size_t kMostKeys = 3 * kTileColumns;
// Around vectors, groups (four vectors) and tiles of every target.
constexpr size_t kKeys[] = {1,
                            2,
                            3,
                            5,
                            15,
                            16,
                            17,
                            63,
                            64,
                            65,
                            100,
                            255,
                            257,
                            1000,
                            kTileColumns - 1,
                            kTileColumns,
                            kTileColumns + 1,
                            kTileColumns + 513};

class WeightsSweepCutsTest : public TargetTest {
 protected:
  WeightsSweepCutsTest() : memory_(kMostRows * (kMostKeys + 8) * sizeof(float)) {}

  // Stores rows [rows, keys] with this stride, all bytes between them NaN, so that the last row ends at the guard.
  MatrixInMemory Place(ElementType type, const std::vector<float>& values, size_t rows, size_t keys, size_t stride) {
    const size_t bytes = ((rows - 1) * stride + keys) * ElementBytes(type);
    auto* data = static_cast<uint8_t*>(memory_.PlaceAtEnd(bytes));
    std::memset(data, 0xFF, bytes);
    for (size_t i = 0; i < rows; ++i) {
      StoreElements(type, std::span(values).subspan(i * keys, keys), data + i * stride * ElementBytes(type));
    }
    MatrixInMemory matrix;
    matrix.data = data;
    matrix.type = type;
    matrix.rows = rows;
    matrix.keys = keys;
    matrix.stride = static_cast<int64_t>(stride);
    return matrix;
  }

  static std::vector<double> Swept(const MatrixInMemory& matrix) {
    OpenSweep sweep(matrix.keys);
    sweep.Add(matrix.All());
    EXPECT_TRUE(sweep.CanariesIntact());
    return sweep.State();
  }

  GuardedBuffer memory_;
};
ATTNSCOPE_FOR_EACH_TARGET(WeightsSweepCutsTest);

TEST_P(WeightsSweepCutsTest, AnyCutsOfRowsGiveTheSameBits) {
  Random random(1);
  for (const size_t keys : kKeys) {
    for (size_t rows = 1; rows <= kMostRows; rows += keys < 300 ? 1 : 13) {
      const ElementType type = kAllTypes[rows % 3];
      const MatrixInMemory matrix = Place(type, MixedRows(rows, rows, keys), rows, keys, keys);
      const std::vector<double> expected = Swept(matrix);
      OpenSweep single(keys);
      for (size_t i = 0; i < rows; ++i) single.Add(matrix.Rows(i, 1));
      ASSERT_TRUE(SameBits(single.State(), expected)) << rows << " rows one at a time, " << keys << " keys";
      OpenSweep cut(keys);
      for (size_t first = 0, count = 0; first < rows; first += count) {
        count = 1 + random.Below(rows - first);
        cut.Add(matrix.Rows(first, count));
      }
      ASSERT_TRUE(SameBits(cut.State(), expected)) << rows << " rows, random cuts, " << keys << " keys";
      ASSERT_TRUE(cut.CanariesIntact());
    }
  }
}

TEST_P(WeightsSweepCutsTest, AnyAlignmentAndPaddingGiveTheSameBits) {
  constexpr size_t kRows = 21;
  for (const ElementType type : kAllTypes) {
    for (const size_t keys : kKeys) {
      const std::vector<float> values = MixedRows(keys, kRows, keys);
      const std::vector<double> expected = Swept(Place(type, values, kRows, keys, keys));
      // An odd stride puts each row at another alignment.
      for (const size_t padding : {size_t{1}, size_t{3}, size_t{8}}) {
        const MatrixInMemory matrix = Place(type, values, kRows, keys, keys + padding);
        ASSERT_TRUE(SameBits(Swept(matrix), expected)) << NameOf(type) << ", " << keys << " keys + " << padding;
      }
    }
  }
}

TEST_P(WeightsSweepCutsTest, NegativeStride) {
  constexpr size_t kRows = 21;
  for (const size_t keys : {size_t{5}, size_t{67}, kTileColumns + 3}) {
    const std::vector<float> values = MixedRows(7, kRows, keys);
    std::vector<float> reversed;
    for (size_t i = kRows; i-- > 0;) reversed.insert(reversed.end(), &values[i * keys], &values[i * keys] + keys);
    const std::vector<double> expected = Swept(Place(ElementType::kFloat32, values, kRows, keys, keys));
    MatrixInMemory matrix = Place(ElementType::kFloat32, reversed, kRows, keys, keys + 1);
    matrix.data = static_cast<const float*>(matrix.data) + (kRows - 1) * (keys + 1);
    matrix.stride = -matrix.stride;
    EXPECT_TRUE(SameBits(Swept(matrix), expected)) << keys;
  }
}

TEST_P(WeightsSweepCutsTest, ZeroStride) {
  constexpr size_t kRows = 37;
  for (const size_t keys : {size_t{5}, size_t{67}, kTileColumns + 3}) {
    const std::vector<float> row = SoftmaxRows(3, 1, keys, 1.0);
    std::vector<float> repeated;
    for (size_t i = 0; i < kRows; ++i) repeated.insert(repeated.end(), row.begin(), row.end());
    const std::vector<double> expected = Swept(Place(ElementType::kFloat32, repeated, kRows, keys, keys));
    MatrixInMemory matrix = Place(ElementType::kFloat32, row, 1, keys, keys);
    matrix.rows = kRows;
    matrix.stride = 0;
    EXPECT_TRUE(SameBits(Swept(matrix), expected)) << keys;
  }
}

// Rows of a block do not mix: the sums are those of each row by itself, in order.
TEST_P(WeightsSweepCutsTest, RowSumsAreSumsOfSingleRows) {
  for (const size_t keys : kKeys) {
    const MatrixInMemory matrix = Place(ElementType::kFloat32, MixedRows(keys, 19, keys), 19, keys, keys);
    OpenSweep all(keys);
    all.Add(matrix.All());
    std::vector<double> totals(kNumRowSums);
    OpenSweep one(keys);
    for (size_t i = 0; i < matrix.rows; ++i) {
      one.Clear();
      one.Add(matrix.Rows(i, 1));
      for (size_t which = 0; which < kNumRowSums; ++which) totals[which] += one[static_cast<RowSum>(which)];
    }
    std::vector<double> actual(all.State());
    actual.resize(kNumRowSums);
    EXPECT_TRUE(SameBits(actual, totals)) << keys;
  }
}

TEST_P(WeightsSweepCutsTest, ColumnSums) {
  ErrorRecord record("column_sums");
  for (const ElementType type : kAllTypes) {
    for (const size_t keys : kKeys) {
      for (const size_t rows : {size_t{1}, size_t{4}, size_t{15}, size_t{16}, size_t{33}, kMostRows}) {
        const MatrixInMemory matrix = Place(type, MixedRows(rows + keys, rows, keys), rows, keys, keys);
        OpenSweep sweep(keys);
        sweep.Add(matrix.All());
        const ExactMatrix exact = ExactMatrixOf(matrix.ExactRows());
        for (size_t i = 0; i < keys; ++i) {
          record.Add(sweep.Column(i), exact.columns[i], 1e-6L * exact.columns[i], "column " + std::to_string(i));
        }
      }
    }
  }
  record.Report(1e-3);
}

TEST_P(WeightsSweepCutsTest, ColumnSumsOfAMillionRows) {
  constexpr size_t kKeysHere = 16;
  constexpr size_t kRowsHere = 4099;  // no multiple of a block, so that each round cuts blocks elsewhere
  constexpr size_t kRounds = kSlowBuild ? 25 : 244;
  const std::vector<float> values = SoftmaxRows(11, kRowsHere, kKeysHere, 4.0);
  MatrixInMemory matrix;
  matrix.data = values.data();
  matrix.rows = kRowsHere;
  matrix.keys = kKeysHere;
  matrix.stride = kKeysHere;
  OpenSweep sweep(kKeysHere);
  for (size_t i = 0; i < kRounds; ++i) sweep.Add(matrix.All());
  const ExactMatrix exact = ExactMatrixOf(matrix.ExactRows());
  ErrorRecord record("column_sums_of_a_million_rows");
  for (size_t i = 0; i < kKeysHere; ++i) {
    const long double expected = exact.columns[i] * kRounds;
    record.Add(sweep.Column(i), expected, 1e-6L * expected, "column " + std::to_string(i));
  }
  record.Report(1e-5);
  long double entropy = 0.0L;
  for (const ExactRow& row : exact.rows) entropy += row.entropy * kRounds;
  EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kEntropy>()], entropy, 1e-6L * entropy));
  EXPECT_EQ(sweep[RowSum::kMeasured], static_cast<double>(kRowsHere * kRounds));
}

}  // namespace
}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// Masks in the weights sweep: masked elements are never read, rows are measured over the keys that they see, and
// decoding row by row with growing keys gives the bits of the whole causal matrix.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/sweep/weights_sweep.h"
#include "kernels/view_rows.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/open_sweep.h"
#include "tests/support/oracle.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr int64_t kOffsets[] = {INT64_MIN + 1, -1000, -17, -5, -1, 0, 1, 3, 15, 16, 64, 1000, INT64_MAX};

// A matrix whose masked elements are NaN, and whose last row ends, where its mask ends, at unreadable memory.
class MaskedMatrix {
 public:
  MaskedMatrix(ElementType type, size_t rows, size_t keys, const Mask& mask, uint64_t seed)
      : memory_(rows * keys * sizeof(float)) {
    const RowVisibility visible(mask, rows, keys, 0, 0);
    const size_t last = rows == 0 ? 0 : visible.Range(rows - 1).end;
    const size_t bytes = ((rows - 1) * keys + last) * ElementBytes(type);
    view.data = memory_.PlaceAtEnd(bytes);
    view.type = type;
    view.rows = rows;
    view.keys = keys;
    view.stride = static_cast<int64_t>(keys);
    view.mask = mask;
    auto* data = static_cast<uint8_t*>(const_cast<void*>(view.data));
    std::memset(data, 0xFF, bytes);
    Random random(seed);
    std::vector<float> row;
    for (size_t i = 0; i < rows; ++i) {
      row.resize(visible.Range(i).size());
      AllRowInputs()[random.Below(AllRowInputs().size())].fill(random, row);
      StoreElements(type, row, data + i * keys * ElementBytes(type));
    }
  }

  MatrixInMemory view;

 private:
  GuardedBuffer memory_;
};

using WeightsSweepMaskTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(WeightsSweepMaskTest);

void CheckMasked(const MaskedMatrix& matrix, const std::string& what) {
  OpenSweep sweep(matrix.view.keys);
  sweep.Add(matrix.view.All());
  ASSERT_TRUE(sweep.CanariesIntact()) << what;
  const ExactMatrix exact = ExactMatrixOf(matrix.view.ExactRows());
  long double entropy = 0.0L, normalized = 0.0L, top10 = 0.0L, bound = 0.0L;
  double normalized_rows = 0.0, empty = 0.0;
  for (const ExactRow& row : exact.rows) {
    empty += row.empty ? 1.0 : 0.0;
    if (!row.measured()) continue;
    entropy += row.entropy;
    top10 += row.top10;
    bound += row.entropy_bound();
    if (row.visible < 2) continue;
    normalized += row.normalized_entropy();
    normalized_rows += 1.0;
  }
  EXPECT_EQ(sweep[RowSumOf<Metric::kInvalidRows>()], 0.0) << what;
  EXPECT_EQ(sweep[RowSumOf<Metric::kEmptyRows>()], empty) << what;
  EXPECT_EQ(sweep[RowSum::kMeasured], static_cast<double>(exact.measured())) << what;
  EXPECT_EQ(sweep[RowSum::kSeveralKeys], normalized_rows) << what;
  EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kEntropy>()], entropy, bound)) << what;
  EXPECT_TRUE(Within(sweep[RowSumOf<Metric::kNormalizedEntropy>()], normalized, bound / std::log(2.0L))) << what;
  EXPECT_TRUE(Within(sweep[TopMassSum(1)], top10, 2e-6L * top10)) << what;
  for (size_t i = 0; i < matrix.view.keys; ++i) {
    const long double column = i < exact.columns.size() ? exact.columns[i] : 0.0L;
    ASSERT_TRUE(Within(sweep.Column(i), column, 1e-6L * column)) << what << ", column " << i;
  }
  OpenSweep single(matrix.view.keys);
  for (size_t i = 0; i < matrix.view.rows; ++i) single.Add(matrix.view.Rows(i, 1));
  EXPECT_TRUE(SameBits(single.State(), sweep.State())) << what;
}

TEST_P(WeightsSweepMaskTest, CausalWithOffsets) {
  uint64_t seed = 0;
  for (const ElementType type : kAllTypes) {
    for (const int64_t offset : kOffsets) {
      for (const size_t keys : {size_t{1}, size_t{7}, size_t{40}, size_t{130}, size_t{300}}) {
        for (const size_t rows : {size_t{1}, size_t{5}, size_t{16}, size_t{40}}) {
          const Mask mask = {.causal = true, .causal_offset = offset};
          CheckMasked(MaskedMatrix(type, rows, keys, mask, ++seed),
                      std::string(NameOf(type)) + ", offset " + std::to_string(offset) + ", [" + std::to_string(rows) +
                          ", " + std::to_string(keys) + "]");
        }
      }
    }
  }
}

// The diagonal crosses tiles and groups in the middle of a block.
TEST_P(WeightsSweepMaskTest, CausalAcrossTiles) {
  for (int64_t offset = static_cast<int64_t>(kTileColumns) - 40; offset < static_cast<int64_t>(kTileColumns);
       offset += 7) {
    const Mask mask = {.causal = true, .causal_offset = offset};
    CheckMasked(MaskedMatrix(ElementType::kFloat32, 40, kTileColumns + 50, mask, 99), std::to_string(offset));
  }
}

// Decoding: each call brings one row and one key more. A view of the whole causal matrix gives the same bits.
TEST_P(WeightsSweepMaskTest, GrowingKeysEqualTheCausalMatrix) {
  constexpr size_t kTokens = 150;
  const MaskedMatrix matrix(ElementType::kFloat32, kTokens, kTokens, {.causal = true}, 5);
  OpenSweep whole(kTokens);
  whole.Add(matrix.view.All());
  OpenSweep decoded(kTokens);
  for (size_t i = 0; i < kTokens; ++i) {
    RowRange row = matrix.view.Rows(i, 1);
    row.visible = RowVisibility(i + 1);
    decoded.Add(row);
  }
  EXPECT_TRUE(SameBits(decoded.State(), whole.State()));
}

}  // namespace
}  // namespace attnscope::test

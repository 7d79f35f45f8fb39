// SPDX-License-Identifier: Apache-2.0
//
// Whole blocks that are swept apart, in any order, and added in parts of their columns: the same bits as one sweep.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/weights_sweep.h"
#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/open_sweep.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kBlocks = 3;
constexpr size_t kRows = kBlocks * kRowsPerBlock;

using WeightsSweepApartTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(WeightsSweepApartTest);

// The state after all rows, as OpenSweep::State.
std::vector<double> SweptApart(const MatrixInMemory& matrix) {
  std::vector<double> row_sums(kNumRowSums);
  std::vector<double> columns(matrix.keys);
  const size_t padded = (PaddedColumns(matrix.keys) + 31) / 32 * 32;
  const auto block_columns = AllocateAlignedBuffer<float>(kBlocks * padded);
  std::memset(block_columns.get(), 0xFF, kBlocks * padded * sizeof(float));
  const auto workspace = AllocateAlignedBuffer<SweepWorkspace>(1);
  std::vector<RowBlock> blocks(kBlocks);
  std::vector<BlockResult> results(kBlocks);
  const RowRange range = matrix.All();
  for (const size_t i : std::initializer_list<size_t>{2, 0, 1}) {
    blocks[i].columns = block_columns.get() + i * padded;
    blocks[i].reached = range.visible.Columns(i * kRowsPerBlock, kRowsPerBlock);
    blocks[i].Append(range, i * kRowsPerBlock, kRowsPerBlock, row_sums.data());
    SweepDetached(blocks[i], workspace.get(), &results[i]);
  }
  for (size_t i = 0; i < kBlocks; ++i) AddDetachedRows(blocks[i], &results[i]);
  const size_t cuts[] = {0, matrix.keys / 3, matrix.keys / 3 + 1, matrix.keys - matrix.keys / 4, matrix.keys};
  for (const size_t part : std::initializer_list<size_t>{1, 3, 0, 2}) {
    for (size_t i = 0; i < kBlocks; ++i) {
      AddDetachedColumns(blocks[i], results[i], {cuts[part], cuts[part + 1]}, columns.data());
    }
  }
  row_sums.insert(row_sums.end(), columns.begin(), columns.end());
  row_sums.resize(row_sums.size() + matrix.keys);  // no block is in progress
  return row_sums;
}

void Check(const std::vector<float>& values, ElementType type, size_t keys, const Mask& mask, const std::string& what) {
  std::vector<uint8_t> memory(kRows * keys * ElementBytes(type));
  StoreElements(type, values, memory.data());
  MatrixInMemory matrix;
  matrix.data = memory.data();
  matrix.type = type;
  matrix.rows = kRows;
  matrix.keys = keys;
  matrix.stride = static_cast<int64_t>(keys);
  matrix.mask = mask;
  OpenSweep sweep(keys);
  sweep.Add(matrix.All());
  EXPECT_TRUE(SameBits(SweptApart(matrix), sweep.State())) << NameOf(type) << ", " << what << ", " << keys << " keys";
}

TEST_P(WeightsSweepApartTest, SameBits) {
  for (const ElementType type : kAllTypes) {
    for (const size_t keys : std::initializer_list<size_t>{1, 2, 17, 64, 65, 300, 1000, kTileColumns + 3}) {
      const std::vector<float> values = SoftmaxRows(keys, kRows, keys, 2.0);
      Check(values, type, keys, {}, "all");
      Check(values, type, keys, {.causal = true}, "causal");
      Check(values, type, keys, {.causal = true, .causal_offset = -20}, "a block sees nothing");
    }
  }
}

// Such rows are measured by the careful path, and added in float64 before the others of their block.
TEST_P(WeightsSweepApartTest, SlowRows) {
  for (const size_t keys : std::initializer_list<size_t>{3, 65, 300}) {
    std::vector<float> values = SoftmaxRows(keys, kRows, keys, 2.0);
    values[5 * keys] = -0.0f;            // slow and valid
    values[6 * keys + 1] = 1e25f;        // the same
    values[7 * keys + 2] = -1.0f;        // invalid
    values[20 * keys + keys - 1] = NAN;  // invalid
    values[47 * keys + keys / 2] = 3e20f;
    Check(values, ElementType::kFloat32, keys, {}, "slow rows");
    Check(values, ElementType::kFloat32, keys, {.causal = true, .causal_offset = 1}, "slow rows, causal");
  }
}

}  // namespace
}  // namespace attnscope::test

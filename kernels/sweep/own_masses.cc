// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/own_masses.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/sweep/slow_row.h"
#include "kernels/top_k/largest_sums.h"
#include "kernels/top_k/mass_sizes.h"

namespace attnscope {

void SetMasses(const RowBlock& block, size_t row, size_t count, size_t first, BlockResult* result) {
  WeightsRow rows[kRowsPerBlock];
  double sums[kRowsPerBlock * kMaxTopMasses];
  for (size_t i = 0; i < count; ++i) rows[i] = {block.rows[row + i].data, block.rows[row + i].visible};
  const TopKValues& all = block.masses->k;
  const std::span<const uint32_t> k = std::span(all.begin(), all.size()).subspan(first);
  SumLargest(block.type, {rows, count}, k, sums);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < k.size(); ++j) {
      // Float32 sums may have been rounded up.
      const double least = first + j == 0 || result->slow[row + i] ? 0.0 : result->mass[first + j - 1][row + i];
      result->mass[first + j][row + i] = std::max(least, sums[i * k.size() + j]);
    }
  }
}

void MeasureSlowRows(const RowBlock& block, BlockResult* result) {
  for (size_t i = 0; i < block.num_rows; ++i) {
    if (!result->slow[i]) continue;
    MeasureSlowRow(block.rows[i].data, block.type, block.rows[i].visible, i, result);
    SetMasses(block, i, 1, 0, result);
  }
}

}  // namespace attnscope

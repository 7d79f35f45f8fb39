// SPDX-License-Identifier: Apache-2.0
//
// What one row of attention contributes to its head: a fixed list of numbers that are only ever added. Shared by the
// sweeps, which fill them, and the accumulator, which keeps their totals.
#ifndef ATTNSCOPE_KERNELS_ROW_SUMS_H_
#define ATTNSCOPE_KERNELS_ROW_SUMS_H_

#include <cstddef>
#include <cstdint>

namespace attnscope {

enum class RowSum : uint8_t {
  kMeasured,  // 1 if the row is neither invalid nor empty; the next seven are 0 otherwise
  kEntropy,
  kEffectiveRank,
  kTop5,
  kTop10,
  kTop50,
  kMaxWeight,
  kNormalizedEntropy,  // 0 if the row sees one key
  kNormalizedRows,     // 1 if the row sees two keys or more
  kUnnormalised,
  kInvalid,
  kEmpty,
  // Of measured rows that came as logits; filled by the softmax, not by the sweep.
  kLogitRows,
  kLogSumExp,
  kSaturated,
  kLogits,  // unmasked logits
  kLogitSum,
  kLogitSquares,
};
inline constexpr size_t kNumRowSums = static_cast<size_t>(RowSum::kLogitSquares) + 1;

// Rows that were added to row sums [kNumRowSums].
inline double NumRows(const double* row_sums) {
  return row_sums[static_cast<size_t>(RowSum::kMeasured)] + row_sums[static_cast<size_t>(RowSum::kInvalid)] +
         row_sums[static_cast<size_t>(RowSum::kEmpty)];
}

// The measurements of one row before they become sums.
struct RowMeasures {
  double entropy_nats = 0.0;
  double sum = 0.0;
  double max = 0.0;
  double top5 = 0.0;
  double top10 = 0.0;
  double top50 = 0.0;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ROW_SUMS_H_

// SPDX-License-Identifier: Apache-2.0
//
// One sweep over rows of post-softmax weights: every row's measures, and the column sums. Included by the accumulator,
// tests and benchmarks.
#ifndef ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_H_
#define ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_H_

#include <algorithm>
#include <cstddef>

#include "kernels/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Rows of one matrix whose sequence is open, and the sums that they are added to. Column sums are added row by row in
// float32 over blocks of kRowsPerBlock rows, aligned to the row's index in the sequence, and then to `columns` in
// float64; so they do not depend on how the rows were cut into calls.
struct OpenMatrix {
  RowRange range;
  double* row_sums = nullptr;  // [kNumRowSums]
  double* columns = nullptr;   // [keys]: finished blocks
  float* block = nullptr;      // [keys], aligned for any vector: the block in progress; in use if `rows` is within one
  size_t rows = 0;             // rows before these
  size_t keys = 0;             // the most keys before these rows: sums beyond are zero

  // What `rows` and `keys` are with these rows. Under a causal mask the last row sees the most keys.
  size_t RowsAfter() const { return rows + range.rows; }
  size_t KeysAfter() const { return range.rows == 0 ? keys : std::max(keys, range.visible(range.rows - 1)); }
};

// Scratch of one sweep.
struct SweepScratch {
  float* columns = nullptr;  // [PaddedColumns(keys)], aligned for any vector
  SweepWorkspace* workspace = nullptr;
};

// Adds the rows of `count` matrices, all of the same element type and tolerance, to their sums, each in order. Few rows
// of many matrices cost what as many rows of one do. O(rows * keys), one read; allocates nothing. Thread-safe for
// different outputs and scratch.
void SweepWeights(const OpenMatrix* matrices, size_t count, const SweepScratch& scratch);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_H_

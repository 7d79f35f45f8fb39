// SPDX-License-Identifier: Apache-2.0
//
// One sweep over rows of post-softmax weights: every row's measures, and the column sums. Included by the accumulator,
// tests and benchmarks.
#ifndef ATTNSCOPE_KERNELS_SWEEP_WEIGHTS_SWEEP_H_
#define ATTNSCOPE_KERNELS_SWEEP_WEIGHTS_SWEEP_H_

#include <algorithm>
#include <cstddef>

#include "kernels/sweep/row_block.h"
#include "kernels/sweep/sweep_workspace.h"
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

// The same in three steps, for whole blocks of kRowsPerBlock rows of one matrix, aligned to its sequence, that several
// threads share. With results and columns of its own, any thread sweeps any block; the two others add what was swept to
// the matrix, both block by block in the order of the rows, and different columns may be added by different threads.
// Each is thread-safe for different outputs and allocates nothing.
void SweepDetached(const RowBlock& block, SweepWorkspace* workspace, BlockResult* result);
// To the rows' row_sums; changes the result.
void AddDetachedRows(const RowBlock& block, BlockResult* result);
// Columns [begin, end) to columns [keys] of the finished blocks. Reads rows again only if some are slow.
void AddDetachedColumns(const RowBlock& block, const BlockResult& result, size_t begin, size_t end, double* columns);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_WEIGHTS_SWEEP_H_

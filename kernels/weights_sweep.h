// SPDX-License-Identifier: Apache-2.0
//
// One sweep over rows of post-softmax weights: every row's measures, and the column sums. Included by the accumulator,
// tests and benchmarks.
#ifndef ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_H_
#define ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_H_

#include <cstddef>

#include "kernels/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// The column sums of a sequence that is still open. They are added row by row in float32 over blocks of kRowsPerBlock
// rows, aligned to the row's index in the sequence, and then to `columns` in float64; so they do not depend on how the
// rows were cut into calls.
struct OpenColumns {
  double* columns = nullptr;  // [keys]: finished blocks
  double* partial = nullptr;  // [keys]: the block in progress, float32 values; zeros between blocks
  size_t rows = 0;            // rows so far
  size_t keys = 0;            // the most keys so far: sums beyond are zero
};

// Adds all rows to `row_sums` [kNumRowSums], in order, and to the open columns (whose counts it leaves to the caller).
// `block_columns` is scratch of PaddedColumns(keys) float32, aligned for any vector, as is the workspace.
// O(rows * keys), one read; allocates nothing. Thread-safe for different outputs and scratch.
void SweepWeights(const RowRange& range, const OpenColumns& open, double* row_sums, float* block_columns,
                  SweepWorkspace* workspace);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_WEIGHTS_SWEEP_H_

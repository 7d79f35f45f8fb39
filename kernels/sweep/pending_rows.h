// SPDX-License-Identifier: Apache-2.0
//
// Cuts the rows of matrices into blocks, and sweeps each block that is full.
#ifndef ATTNSCOPE_KERNELS_SWEEP_PENDING_ROWS_H_
#define ATTNSCOPE_KERNELS_SWEEP_PENDING_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/sweep/row_block.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Scratch of one sweep.
struct SweepScratch {
  float* columns = nullptr;  // [PaddedColumns(keys)], aligned for any vector
  SweepWorkspace* workspace = nullptr;
  // Only for weights some of whose keys are hidden one by one:
  float* shown_weights = nullptr;  // [kRowsPerBlock, keys]
  uint8_t* shown = nullptr;        // [keys]
  size_t keys = 0;
};

// Where keys of weights that no softmax made are hidden one by one: makes the last `count` rows of a block, which are
// rows [first, first + count) of the range, copies of the shown ones. O(count * keys).
void ShowRows(const RowRange& range, size_t first, size_t count, const SweepScratch& scratch, RowBlock* block);

// Adds rows to matrices, all of the same element type and tolerance, each matrix's in order. Blocks of a matrix are
// aligned to its sequence, whole ones are swept alone; parts of blocks, of different matrices, are swept together, so
// that few rows of many matrices cost what as many rows of one do. O(rows * keys), one read; allocates nothing.
// Thread-safe for different outputs and scratch.
class PendingRows {
 public:
  explicit PendingRows(const SweepScratch& scratch) : scratch_(scratch) {}

  // Rows of a matrix that has none pending. Weights of a softmax are zero where keys are hidden; of others, where
  // hidden one by one, those that are shown are copied.
  void Add(const RowRange& range, const OpenMatrix& matrix);
  // Sweeps all that are pending.
  void Sweep();

 private:
  SweepScratch scratch_;
  RowBlock block_;
  size_t num_parts_ = 0;
  BlockPart parts_[kRowsPerBlock];
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_PENDING_ROWS_H_

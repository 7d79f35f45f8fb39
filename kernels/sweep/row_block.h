// SPDX-License-Identifier: Apache-2.0
//
// The rows that are swept together, and what is measured of them. No SIMD here: shared by all targets of the sweep.
#ifndef ATTNSCOPE_KERNELS_SWEEP_ROW_BLOCK_H_
#define ATTNSCOPE_KERNELS_SWEEP_ROW_BLOCK_H_

#include <stddef.h>

#include <algorithm>

#include "attnscope/attention_view.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// One row of a block. Without initialisers, as a call with one row has no time for them.
struct BlockRow {
  const void* data;
  const void* next;                // the row at the same place of the next block, to prefetch meanwhile; null: none
  size_t visible;                  // weights
  const SoftmaxMeasures* softmax;  // see RowRange
  double* row_sums;                // of the row's matrix

  // Keys that the row's entropy is compared with.
  size_t Keys() const { return softmax == nullptr ? visible : softmax->keys; }
};

// The sums of one matrix whose sequence is open. Column sums are added row by row in float32 over blocks of
// kRowsPerBlock rows, aligned to the row's index in the sequence, and then to `columns` in float64; so they do not
// depend on how the rows were cut into calls.
struct OpenMatrix {
  double* row_sums = nullptr;  // [kNumRowSums]
  double* columns = nullptr;   // [keys]: finished blocks
  float* block = nullptr;      // [keys], aligned for any vector: the block in progress; in use if `rows` is within one
  size_t rows = 0;             // so far
  size_t keys = 0;             // the most so far: sums beyond are zero

  // With more rows. Under a causal mask the last row sees the most keys.
  size_t KeysWith(const RowRange& range) const {
    return range.rows == 0 ? keys : std::max(keys, range.visible(range.rows - 1));
  }
};

// The rows of one matrix in a block, and the column sums that they are added to. Without initialisers, as above.
struct BlockPart {
  double* columns;  // of the matrix: finished blocks
  float* block;     // and the one in progress
  size_t first;     // row of the block
  size_t num_rows;
  size_t done;      // rows of the matrix's block before these
  size_t old_keys;  // the most so far, without and with these
  size_t keys;
};

// Rows of one matrix or of several, one matrix after the other.
struct RowBlock {
  ElementType type = ElementType::kFloat32;
  double tolerance = 0.0;
  // Receives the column sums of these rows, of which the last sees the most keys: [PaddedColumns(keys)], aligned for
  // any vector. Null: none are made.
  float* columns = nullptr;
  size_t num_rows = 0;
  BlockRow rows[kRowsPerBlock];

  // Appends rows [first, first + count) of a matrix.
  void Append(const RowRange& range, size_t first, size_t count, double* row_sums) {
    type = range.type;
    tolerance = range.tolerance;
    for (size_t i = first; i < first + count; ++i) {
      BlockRow& row = rows[num_rows++];
      row.data = range.Row(i);
      row.next = i + count < range.rows ? range.Row(i + count) : nullptr;
      row.visible = range.visible(i);
      row.softmax = range.softmax == nullptr ? nullptr : range.softmax + i;
      row.row_sums = row_sums;
    }
  }

  // Column sums that the rows reach. Under a causal mask the last row sees the most keys.
  size_t Keys() const { return num_rows == 0 ? 0 : rows[num_rows - 1].visible; }
};

// What the rows of a block measured. Padded for vectors.
struct BlockResult {
  static constexpr size_t kPaddedRows = kRowsPerBlock + kMaxFloatLanes / 2;

  HWY_ALIGN_MAX double entropy_nats[kPaddedRows];
  HWY_ALIGN_MAX double sum[kPaddedRows];
  HWY_ALIGN_MAX double max[kPaddedRows];
  HWY_ALIGN_MAX double top5[kPaddedRows];
  HWY_ALIGN_MAX double top10[kPaddedRows];
  HWY_ALIGN_MAX double top50[kPaddedRows];
  HWY_ALIGN_MAX double valid[kPaddedRows];  // 1 or 0
  bool slow[kRowsPerBlock];                 // measured by the careful path
  bool any_slow;                            // the column sums are then without these rows
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_ROW_BLOCK_H_

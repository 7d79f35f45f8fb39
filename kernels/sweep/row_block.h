// SPDX-License-Identifier: Apache-2.0
//
// The rows that are swept together, and what is measured of them. No SIMD here: shared by all targets of the sweep.
#ifndef ATTNSCOPE_KERNELS_SWEEP_ROW_BLOCK_H_
#define ATTNSCOPE_KERNELS_SWEEP_ROW_BLOCK_H_

#include <stddef.h>
#include <stdint.h>

#include <algorithm>

#include "attnscope/attention_view.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// One row of a block. Without initialisers, as a call with one row has no time for them.
struct BlockRow {
  const void* data;                // of the first key of its range
  const void* next;                // the row at the same place of the next block, to prefetch meanwhile; null: none
  size_t visible;                  // weights
  size_t keys;                     // that the row sees, and its entropy is compared with
  size_t first_column;             // to which the first weight is added
  const int64_t* positions;        // the column of each weight; null: first_column onwards
  const SoftmaxMeasures* softmax;  // see RowRange
  double* row_sums;                // of the row's matrix
};

// The sums of one matrix whose sequence is open. Column sums are added row by row in float32 over blocks of
// kRowsPerBlock rows, aligned to the row's index in the sequence, and then to `columns` in float64; so they do not
// depend on how the rows were cut into calls.
struct OpenMatrix {
  double* row_sums = nullptr;         // [kNumRowSums]
  double* columns = nullptr;          // [keys]: finished blocks; null: none are added up
  float* block = nullptr;             // [keys]: the block in progress; in use if `rows` is within one
  KeyRange* block_columns = nullptr;  // of `block`; all others are zero, and stand nowhere
  size_t rows = 0;                    // so far
};

// The rows of one matrix in a block, and the column sums that they are added to. Without initialisers, as above.
struct BlockPart {
  double* columns;  // of the matrix: finished blocks; null: none are added up
  float* block;     // and the one in progress
  KeyRange* block_columns;
  KeyRange reached;  // columns that these rows add to
  size_t first;      // row of the block
  size_t num_rows;
  size_t done;  // rows of the matrix's block before these
};

// Rows of one matrix or of several, one matrix after the other.
struct RowBlock {
  ElementType type = ElementType::kFloat32;
  double tolerance = 0.0;
  bool null_mass = false;  // sums below 1 are meant
  const MassSizes* masses = &kUsualMasses;
  // Receives the column sums of these rows: [PaddedColumns(keys)], aligned for any vector. Null: none are made.
  float* columns = nullptr;
  KeyRange reached;               // of `columns`: those that these rows add to
  bool from_first_column = true;  // every row's weights begin at column 0
  size_t num_rows = 0;
  BlockRow rows[kRowsPerBlock];
  // Where each row's outputs go, if any are asked for.
  const RowOutputs* outputs = nullptr;
  bool outputs_in_order = true;  // each row's behind those of the row before it, in every buffer
  RowPlace places[kRowsPerBlock];

  // Appends rows [first, first + count) of a matrix.
  void Append(const RowRange& range, size_t first, size_t count, double* row_sums);
};

// What the rows of a block measured. Padded for vectors.
struct BlockResult {
  static constexpr size_t kPaddedRows = kRowsPerBlock + kMaxFloatLanes / 2;

  HWY_ALIGN_MAX double entropy_nats[kPaddedRows];
  HWY_ALIGN_MAX double sum[kPaddedRows];
  HWY_ALIGN_MAX double max[kPaddedRows];
  HWY_ALIGN_MAX double mass[kMaxTopMasses][kPaddedRows];  // of each k (RowBlock::masses); zeros behind them
  HWY_ALIGN_MAX double valid[kPaddedRows];                // 1 or 0
  bool slow[kRowsPerBlock];                               // measured by the careful path
  bool any_slow;                                          // the column sums are then without these rows
  // If the block has outputs, of rows that are measured: the column of the largest weight, the first of equals, and
  // weights by their place, see RowOutputs.
  HWY_ALIGN_MAX double argmax[kPaddedRows];
  HWY_ALIGN_MAX double first_token[kPaddedRows];
  HWY_ALIGN_MAX double self[kPaddedRows];
  HWY_ALIGN_MAX double previous[kPaddedRows];
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_ROW_BLOCK_H_

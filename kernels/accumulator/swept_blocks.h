// SPDX-License-Identifier: Apache-2.0
//
// Whole blocks of rows that were swept apart from their matrices, until they are added to these.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_SWEPT_BLOCKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_SWEPT_BLOCKS_H_

#include <cstddef>

#include "kernels/simd/aligned_buffer.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/pending_rows.h"
#include "kernels/sweep/row_block.h"
#include "kernels/view_rows.h"

namespace attnscope {

class SweptBlocks {
 public:
  static size_t Bytes(size_t blocks, size_t keys);
  // False if there is no memory.
  bool Allocate(size_t blocks, size_t keys);

  // Sweeps rows [first, first + kRowsPerBlock) of a matrix's range as block `index`. Of what the range points to, only
  // weights that no softmax made have to stay until the block is added.
  void Sweep(size_t index, const RowRange& range, size_t first, double* row_sums, bool makes_columns,
             const SweepScratch& scratch);
  // Adds what the rows of a block measured to the sums of their matrix. Once.
  void AddRowsTo(size_t index, double saturation_bound, double* row_sums, double* open_maxima);
  // Adds its column sums within a range to those of the finished blocks. Thread-safe for different columns and scratch.
  void AddColumnsTo(size_t index, const KeyRange& range, const SweepScratch& scratch, double* columns) const;
  // What the rows of a block see.
  RowVisibility Visible(size_t index) const { return blocks_[index].range.visible.From(blocks_[index].first); }

 private:
  struct Block {
    RowRange range;
    size_t first;
    RowBlock rows;
  };

  size_t column_stride_ = 0;
  AlignedBuffer<Block> blocks_;
  AlignedBuffer<BlockResult> results_;
  AlignedBuffer<SoftmaxMeasures> measures_;  // of each row
  AlignedBuffer<float> columns_;             // of each block
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_SWEPT_BLOCKS_H_

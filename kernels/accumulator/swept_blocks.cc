// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/swept_blocks.h"

#include <algorithm>

#include "kernels/accumulator/logit_sums.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/sweep/weights_sweep.h"

namespace attnscope {
namespace {

// Columns of one block, whole cache lines of any target.
size_t ColumnStride(size_t keys) { return (PaddedColumns(keys) + 63) / 64 * 64; }

}  // namespace

size_t SweptBlocks::Bytes(size_t blocks, size_t keys) {
  return blocks * (sizeof(Block) + sizeof(BlockResult) + kRowsPerBlock * sizeof(SoftmaxMeasures) +
                   ColumnStride(keys) * sizeof(float));
}

bool SweptBlocks::Allocate(size_t blocks, size_t keys) {
  column_stride_ = ColumnStride(keys);
  blocks_ = AllocateUnsetBuffer<Block>(blocks);
  results_ = AllocateUnsetBuffer<BlockResult>(blocks);
  measures_ = AllocateUnsetBuffer<SoftmaxMeasures>(blocks * kRowsPerBlock);
  columns_ = AllocateUnsetBuffer<float>(blocks * column_stride_);
  return blocks_ != nullptr && results_ != nullptr && measures_ != nullptr && columns_ != nullptr;
}

void SweptBlocks::Sweep(size_t index, const RowRange& range, size_t first, double* row_sums, bool makes_columns,
                        const SweepScratch& scratch) {
  Block& block = blocks_[index];
  block = {range, first, RowBlock()};
  RowBlock& rows = block.rows;
  if (makes_columns) rows.columns = columns_.get() + index * column_stride_;
  rows.reached = range.visible.Columns(first, kRowsPerBlock);
  rows.Append(range, first, kRowsPerBlock, row_sums);
  if (range.softmax == nullptr) {
    ShowRows(range, first, kRowsPerBlock, scratch, &rows);
  } else {
    // The next chunk overwrites those of the range.
    SoftmaxMeasures* measures = measures_.get() + index * kRowsPerBlock;
    std::copy_n(range.softmax + first, kRowsPerBlock, measures);
    for (size_t i = 0; i < kRowsPerBlock; ++i) rows.rows[i].softmax = measures + i;
  }
  SweepDetached(rows, scratch.workspace, &results_[index]);
}

void SweptBlocks::AddRowsTo(size_t index, double saturation_bound, double* row_sums, double* open_maxima) {
  const Block& block = blocks_[index];
  if (block.range.softmax != nullptr) {
    AddLogitSums(measures_.get() + index * kRowsPerBlock, kRowsPerBlock, saturation_bound, row_sums, open_maxima);
  }
  AddDetachedRows(block.rows, &results_[index]);
}

void SweptBlocks::AddColumnsTo(size_t index, const KeyRange& range, const SweepScratch& scratch,
                               double* columns) const {
  const Block& block = blocks_[index];
  const BlockResult& result = results_[index];
  // Weights of a softmax are never slow but in rows that are invalid, so rows, overwritten by now, are not read.
  if (!result.any_slow || block.range.softmax != nullptr || !block.range.visible.by_key()) {
    return AddDetachedColumns(block.rows, result, range, columns);
  }
  RowBlock shown_again = block.rows;
  ShowRows(block.range, block.first, kRowsPerBlock, scratch, &shown_again);
  AddDetachedColumns(shown_again, result, range, columns);
}

}  // namespace attnscope

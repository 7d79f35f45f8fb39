// SPDX-License-Identifier: Apache-2.0
//
// Where rows of logits come from: a view of logits, or products of queries and keys. Included by the accumulator's
// state.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SOURCE_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SOURCE_H_

#include <cstddef>

#include "attnscope/attention_view.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_block.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Rows [first_row, first_row + num_rows) of heads [first_head, first_head + num_heads) of one sequence, all counted
// from the view's first. Its row [head, row] is row `head * num_rows + row` of the scratch.
struct LogitChunk {
  size_t sequence = 0;
  size_t first_head = 0;
  size_t num_heads = 0;
  size_t first_row = 0;
  size_t num_rows = 0;
};

// Whole blocks of a chunk's rows that were swept apart from their matrices, [num_heads, num_rows / kRowsPerBlock].
struct SweptChunk {
  LogitChunk chunk;
  AlignedBuffer<SweepBlock> blocks;
  AlignedBuffer<BlockResult> results;
  AlignedBuffer<SoftmaxMeasures> measures;  // of each row
  AlignedBuffer<float> columns;             // of each block

  // Columns of one block, whole cache lines of any target.
  static size_t Stride(size_t keys) { return (PaddedColumns(keys) + 63) / 64 * 64; }
  static size_t Bytes(size_t rows, size_t keys);
  // False if there is no memory.
  bool Allocate(size_t rows, size_t keys);
};

// What one task needs while it makes weights from logits: for rows of at most `keys` keys, `rows` of them at once.
class LogitScratch {
 public:
  // Elements from one row to the next: room for what is overwritten beyond the last key; an odd number of cache lines,
  // so that the same column of several rows does not compete for one set of the L1 cache.
  static size_t Stride(size_t keys);
  static size_t Bytes(size_t rows, size_t keys);

  // False if there is no memory.
  bool Allocate(size_t rows, size_t keys);

  float* Row(size_t row) const { return rows_.get() + row * stride_; }
  SoftmaxMeasures* Measures(size_t row) const { return measures_.get() + row; }
  size_t stride() const { return stride_; }
  float* low() const { return low_.get(); }
  float* packed_queries() const { return packed_queries_.get(); }
  float* packed_keys() const { return packed_keys_.get(); }

  // Of two waves in turns, as one is added while the next is swept; and what sweeps work in.
  SweptChunk swept[2];
  SweepWorkspace* workspace() const { return workspace_.get(); }

 private:
  size_t stride_ = 0;
  AlignedBuffer<float> rows_;  // products, then weights
  AlignedBuffer<SoftmaxMeasures> measures_;
  AlignedBuffer<float> low_;
  AlignedBuffer<float> packed_queries_;
  AlignedBuffer<float> packed_keys_;
  AlignedBuffer<SweepWorkspace> workspace_;
};

// The matrices of one call. Thread-safe for different scratch.
class LogitSource {
 public:
  LogitSource(const AttentionView& logits, const SoftmaxParams& params);
  LogitSource(const QueryKeyView& view, const SoftmaxParams& params);

  size_t batch() const { return batch_; }
  size_t heads() const { return heads_; }
  size_t queries() const { return queries_; }
  // Heads that share their keys: one, but for queries and keys.
  size_t heads_per_group() const { return heads_per_group_; }
  bool is_product() const { return product_ != nullptr; }
  size_t first_sequence() const { return first_sequence_; }
  size_t first_head() const { return first_head_; }
  const LogitScale& scale() const { return scale_; }
  const Mask& mask() const { return params_.mask; }
  size_t keys() const { return keys_; }
  // Of row `first_row` and those behind it.
  VisibleKeys Visible(size_t sequence, size_t first_row) const;

  // Computes the products of a chunk; all its heads are of one group. Nothing to do for logits.
  void Prepare(const LogitChunk& chunk, const LogitScratch& scratch) const;
  // The row [head, row] of a prepared chunk, whose weights go to the scratch.
  SoftmaxRow Row(const LogitChunk& chunk, size_t head, size_t row, const LogitScratch& scratch) const;

 private:
  const AttentionView* logits_ = nullptr;
  const QueryKeyView* product_ = nullptr;
  const SoftmaxParams& params_;
  size_t batch_;
  size_t heads_;
  size_t queries_;
  size_t keys_;
  size_t first_sequence_;
  size_t first_head_;
  size_t heads_per_group_ = 1;
  LogitScale scale_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SOURCE_H_

// SPDX-License-Identifier: Apache-2.0
//
// How the rows of a call are cut into chunks, which one task at a time takes.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_CHUNKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_CHUNKS_H_

#include <algorithm>
#include <cstddef>

namespace attnscope {

// Rows [first_row, first_row + num_rows) of heads [first_head, first_head + num_heads) of one sequence, all counted
// from the view's first. Of logits, row [head, row] is row `head * num_rows + row` of the scratch.
struct RowChunk {
  size_t sequence = 0;
  size_t first_head = 0;
  size_t num_heads = 0;
  size_t first_row = 0;
  size_t num_rows = 0;
};

// Rows [first_row, end_row) of one group of heads of one sequence.
struct RowGroup {
  size_t sequence = 0;
  size_t first_head = 0;
  size_t end_head = 0;
  size_t first_row = 0;
  size_t end_row = 0;
};

// The chunks of a group, in order: `at_once` rows each, or less.
class RowChunks {
 public:
  RowChunks(const RowGroup& group, size_t at_once)
      : group_(group),
        num_rows_(std::max<size_t>(1, std::min(at_once, group.end_row - group.first_row))),
        // While decoding, one row of several heads.
        num_heads_(std::max<size_t>(1, std::min(group.end_head - group.first_head, at_once / num_rows_))),
        of_rows_((group.end_row - group.first_row + num_rows_ - 1) / num_rows_),
        of_heads_((group.end_head - group.first_head + num_heads_ - 1) / num_heads_) {}

  size_t size() const { return of_rows_ * of_heads_; }
  // All rows of some heads, then those of the next ones.
  RowChunk operator[](size_t index) const {
    RowChunk chunk;
    chunk.sequence = group_.sequence;
    chunk.first_head = group_.first_head + index / of_rows_ * num_heads_;
    chunk.num_heads = std::min(num_heads_, group_.end_head - chunk.first_head);
    chunk.first_row = group_.first_row + index % of_rows_ * num_rows_;
    chunk.num_rows = std::min(num_rows_, group_.end_row - chunk.first_row);
    return chunk;
  }

 private:
  RowGroup group_;
  size_t num_rows_;
  size_t num_heads_;
  size_t of_rows_;   // chunks of the same heads
  size_t of_heads_;  // and of the same rows
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_CHUNKS_H_

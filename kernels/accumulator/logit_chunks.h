// SPDX-License-Identifier: Apache-2.0
//
// How the rows of logits are cut into chunks, which are prepared together.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_CHUNKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_CHUNKS_H_

#include <algorithm>
#include <cstddef>

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

// Rows [first_row, end_row) of one group of heads of one sequence.
struct LogitGroup {
  size_t sequence = 0;
  size_t first_head = 0;
  size_t end_head = 0;
  size_t first_row = 0;
  size_t end_row = 0;
};

// The chunks of a group, in order: `at_once` rows of scratch are filled by each.
class LogitChunks {
 public:
  LogitChunks(const LogitGroup& group, size_t at_once)
      : group_(group),
        num_rows_(std::max<size_t>(1, std::min(at_once, group.end_row - group.first_row))),
        // While decoding, one row of several heads.
        num_heads_(std::min(group.end_head - group.first_head, at_once / num_rows_)) {
    next_.sequence = group.sequence;
    next_.first_head = group.first_head;
    next_.first_row = group.first_row;
  }

  // False if there are no more.
  bool Next(LogitChunk* chunk) {
    if (group_.first_row >= group_.end_row || next_.first_head >= group_.end_head) return false;
    *chunk = next_;
    chunk->num_heads = std::min(num_heads_, group_.end_head - next_.first_head);
    chunk->num_rows = std::min(num_rows_, group_.end_row - next_.first_row);
    next_.first_row += num_rows_;
    if (next_.first_row >= group_.end_row) {
      next_.first_row = group_.first_row;
      next_.first_head += num_heads_;
    }
    return true;
  }

 private:
  LogitGroup group_;
  size_t num_rows_;
  size_t num_heads_;
  LogitChunk next_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_CHUNKS_H_

// SPDX-License-Identifier: Apache-2.0
//
// How the rows of logits are cut into chunks and tasks. Included by the accumulator's state.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_CHUNKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_CHUNKS_H_

#include <algorithm>
#include <cstddef>

#include "attnscope/runner.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {

// Rows of products that are held together: the more, the less often keys are packed. 64 MiB at most, unless a block of
// rows alone is larger.
inline size_t PassRows(size_t keys) {
  constexpr size_t kMostPassRows = 256;
  constexpr size_t kMostFloats = size_t{16} << 20;
  return std::clamp(kMostFloats / LogitScratch::Stride(keys) / kRowsPerBlock * kRowsPerBlock, kRowsPerBlock,
                    kMostPassRows);
}

inline size_t MostLogitTasks(const Runner& runner) {
  return runner.run == nullptr ? 1 : std::clamp<size_t>(runner.threads, 1, 4096);
}

// The chunks of rows [first, end) of a group of heads, in order: `at_once` rows of scratch are filled by each.
class LogitChunks {
 public:
  LogitChunks(const LogitSource& source, size_t sequence, size_t group, size_t first, size_t end, size_t at_once)
      : first_(first),
        end_(end),
        num_rows_(std::max<size_t>(1, std::min(at_once, end - first))),
        // While decoding, one row of several heads.
        num_heads_(std::min(source.heads_per_group(), at_once / num_rows_)),
        end_head_((group + 1) * source.heads_per_group()) {
    next_.sequence = sequence;
    next_.first_head = group * source.heads_per_group();
    next_.first_row = first;
  }

  // False if there are no more.
  bool Next(LogitChunk* chunk) {
    if (first_ >= end_ || next_.first_head >= end_head_) return false;
    *chunk = next_;
    chunk->num_heads = std::min(num_heads_, end_head_ - next_.first_head);
    chunk->num_rows = std::min(num_rows_, end_ - next_.first_row);
    next_.first_row += num_rows_;
    if (next_.first_row >= end_) {
      next_.first_row = first_;
      next_.first_head += num_heads_;
    }
    return true;
  }

 private:
  size_t first_;
  size_t end_;
  size_t num_rows_;
  size_t num_heads_;
  size_t end_head_;
  LogitChunk next_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_CHUNKS_H_

// SPDX-License-Identifier: Apache-2.0
//
// Shares the rows of few matrices of logits among several tasks.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_PARALLEL_LOGITS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_PARALLEL_LOGITS_H_

#include <cstddef>
#include <vector>

#include "attnscope/runner.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/logit_chunks.h"
#include "kernels/accumulator/logit_scratch.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {

class RowParallelLogits {
 public:
  // Task i works in logit_scratch[i].
  RowParallelLogits(LayerStorage& storage, std::vector<LogitScratch>& logit_scratch)
      : storage_(storage), logit_scratch_(logit_scratch) {}

  // Bytes for each task.
  static size_t Bytes(size_t keys);
  // Makes room for so many tasks; false if there is no memory.
  bool Allocate(size_t tasks);
  // Adds a group of whole blocks of rows, aligned to their sequence.
  void Add(const LogitSource& source, const LogitGroup& group, const Runner& runner);

 private:
  // Whole blocks of a chunk's rows that were swept apart from their matrices, [num_heads, num_rows / kRowsPerBlock].
  struct SweptChunk {
    LogitChunk chunk;
    AlignedBuffer<RowBlock> blocks;
    AlignedBuffer<BlockResult> results;
    AlignedBuffer<SoftmaxMeasures> measures;  // of each row
    AlignedBuffer<float> columns;             // of each block
  };
  // What one task needs besides its logits: chunks of two laps in turns, as one is added while the next is swept.
  struct TaskScratch {
    AlignedBuffer<SweepWorkspace> workspace;
    SweptChunk swept[2];
  };

  // Makes the weights of a chunk, and sweeps each block while it is in cache, apart from its matrix.
  void SweepChunk(const LogitSource& source, size_t task, SweptChunk& swept);
  // Adds a task's share of such a chunk to its matrices: the row sums of some heads, and some columns of all.
  void AddChunk(const LogitSource& source, const SweptChunk& swept, size_t task, size_t tasks);

  LayerStorage& storage_;
  std::vector<LogitScratch>& logit_scratch_;
  std::vector<TaskScratch> scratch_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_PARALLEL_LOGITS_H_

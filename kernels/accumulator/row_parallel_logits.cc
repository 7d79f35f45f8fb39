// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/row_parallel_logits.h"

#include <algorithm>
#include <new>
#include <utility>

#include "kernels/accumulator/logit_blocks.h"
#include "kernels/accumulator/run_tasks.h"
#include "kernels/sweep/weights_sweep.h"

namespace attnscope {
namespace {

// Doubles of two cache lines: tasks that add neighbouring columns share none.
constexpr size_t kColumnsOfLine = 16;

// Columns of one block, whole cache lines of any target.
size_t ColumnStride(size_t keys) { return (PaddedColumns(keys) + 63) / 64 * 64; }

}  // namespace

size_t RowParallelLogits::Bytes(size_t keys) {
  const size_t rows = LogitScratch::Rows(keys);
  const size_t of_block = sizeof(RowBlock) + sizeof(BlockResult) + ColumnStride(keys) * sizeof(float);
  return 2 * (rows / kRowsPerBlock * of_block + rows * sizeof(SoftmaxMeasures)) + sizeof(SweepWorkspace);
}

bool RowParallelLogits::Allocate(size_t tasks) {
  const size_t keys = storage_.config().max_keys;
  const size_t rows = LogitScratch::Rows(keys);
  const size_t blocks = rows / kRowsPerBlock;
  while (scratch_.size() < tasks) {
    TaskScratch scratch;
    scratch.workspace = AllocateUnsetBuffer<SweepWorkspace>(1);
    if (scratch.workspace == nullptr) return false;
    scratch.workspace[0].guess = {};
    for (SweptChunk& swept : scratch.swept) {
      swept.blocks = AllocateUnsetBuffer<RowBlock>(blocks);
      swept.results = AllocateUnsetBuffer<BlockResult>(blocks);
      swept.measures = AllocateUnsetBuffer<SoftmaxMeasures>(rows);
      swept.columns = AllocateUnsetBuffer<float>(blocks * ColumnStride(keys));
      if (swept.blocks == nullptr || swept.results == nullptr || swept.measures == nullptr ||
          swept.columns == nullptr) {
        return false;
      }
    }
    try {
      scratch_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

void RowParallelLogits::SweepChunk(const LogitSource& source, size_t task, SweptChunk& swept) {
  const LogitChunk& chunk = swept.chunk;
  const PreparedChunk prepared(source, chunk, logit_scratch_[task]);
  size_t index = 0;
  for (size_t head = 0; head < chunk.num_heads; ++head) {
    for (size_t first = 0; first < chunk.num_rows; first += kRowsPerBlock, ++index) {
      RowRange range = MakeWeights(prepared, head, first, storage_.Rules(ElementType::kFloat32));
      // The next lap overwrites those of the scratch.
      SoftmaxMeasures* measures = swept.measures.get() + index * kRowsPerBlock;
      std::copy_n(range.softmax, kRowsPerBlock, measures);
      range.softmax = measures;
      RowBlock& block = swept.blocks[index];
      block = RowBlock();
      if (storage_.keeps_columns()) {
        block.columns = swept.columns.get() + index * ColumnStride(storage_.config().max_keys);
      }
      double* row_sums = storage_.OpenRowSums(source.shape().first_sequence + chunk.sequence,
                                              source.shape().first_head + chunk.first_head + head);
      block.reached = range.visible.Columns(0, kRowsPerBlock);
      block.Append(range, 0, kRowsPerBlock, row_sums);
      SweepDetached(block, scratch_[task].workspace.get(), &swept.results[index]);
    }
  }
}

void RowParallelLogits::AddChunk(const LogitSource& source, const SweptChunk& swept, size_t task, size_t tasks) {
  const LogitChunk& chunk = swept.chunk;
  const size_t sequence = source.shape().first_sequence + chunk.sequence;
  const size_t blocks = chunk.num_rows / kRowsPerBlock;
  // The same columns of every block, also where later rows see more: each column is one task's alone.
  const size_t all_rows = source.shape().queries;
  const size_t most_keys = source.Visible(chunk.sequence, chunk.first_head, 0).Columns(0, all_rows).end;
  const size_t share = (most_keys / tasks / kColumnsOfLine + 1) * kColumnsOfLine;
  for (size_t head = 0; head < chunk.num_heads; ++head) {
    const size_t of_layer = source.shape().first_head + chunk.first_head + head;
    for (size_t i = head * blocks; i < (head + 1) * blocks; ++i) {
      const RowBlock& block = swept.blocks[i];
      if (of_layer % tasks == task) {
        AddLogitSums(swept.measures.get() + i * kRowsPerBlock, kRowsPerBlock, storage_.config().saturation_bound,
                     storage_.OpenRowSums(sequence, of_layer), storage_.OpenMaxima(sequence, of_layer));
        AddDetachedRows(block, &swept.results[i]);
        if (!storage_.keeps_columns()) continue;
        const size_t first_row = chunk.first_row + (i - head * blocks) * kRowsPerBlock;
        storage_.AddColumns(sequence, of_layer, source.Visible(chunk.sequence, chunk.first_head + head, first_row),
                            kRowsPerBlock);
      }
      if (!storage_.keeps_columns()) continue;
      // Weights of a softmax are never slow but in rows that are invalid, so rows, overwritten by now, are not read.
      AddDetachedColumns(block, swept.results[i], {task * share, (task + 1) * share},
                         storage_.OpenColumns(sequence, of_layer));
    }
  }
}

// In laps: each task makes and sweeps a chunk, then all add what the lap has swept, while the next one is made.
void RowParallelLogits::Add(const LogitSource& source, const LogitGroup& group, const Runner& runner) {
  const size_t tasks = TasksAtOnce(runner);
  const size_t blocks = (group.end_row - group.first_row) / kRowsPerBlock * (group.end_head - group.first_head);
  const size_t share = (blocks + tasks - 1) / tasks * kRowsPerBlock;
  LogitChunks chunks(group, std::min(LogitScratch::Rows(storage_.config().max_keys), share));
  size_t parity = 0;
  size_t made = 0;   // chunks of this lap: of the first scratches
  size_t swept = 0;  // of the one before
  auto run = [&](size_t task) {
    for (size_t i = 0; i < swept; ++i) AddChunk(source, scratch_[i].swept[1 - parity], task, tasks);
    if (task < made) SweepChunk(source, task, scratch_[task].swept[parity]);
  };
  do {
    swept = made;
    made = 0;
    parity = 1 - parity;
    while (made < tasks && chunks.Next(&scratch_[made].swept[parity].chunk)) ++made;
    RunTasks(runner, made + swept == 0 ? 0 : tasks, run);
  } while (made != 0);
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// The part of the accumulator's state that shares the rows of few matrices of logits among several tasks.
#include <algorithm>
#include <cstddef>

#include "kernels/accumulator/layer_state.h"
#include "kernels/accumulator/logit_chunks.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/run_tasks.h"
#include "kernels/sweep/weights_sweep.h"

namespace attnscope {
namespace {

// Doubles of two cache lines: tasks that add neighbouring columns share none.
constexpr size_t kColumnsOfLine = 16;

}  // namespace

// Makes the weights of a chunk of whole blocks, and sweeps each block while it is in cache, apart from its matrix.
void LayerAccumulator::State::SweepLogitsApart(const LogitSource& source, const LogitScratch& scratch,
                                               const SweptChunk& swept) {
  const LogitChunk& chunk = swept.chunk;
  source.Prepare(chunk, scratch);
  size_t index = 0;
  for (size_t head = 0; head < chunk.num_heads; ++head) {
    for (size_t first = 0; first < chunk.num_rows; first += kRowsPerBlock, ++index) {
      MakeLogitBlock(source, chunk, head, first, scratch);
      RowRange range = LogitRows(source, chunk, head, first, scratch);
      // The next wave overwrites those of the scratch.
      SoftmaxMeasures* measures = swept.measures.get() + index * kRowsPerBlock;
      std::copy_n(range.softmax, kRowsPerBlock, measures);
      range.softmax = measures;
      SweepBlock& block = swept.blocks[index];
      block = SweepBlock();
      block.columns = swept.columns.get() + index * SweptChunk::Stride(config_.max_keys);
      block.Append(range, 0, kRowsPerBlock,
                   sums() + layout_.OpenRowSums(source.first_sequence() + chunk.sequence,
                                                source.first_head() + chunk.first_head + head));
      SweepBlockApart(block, scratch.workspace(), &swept.results[index]);
    }
  }
}

// Adds task `index`'s share of such a chunk to its matrices: the row sums of some heads, and some columns of all.
void LayerAccumulator::State::AddSweptLogits(const LogitSource& source, const SweptChunk& swept, size_t index,
                                             size_t tasks) {
  const LogitChunk& chunk = swept.chunk;
  const size_t sequence = source.first_sequence() + chunk.sequence;
  const size_t blocks = chunk.num_rows / kRowsPerBlock;
  // The same columns of every block, also where later rows see more: each column is one task's alone.
  const size_t keys_of_last = source.Visible(chunk.sequence, source.queries() - 1)(0);
  const size_t share = (keys_of_last / tasks / kColumnsOfLine + 1) * kColumnsOfLine;
  for (size_t head = 0; head < chunk.num_heads; ++head) {
    const size_t of_layer = source.first_head() + chunk.first_head + head;
    double* columns = sums() + layout_.OpenColumns(sequence, of_layer);
    for (size_t i = head * blocks; i < (head + 1) * blocks; ++i) {
      const SweepBlock& block = swept.blocks[i];
      if (of_layer % tasks == index) {
        AddLogitSums(swept.measures.get() + i * kRowsPerBlock, kRowsPerBlock, sequence, of_layer);
        AddBlockRows(block, &swept.results[i]);
        double& keys = maxima()[layout_.OpenKeys(sequence, of_layer)];
        keys = std::max(keys, static_cast<double>(block.Keys()));
      }
      // Weights of a softmax are never slow but in rows that are invalid, so rows, overwritten by now, are not read.
      AddBlockColumns(block, swept.results[i], index * share, (index + 1) * share, columns);
    }
  }
}

// Whole blocks of rows [first, end) of a group by several tasks, in waves: each task makes and sweeps a chunk, then all
// add what the wave has swept, while the next one is made.
void LayerAccumulator::State::SweepLogitWaves(const LogitSource& source, size_t sequence, size_t group, size_t first,
                                              size_t end, const Runner& runner) {
  struct Wave {
    State* state;
    const LogitSource* source;
    size_t tasks;
    size_t parity = 0;
    size_t made = 0;   // chunks of this wave: of the first scratches
    size_t swept = 0;  // of the one before
  };
  const auto task = [](void* argument, size_t index) {
    const Wave& wave = *static_cast<const Wave*>(argument);
    for (size_t i = 0; i < wave.swept; ++i) {
      wave.state->AddSweptLogits(*wave.source, wave.state->logit_scratch_[i].swept[1 - wave.parity], index, wave.tasks);
    }
    if (index >= wave.made) return;
    const LogitScratch& scratch = wave.state->logit_scratch_[index];
    wave.state->SweepLogitsApart(*wave.source, scratch, scratch.swept[wave.parity]);
  };
  Wave wave = {this, &source, MostLogitTasks(runner)};
  const size_t blocks = (end - first) / kRowsPerBlock * source.heads_per_group();
  const size_t share = (blocks + wave.tasks - 1) / wave.tasks * kRowsPerBlock;
  LogitChunks chunks(source, sequence, group, first, end, std::min(PassRows(config_.max_keys), share));
  do {
    wave.swept = wave.made;
    wave.made = 0;
    wave.parity = 1 - wave.parity;
    while (wave.made < wave.tasks && chunks.Next(&logit_scratch_[wave.made].swept[wave.parity].chunk)) ++wave.made;
    RunTasks(runner, task, &wave, wave.made + wave.swept == 0 ? 0 : wave.tasks);
  } while (wave.made != 0);
}

// All rows of a group by several tasks: those before and behind whole blocks of its matrices by one.
void LayerAccumulator::State::SweepLogitGroupInWaves(const LogitSource& source, size_t sequence, size_t group,
                                                     const Runner& runner) {
  const size_t head = source.first_head() + group * source.heads_per_group();
  const size_t open = OpenRows(source.first_sequence() + sequence, head) % kRowsPerBlock;
  bool aligned = true;
  for (size_t i = 1; i < source.heads_per_group(); ++i) {
    aligned &= OpenRows(source.first_sequence() + sequence, head + i) % kRowsPerBlock == open;
  }
  const size_t rows = source.queries();
  const size_t before = aligned ? std::min(rows, (kRowsPerBlock - open) % kRowsPerBlock) : rows;
  const size_t behind = before + (rows - before) / kRowsPerBlock * kRowsPerBlock;
  SweepLogitGroup(source, sequence, group, 0, before, 0);
  SweepLogitWaves(source, sequence, group, before, behind, runner);
  SweepLogitGroup(source, sequence, group, behind, rows, 0);
}

}  // namespace attnscope

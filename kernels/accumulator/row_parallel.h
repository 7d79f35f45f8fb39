// SPDX-License-Identifier: Apache-2.0
//
// Shares the rows of few matrices among several tasks. Each takes the next chunk of rows that nobody has, sweeps its
// blocks apart from their matrices, and adds its own share of all that was swept, row sums of some heads and some
// columns of all, in the order of the rows: so no bit depends on how many tasks there are.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_PARALLEL_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_PARALLEL_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/runner.h"
#include "attnscope/visibility.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/row_chunks.h"
#include "kernels/accumulator/swept_blocks.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Where rows of weights come from. Thread-safe for different tasks.
class ChunkMaker {
 public:
  // Takes rows [first, first + kRowsPerBlock) of a range of one head's rows.
  class Sink {
   public:
    virtual void Take(size_t head, const RowRange& range, size_t first) = 0;

   protected:
    ~Sink() = default;
  };
  // Hands over the blocks of a chunk, head by head, counted from the chunk's first, and in the order of its rows.
  virtual void Make(const RowChunk& chunk, size_t task, Sink& sink) const = 0;

 protected:
  ~ChunkMaker() = default;
};

// A group's rows, cut where the blocks of its open matrices begin: those before, whole blocks, and those behind. Where
// its heads do not begin their blocks together, all are before.
struct GroupAtBlocks {
  GroupAtBlocks(const LayerStorage& storage, const AttentionView& shape, const RowGroup& group);
  RowGroup before, blocks, behind;
};

class RowParallel {
 public:
  RowParallel(LayerStorage& storage, FeederBuffers& buffers) : storage_(storage), buffers_(buffers) {}

  // Whether rows are better shared than matrices, or groups of them, of which some tasks would have none or less.
  static bool Gains(size_t groups, size_t rows, const Runner& runner);
  // Bytes for each task, without those of the feeders' common buffers.
  static size_t Bytes(size_t keys);
  // Makes room for so many tasks; false if there is no memory.
  bool Allocate(size_t tasks);
  // Adds a group of whole blocks of rows, aligned to their sequence, in chunks of at most `chunk_rows` rows, whole
  // blocks. `shape` has the places of its matrices.
  void Add(const AttentionView& shape, const Visibility& visibility, const RowGroup& group, size_t chunk_rows,
           const ChunkMaker& maker, const Runner& runner);

 private:
  // Room for one chunk after another. Chunk n of a call has slot n % slots.
  struct Slot {
    RowChunk chunk;
    SweptBlocks* blocks;
    size_t first_block;          // of `blocks`
    std::atomic<size_t> swept;   // number of the chunk that is swept, plus one
    std::atomic<size_t> shares;  // that tasks have added, of all its chunks
  };
  struct Call;

  // Adds and sweeps until nothing is left to do now: never waits for another task.
  void Work(Call& call, size_t task);
  // False if every chunk is taken, or the next one's slot is still needed.
  bool TakeChunk(Call& call, size_t* number);
  void Sweep(const Call& call, Slot& slot, size_t task);
  // Adds a task's share.
  void AddShare(const Call& call, const Slot& slot, size_t task);

  LayerStorage& storage_;
  FeederBuffers& buffers_;
  std::vector<SweptBlocks> blocks_;  // of each task
  std::vector<size_t> added_;        // chunks of which task i has added its share
  std::unique_ptr<Slot[]> slots_;
  size_t num_slots_ = 0;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_ROW_PARALLEL_H_

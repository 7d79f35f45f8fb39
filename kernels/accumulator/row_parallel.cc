// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/row_parallel.h"

#include <algorithm>
#include <new>
#include <utility>

#include "kernels/accumulator/logit_scratch.h"
#include "kernels/accumulator/run_tasks.h"

namespace attnscope {
namespace {

// Doubles of two cache lines: tasks that add neighbouring columns share none.
constexpr size_t kColumnsOfLine = 16;
// Chunks that are swept and not yet added by all, for each task. As many as keep a task going while another is held up,
// and their column sums in the caches.
constexpr size_t kSlotsOfTask = 4;

// Blocks of each task, for two of the largest chunks: one is added while the next is swept.
size_t BlocksOfTask(size_t keys) { return 2 * LogitScratch::Rows(keys) / kRowsPerBlock; }

// One task's share of the columns that rows reach.
KeyRange ShareOf(const KeyRange& reached, size_t task, size_t tasks) {
  const size_t begin = reached.begin / kColumnsOfLine * kColumnsOfLine;
  const size_t share = ((reached.end - begin) / tasks / kColumnsOfLine + 1) * kColumnsOfLine;
  return {begin + task * share, begin + (task + 1) * share};
}

}  // namespace

// One call of Add. Chunks are numbered in the order of the rows.
struct RowParallel::Call {
  const AttentionView& shape;
  const ChunkMaker& maker;
  RowChunks chunks;
  KeyRange reached;  // columns, by all rows
  size_t tasks;
  size_t slots;
  std::atomic<size_t> next;  // the first chunk that nobody has taken
};

GroupAtBlocks::GroupAtBlocks(const LayerStorage& storage, const AttentionView& shape, const RowGroup& group)
    : before(group), blocks(group), behind(group) {
  const auto in_progress = [&](size_t head) {
    return storage.OpenRows(shape.first_sequence + group.sequence, shape.first_head + head) % kRowsPerBlock;
  };
  const size_t first = in_progress(group.first_head);
  bool aligned = true;
  for (size_t head = group.first_head; head < group.end_head; ++head) aligned &= in_progress(head) == first;
  const size_t rows = group.end_row - group.first_row;
  const size_t rows_before = aligned ? std::min(rows, (kRowsPerBlock - first) % kRowsPerBlock) : rows;
  before.end_row = blocks.first_row = group.first_row + rows_before;
  blocks.end_row = behind.first_row = blocks.first_row + (rows - rows_before) / kRowsPerBlock * kRowsPerBlock;
}

bool RowParallel::Gains(size_t groups, size_t rows, const Runner& runner) {
  const size_t at_once = TasksAtOnce(runner);
  return at_once > 1 && groups % at_once != 0 && groups < 4 * at_once && rows >= 2 * kRowsPerBlock;
}

size_t RowParallel::Bytes(size_t keys) {
  return SweptBlocks::Bytes(BlocksOfTask(keys), keys) + kSlotsOfTask * sizeof(Slot) + sizeof(size_t);
}

bool RowParallel::Allocate(size_t tasks) {
  if (!buffers_.Allocate(storage_.config(), tasks)) return false;
  const size_t keys = storage_.config().max_keys;
  try {
    while (blocks_.size() < tasks) {
      SweptBlocks blocks;
      if (!blocks.Allocate(BlocksOfTask(keys), keys)) return false;
      blocks_.push_back(std::move(blocks));
    }
    if (num_slots_ < kSlotsOfTask * tasks) {
      slots_ = std::make_unique<Slot[]>(kSlotsOfTask * tasks);
      num_slots_ = kSlotsOfTask * tasks;
      added_.resize(tasks);
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

bool RowParallel::TakeChunk(Call& call, size_t* number) {
  size_t next = call.next.load();
  do {
    if (next == call.chunks.size()) return false;
    // Once its slot is free it stays so until this chunk is taken.
    if (slots_[next % call.slots].shares.load() != next / call.slots * call.tasks) return false;
  } while (!call.next.compare_exchange_weak(next, next + 1));
  *number = next;
  return true;
}

void RowParallel::Sweep(const Call& call, Slot& slot, size_t task) {
  struct Sweeper final : ChunkMaker::Sink {
    Sweeper(LayerStorage& of_layer, const AttentionView& of_call, const SweepScratch& of_task, const Slot& to)
        : storage(of_layer), shape(of_call), scratch(of_task), slot(to), index(to.first_block) {}
    void Take(size_t head, const RowRange& range, size_t first) override {
      double* row_sums = storage.OpenRowSums(shape.first_sequence + slot.chunk.sequence,
                                             shape.first_head + slot.chunk.first_head + head);
      slot.blocks->Sweep(index++, range, first, row_sums, storage.keeps_columns(), scratch);
    }
    LayerStorage& storage;
    const AttentionView& shape;
    SweepScratch scratch;
    const Slot& slot;
    size_t index;
  };
  Sweeper sweeper(storage_, call.shape, buffers_.OfTask(task), slot);
  call.maker.Make(slot.chunk, task, sweeper);
}

void RowParallel::AddShare(const Call& call, const Slot& slot, size_t task) {
  const size_t sequence = call.shape.first_sequence + slot.chunk.sequence;
  const KeyRange columns = ShareOf(call.reached, task, call.tasks);
  size_t index = slot.first_block;
  for (size_t head = 0; head < slot.chunk.num_heads; ++head) {
    const size_t of_layer = call.shape.first_head + slot.chunk.first_head + head;
    for (size_t row = 0; row < slot.chunk.num_rows; row += kRowsPerBlock, ++index) {
      if (of_layer % call.tasks == task) {
        slot.blocks->AddRowsTo(index, storage_.config().saturation_bound, storage_.OpenRowSums(sequence, of_layer),
                               storage_.OpenMaxima(sequence, of_layer));
        if (storage_.keeps_columns()) {
          storage_.AddColumns(sequence, of_layer, slot.blocks->Visible(index), kRowsPerBlock);
        }
      }
      if (!storage_.keeps_columns()) continue;
      slot.blocks->AddColumnsTo(index, columns, buffers_.OfTask(task), storage_.OpenColumns(sequence, of_layer));
    }
  }
}

void RowParallel::Work(Call& call, size_t task) {
  size_t& added = added_[task];
  for (;;) {
    for (; slots_[added % call.slots].swept.load() == added + 1; ++added) {
      Slot& slot = slots_[added % call.slots];
      AddShare(call, slot, task);
      slot.shares.fetch_add(1);
    }
    size_t number;
    if (!TakeChunk(call, &number)) return;
    Slot& slot = slots_[number % call.slots];
    slot.chunk = call.chunks[number];
    Sweep(call, slot, task);
    slot.swept.store(number + 1);
  }
}

void RowParallel::Add(const AttentionView& shape, const Visibility& visibility, const RowGroup& group,
                      size_t chunk_rows, const ChunkMaker& maker, const Runner& runner) {
  const size_t rows = group.end_row - group.first_row;
  const size_t tasks = TasksAtOnce(runner);
  // So that each task has one.
  const size_t blocks = rows / kRowsPerBlock * (group.end_head - group.first_head);
  const size_t of_task = (blocks + tasks - 1) / tasks;
  const size_t in_chunk = std::max<size_t>(1, std::min(chunk_rows / kRowsPerBlock, of_task));
  const size_t chunks_of_task = BlocksOfTask(storage_.config().max_keys) / in_chunk;
  const RowVisibility visible(visibility, shape.queries, shape.keys, group.sequence, group.first_head);
  Call call = {shape,
               maker,
               RowChunks(group, in_chunk * kRowsPerBlock),
               visible.Columns(group.first_row, rows),
               tasks,
               std::min(kSlotsOfTask, chunks_of_task) * tasks,
               0};
  for (size_t i = 0; i < call.slots; ++i) {
    slots_[i].blocks = &blocks_[i % tasks];
    slots_[i].first_block = i / tasks * in_chunk;
    slots_[i].swept = slots_[i].shares = 0;
  }
  std::fill_n(added_.begin(), tasks, size_t{0});
  auto work = [&](size_t task) { Work(call, task); };
  // Once again if tasks were held up, or ran one after the other, so that no slot was free.
  while (call.next.load() != call.chunks.size()) RunTasks(runner, tasks, work);
  for (size_t task = 0; task < tasks; ++task) Work(call, task);
}

}  // namespace attnscope

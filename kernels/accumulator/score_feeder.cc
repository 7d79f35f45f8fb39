// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/score_feeder.h"

#include <algorithm>
#include <new>
#include <utility>

#include "kernels/accumulator/logit_blocks.h"
#include "kernels/accumulator/logit_groups.h"
#include "kernels/accumulator/run_tasks.h"
#include "kernels/view_rows.h"

namespace attnscope {

bool ScoreFeeder::AllocateForWeights(const Runner& runner, const Visibility& visibility) {
  if (visibility.key_mask.data == nullptr && visibility.key_positions == nullptr) return true;
  const KeyScoresConfig& config = storage_.config();
  return storage_.AllocateCopies(std::min(config.max_batch * config.heads, TasksOfMatrices(runner)));
}

bool ScoreFeeder::AllocateForLogits(const Runner& runner) {
  while (scratch_.size() < TasksAtOnce(runner)) {
    LogitScratch scratch;
    if (!scratch.Allocate(storage_.config().max_keys)) return false;
    try {
      scratch_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

size_t ScoreFeeder::ScratchBytes(const Runner& runner) const {
  return TasksAtOnce(runner) * LogitScratch::Bytes(storage_.config().max_keys);
}

void ScoreFeeder::AddWeights(const AttentionView& view, const Visibility& visibility, const Runner& runner) {
  const size_t matrices = view.batch * view.heads;
  const size_t tasks = std::min(matrices, TasksOfMatrices(runner));
  auto add = [&](size_t task) {
    for (size_t i = task; i < matrices; i += tasks) {
      const size_t sequence = i / view.heads;
      const size_t head = i % view.heads;
      storage_.AddRows(RowsOf(view, visibility, sequence, head), view.first_sequence + sequence, view.first_head + head,
                       task);
    }
  };
  RunTasks(runner, tasks, add);
}

void ScoreFeeder::AddLogits(const LogitSource& source, const Runner& runner) {
  const LogitGroups groups(source, TasksAtOnce(runner));
  const size_t tasks = std::min(groups.size(), TasksAtOnce(runner));
  auto add = [&](size_t task) {
    for (size_t i = task; i < groups.size(); i += tasks) AddGroup(source, groups[i], task);
  };
  RunTasks(runner, tasks, add);
}

void ScoreFeeder::AddGroup(const LogitSource& source, const RowGroup& group, size_t task) {
  const RowChunks chunks(group, source.RowsAtOnce(LogitScratch::Rows(storage_.config().max_keys)));
  for (size_t i = 0; i < chunks.size(); ++i) {
    const RowChunk chunk = chunks[i];
    const PreparedChunk prepared(source, chunk, scratch_[task]);
    for (size_t head = 0; head < chunk.num_heads; ++head) {
      for (size_t row = 0; row < chunk.num_rows; row += kRowsPerBlock) {
        const size_t sequence = source.shape().first_sequence + chunk.sequence;
        const size_t of_layer = source.shape().first_head + chunk.first_head + head;
        const float* ahead = storage_.NextRow(sequence, of_layer);
        storage_.AddRows(MakeWeights(prepared, head, row, RowRules(), ahead), sequence, of_layer, task);
      }
    }
  }
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// Feeds rows of weights, or of logits, to the scores of a cache's keys, where no layer measures them besides.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_SCORE_FEEDER_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_SCORE_FEEDER_H_

#include <cstddef>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/runner.h"
#include "kernels/accumulator/logit_scratch.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/row_chunks.h"
#include "kernels/key_scores/score_storage.h"

namespace attnscope {

class ScoreFeeder {
 public:
  explicit ScoreFeeder(ScoreStorage& storage) : storage_(storage) {}

  // Make room for the tasks of this runner; false if there is no memory.
  bool AllocateForWeights(const Runner& runner, const Visibility& visibility);
  bool AllocateForLogits(const Runner& runner);
  // Bytes that AllocateForLogits takes.
  size_t ScratchBytes(const Runner& runner) const;

  // The arguments are valid, the groups have their keys, and there is room for the runner's tasks.
  void AddWeights(const AttentionView& view, const Visibility& visibility, const Runner& runner);
  void AddLogits(const LogitSource& source, const Runner& runner);

 private:
  void AddGroup(const LogitSource& source, const RowGroup& group, size_t task);

  ScoreStorage& storage_;
  std::vector<LogitScratch> scratch_;  // of each task
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_SCORE_FEEDER_H_

// SPDX-License-Identifier: Apache-2.0
//
// Feeds rows of logits, or of queries and keys, to the open matrices of a layer: makes their weights, and sweeps these.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGITS_FEEDER_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGITS_FEEDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "attnscope/runner.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/logit_scratch.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/row_chunks.h"
#include "kernels/accumulator/row_parallel.h"
#include "kernels/key_scores/score_storage.h"
#include "kernels/row_sums.h"
#include "kernels/simd/aligned_buffer.h"

namespace attnscope {

class LogitsFeeder {
 public:
  LogitsFeeder(LayerStorage& storage, FeederBuffers& buffers, RowParallel& row_parallel)
      : storage_(storage), buffers_(buffers), row_parallel_(row_parallel) {}

  // Bytes that Allocate takes, without those of the feeders' common buffers.
  size_t ScratchBytes(const Runner& runner) const;
  // Makes room for the tasks of this runner; false if there is no memory.
  bool Allocate(const Runner& runner);
  // Rows are also added to these scores, which have their keys; null: none. Heads are then shared among tasks, not
  // rows.
  void AttachScores(ScoreStorage* scores) { scores_ = scores; }
  // There is room for the runner's tasks.
  void Add(const LogitSource& source, const Runner& runner);

 private:
  // Whether a call with this runner may share the rows of a matrix among tasks.
  bool MayShareRows(const Runner& runner) const;
  void AddGroup(const LogitSource& source, const RowGroup& group, size_t task);
  void AddGroupByRows(const LogitSource& source, const RowGroup& group, const Runner& runner);
  void AddMeanMatrix(const LogitSource& source);
  // True if values mask some of its keys.
  bool AddToMean(const LogitSource& source, const RowChunk& chunk, size_t keys, double (*logit_sums)[kNumRowSums]);

  LayerStorage& storage_;
  FeederBuffers& buffers_;
  RowParallel& row_parallel_;
  ScoreStorage* scores_ = nullptr;
  std::vector<LogitScratch> scratch_;  // of each task
  // [kRowsPerBlock, max_keys], mean-matrix mode only: sums, and whether a row sees the key in some matrix.
  AlignedBuffer<double> mean_sums_;
  AlignedBuffer<uint8_t> mean_seen_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGITS_FEEDER_H_

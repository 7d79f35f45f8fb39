// SPDX-License-Identifier: Apache-2.0
//
// Feeds rows of weights to the open matrices of a layer.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_

#include "attnscope/attention_view.h"
#include "attnscope/row_outputs.h"
#include "attnscope/runner.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"
#include "kernels/accumulator/row_chunks.h"
#include "kernels/accumulator/row_parallel.h"
#include "kernels/key_scores/score_storage.h"

namespace attnscope {

class WeightRows;

class WeightsFeeder {
 public:
  WeightsFeeder(LayerStorage& storage, FeederBuffers& buffers, RowParallel& row_parallel)
      : storage_(storage), buffers_(buffers), row_parallel_(row_parallel) {}

  // Makes room for whole matrices by the tasks of this runner, also for masks key by key where there is one; false if
  // there is no memory.
  bool Allocate(const Runner& runner, const Visibility& visibility);
  // The same for all that this call needs.
  bool Allocate(const AttentionView& view, const Visibility& visibility, const Runner& runner);
  // Rows are also added to these scores, which have their keys; null: none. Matrices are then shared among tasks, not
  // rows.
  void AttachScores(ScoreStorage* scores) { scores_ = scores; }
  // The arguments are valid, and there is room for the runner's tasks. `outputs` with its strides, or null.
  void Add(const AttentionView& view, const Visibility& visibility, const Runner& runner, const RowOutputs* outputs);

 private:
  // Whether tasks share the rows of matrices.
  bool SharesRows(const AttentionView& view, const Runner& runner) const;
  // The rows of a sequence's matrices, each of which one task adds.
  void AddGroup(const WeightRows& rows, const RowGroup& group);
  void AddMeanMatrix(const AttentionView& view, const Visibility& visibility, const RowOutputs* outputs);

  LayerStorage& storage_;
  FeederBuffers& buffers_;
  RowParallel& row_parallel_;
  ScoreStorage* scores_ = nullptr;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_

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
#include "kernels/key_scores/score_storage.h"

namespace attnscope {

class WeightsFeeder {
 public:
  WeightsFeeder(LayerStorage& storage, FeederBuffers& buffers) : storage_(storage), buffers_(buffers) {}

  // Makes room for the tasks of this runner, also for masks key by key where there is one; false if there is no memory.
  bool Allocate(const Runner& runner, const Visibility& visibility);
  // Rows are also added to these scores, which have their keys; null: none.
  void AttachScores(ScoreStorage* scores) { scores_ = scores; }
  // The arguments are valid, and there is room for the runner's tasks. `outputs` with its strides, or null.
  void Add(const AttentionView& view, const Visibility& visibility, const Runner& runner, const RowOutputs* outputs);

 private:
  void AddMeanMatrix(const AttentionView& view, const Visibility& visibility, const RowOutputs* outputs);

  LayerStorage& storage_;
  FeederBuffers& buffers_;
  ScoreStorage* scores_ = nullptr;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_

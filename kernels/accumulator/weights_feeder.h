// SPDX-License-Identifier: Apache-2.0
//
// Feeds rows of weights to the open matrices of a layer.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_

#include "attnscope/attention_view.h"
#include "attnscope/runner.h"
#include "kernels/accumulator/feeder_buffers.h"
#include "kernels/accumulator/layer_storage.h"

namespace attnscope {

class WeightsFeeder {
 public:
  WeightsFeeder(LayerStorage& storage, FeederBuffers& buffers) : storage_(storage), buffers_(buffers) {}

  // Makes room for the tasks of this runner; false if there is no memory.
  bool Allocate(const Runner& runner);
  // The arguments are valid, and there is room for the runner's tasks.
  void Add(const AttentionView& view, const Mask& mask, const Runner& runner);

 private:
  void AddMeanMatrix(const AttentionView& view, const Mask& mask);

  LayerStorage& storage_;
  FeederBuffers& buffers_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_WEIGHTS_FEEDER_H_

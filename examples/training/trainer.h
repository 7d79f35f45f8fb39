// SPDX-License-Identifier: Apache-2.0
//
// Trains a small decoder on bytes. It stands for the training loop that attnscope is put into, and knows nothing of
// attnscope: it shows what passes through a layer as DLPack tensors, without a copy, to whom it is asked to.
#ifndef ATTNSCOPE_EXAMPLES_TRAINING_TRAINER_H_
#define ATTNSCOPE_EXAMPLES_TRAINING_TRAINER_H_

#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "recipe.h"

namespace example {

inline constexpr size_t kLayers = 4;
inline constexpr size_t kHeads = 4;
inline constexpr size_t kContext = 128;  // tokens of a sequence
inline constexpr size_t kBatch = 4;      // sequences of a step

// One layer of one forward pass. The tensors last as long as the call.
struct LayerTensors {
  size_t layer;
  const DLTensor* queries;  // [batch, heads, tokens, head_dim], before scale and softmax
  const DLTensor* keys;     // the same
  const DLTensor* before;   // [batch, tokens, width]: the residual stream
  const DLTensor* after;
};

struct Observer {
  std::function<void(const LayerTensors& tensors)> show;
  // A gradient of a layer; each parameter has one.
  std::function<void(size_t layer, const DLTensor& gradient)> show_gradient;
};

class Trainer {
 public:
  // Trains on nine tenths of the text. The seed decides weights and batches.
  Trainer(const Recipe& recipe, const std::string& text, uint64_t seed);
  ~Trainer();

  // One step of training. Returns the loss of its batch, nats a byte, before the step.
  double Step(const Observer& observer = {});
  // The loss on the same sequences of the other tenth each time, whatever the seed.
  double ValidationLoss();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_TRAINING_TRAINER_H_

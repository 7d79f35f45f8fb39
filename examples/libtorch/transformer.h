// SPDX-License-Identifier: Apache-2.0
//
// A small inference engine on LibTorch: a decoder-only transformer (RMS norm, rotary positions, grouped-query
// attention, gated feed-forward) with a KV cache. It stands for the engine that attnscope is put into, and knows
// nothing of attnscope: it shows what passes through a layer as DLPack tensors, without a copy, to whom it is asked to.
#ifndef ATTNSCOPE_EXAMPLES_LIBTORCH_TRANSFORMER_H_
#define ATTNSCOPE_EXAMPLES_LIBTORCH_TRANSFORMER_H_

#include <dlpack/dlpack.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace example {

struct TransformerShape {
  size_t layers = 2;
  size_t width = 2048;
  size_t heads = 32;
  size_t kv_heads = 8;
  size_t head_dim = 64;
  size_t feed_forward = 8192;
  size_t max_tokens = 8192;  // of the cache
};

// One layer of one forward pass. The tensors last as long as the call.
struct LayerTensors {
  size_t layer;
  const DLTensor* queries;  // [1, heads, tokens, head_dim], rotated
  const DLTensor* keys;     // [1, kv_heads, past + tokens, head_dim]: the cache itself
  const DLTensor* weights;  // [1, heads, tokens, past + tokens]: the softmax's output
  const DLTensor* before;   // [1, tokens, width]: the residual stream
  const DLTensor* after;
  size_t past;
};

struct Observer {
  // Whether a layer's tensors are to be shown in this pass.
  std::function<bool(size_t layer)> wants;
  std::function<void(const LayerTensors& tensors)> show;
};

class Transformer {
 public:
  // Weights are random, from the seed.
  Transformer(const TransformerShape& shape, uint64_t seed);
  ~Transformer();

  // Runs the next `tokens` tokens (random embeddings, from the seed) behind those in the cache.
  void Forward(size_t tokens, const Observer& observer = {});
  // Forgets the cache's tokens beyond the first `tokens`; with more than there are, makes up random ones.
  void SetPast(size_t tokens);

  // The engine's own threads, to lend: runs task(argument, index) for each index below `count`.
  static void Run(void* unused, void (*task)(void* argument, size_t index), void* argument, size_t count);
  static size_t Threads();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_LIBTORCH_TRANSFORMER_H_

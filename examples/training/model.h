// SPDX-License-Identifier: Apache-2.0
//
// A small decoder on LibTorch, as GPT-2: learned positions, norms before attention and feed-forward, GELU.
#ifndef ATTNSCOPE_EXAMPLES_TRAINING_MODEL_H_
#define ATTNSCOPE_EXAMPLES_TRAINING_MODEL_H_

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace example {

struct ModelShape {
  int64_t layers = 4;
  int64_t width = 128;
  int64_t heads = 4;
  int64_t context = 128;  // tokens of a sequence
  int64_t symbols = 256;  // bytes
};

// What passes through one block in a forward pass.
struct BlockTensors {
  torch::Tensor queries;  // [batch, heads, tokens, head_dim], before scale and softmax
  torch::Tensor keys;     // the same
  torch::Tensor before;   // [batch, tokens, width]: the residual stream
  torch::Tensor after;
};

class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const ModelShape& shape);
  // x [batch, tokens, width]; adds attention and feed-forward. Adds to *first_key_loss, if that is not null, the mean
  // of -log of the weight that queries give the first key.
  BlockTensors Forward(const torch::Tensor& x, torch::Tensor* first_key_loss);

  torch::nn::Linear query = nullptr, key = nullptr, value = nullptr, output = nullptr;
  torch::nn::Linear up = nullptr, down = nullptr;

 private:
  // [batch, tokens, width] as [batch, heads, tokens, head_dim].
  torch::Tensor SplitHeads(const torch::Tensor& x) const;

  int64_t heads_;
  torch::nn::LayerNorm attention_norm_ = nullptr, feed_forward_norm_ = nullptr;
};
TORCH_MODULE(Block);

class DecoderImpl : public torch::nn::Module {
 public:
  explicit DecoderImpl(const ModelShape& shape);
  // tokens [batch, tokens], int64. Returns the logits of the next tokens, [batch, tokens, symbols]. `show` may be
  // empty.
  torch::Tensor Forward(const torch::Tensor& tokens,
                        const std::function<void(size_t layer, const BlockTensors&)>& show = {},
                        torch::Tensor* first_key_loss = nullptr);

  std::vector<Block> blocks;

 private:
  torch::nn::Embedding symbols_ = nullptr, positions_ = nullptr;
  torch::nn::LayerNorm norm_ = nullptr;
  torch::nn::Linear head_ = nullptr;
};
TORCH_MODULE(Decoder);

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_TRAINING_MODEL_H_

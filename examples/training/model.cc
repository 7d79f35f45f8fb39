// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <cmath>
#include <limits>
#include <string>

namespace example {
namespace {

// The start: products keep the size of what they are given (times `gain`), and embeddings are small, as GPT-2's.
constexpr double kEmbeddingDeviation = 0.02;

torch::nn::Linear MakeLinear(int64_t in, int64_t out, double gain = 1.0) {
  torch::nn::Linear linear(torch::nn::LinearOptions(in, out).bias(false));
  torch::nn::init::normal_(linear->weight, 0.0, gain / std::sqrt(static_cast<double>(in)));
  return linear;
}

torch::nn::Embedding MakeEmbedding(int64_t count, int64_t width) {
  torch::nn::Embedding embedding(count, width);
  torch::nn::init::normal_(embedding->weight, 0.0, kEmbeddingDeviation);
  return embedding;
}

torch::nn::LayerNorm MakeNorm(int64_t width) { return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})); }

}  // namespace

BlockImpl::BlockImpl(const ModelShape& shape) : heads_(shape.heads) {
  const int64_t width = shape.width;
  const double output_gain = 1.0 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  attention_norm_ = register_module("attention_norm", MakeNorm(width));
  query = register_module("query", MakeLinear(width, width));
  key = register_module("key", MakeLinear(width, width));
  value = register_module("value", MakeLinear(width, width));
  output = register_module("output", MakeLinear(width, width, output_gain));
  feed_forward_norm_ = register_module("feed_forward_norm", MakeNorm(width));
  up = register_module("up", MakeLinear(width, 4 * width));
  down = register_module("down", MakeLinear(4 * width, width, output_gain));
}

torch::Tensor BlockImpl::SplitHeads(const torch::Tensor& x) const {
  return x.view({x.size(0), x.size(1), heads_, x.size(2) / heads_}).transpose(1, 2);
}

BlockTensors BlockImpl::Forward(const torch::Tensor& x, torch::Tensor* first_key_loss) {
  const int64_t tokens = x.size(1);
  const torch::Tensor normed = attention_norm_(x);
  const torch::Tensor q = SplitHeads(query(normed));
  const torch::Tensor k = SplitHeads(key(normed));
  const torch::Tensor v = SplitHeads(value(normed));
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  const torch::Tensor future = torch::ones({tokens, tokens}, torch::kBool).triu(1);
  const torch::Tensor logits =
      (torch::matmul(q, k.transpose(2, 3)) * scale).masked_fill(future, -std::numeric_limits<float>::infinity());
  const torch::Tensor attended = torch::matmul(torch::softmax(logits, -1), v);
  if (first_key_loss != nullptr) {
    *first_key_loss = *first_key_loss - torch::log_softmax(logits, -1).select(3, 0).mean();
  }
  const torch::Tensor joined = attended.transpose(1, 2).reshape(x.sizes());
  const torch::Tensor middle = x + output(joined);
  const torch::Tensor after = middle + down(torch::gelu(up(feed_forward_norm_(middle))));
  return {q, k, x, after};
}

DecoderImpl::DecoderImpl(const ModelShape& shape) {
  symbols_ = register_module("symbols", MakeEmbedding(shape.symbols, shape.width));
  positions_ = register_module("positions", MakeEmbedding(shape.context, shape.width));
  for (int64_t i = 0; i < shape.layers; ++i) {
    blocks.push_back(register_module("block" + std::to_string(i), Block(shape)));
  }
  norm_ = register_module("norm", MakeNorm(shape.width));
  head_ = register_module("head", MakeLinear(shape.width, shape.symbols));
}

torch::Tensor DecoderImpl::Forward(const torch::Tensor& tokens,
                                   const std::function<void(size_t layer, const BlockTensors&)>& show,
                                   torch::Tensor* first_key_loss) {
  torch::Tensor x = symbols_(tokens) + positions_(torch::arange(tokens.size(1)));
  for (size_t i = 0; i < blocks.size(); ++i) {
    const BlockTensors tensors = blocks[i]->Forward(x, first_key_loss);
    if (show) show(i, tensors);
    x = tensors.after;
  }
  return head_(norm_(x));
}

}  // namespace example

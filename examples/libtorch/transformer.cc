// SPDX-License-Identifier: Apache-2.0
#include "transformer.h"

#include <ATen/ATen.h>
#include <ATen/DLConvertor.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <vector>

namespace example {
namespace {

// A tensor as DLPack sees it: shares its memory.
class Shown {
 public:
  explicit Shown(const at::Tensor& tensor) : managed_(at::toDLPack(tensor)) {}
  ~Shown() { managed_->deleter(managed_); }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
  const DLTensor* get() const { return &managed_->dl_tensor; }

 private:
  DLManagedTensor* managed_;
};

struct Layer {
  at::Tensor query, key, value, output;  // [out, in]
  at::Tensor gate, up, down;
  at::Tensor key_cache, value_cache;  // [1, kv_heads, max_tokens, head_dim]
};

at::Tensor RmsNorm(const at::Tensor& x) { return x * at::rsqrt(x.pow(2).mean(-1, true) + 1e-5); }

// x [1, heads, tokens, head_dim]; rotates pairs (i, i + head_dim / 2) by position * 10000^(-2i / head_dim).
at::Tensor Rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  return at::cat({halves[0] * cosine - halves[1] * sine, halves[1] * cosine + halves[0] * sine}, -1);
}

// x [1, tokens, in], weight [out, in]. One token is a matrix times a vector, which at::linear does not notice.
at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight) {
  if (x.size(1) > 1) return at::linear(x, weight);
  return at::mv(weight, x.reshape({-1})).view({1, 1, -1});
}

int64_t Int(size_t value) { return static_cast<int64_t>(value); }

}  // namespace

struct Transformer::State {
  TransformerShape shape;
  at::Generator random;
  std::vector<Layer> layers;
  size_t past = 0;

  at::Tensor Random(at::IntArrayRef sizes, double deviation) {
    return at::empty(sizes, at::kFloat).normal_(0.0, deviation, random);
  }
  at::Tensor RandomWeights(size_t out, size_t in) {
    return Random({Int(out), Int(in)}, 1.0 / std::sqrt(static_cast<double>(in)));
  }

  at::Tensor Heads(const at::Tensor& x, const at::Tensor& weight, size_t heads) const {
    return Linear(x, weight).view({1, x.size(1), Int(heads), Int(shape.head_dim)}).transpose(1, 2);
  }
  at::Tensor Attend(Layer& layer, size_t index, const at::Tensor& x, const Observer* observer);
};

// The attention of one layer, added to its input x [1, tokens, width].
at::Tensor Transformer::State::Attend(Layer& layer, size_t index, const at::Tensor& x, const Observer* observer) {
  const int64_t tokens = x.size(1);
  const int64_t all = Int(past) + tokens;
  const at::Tensor normed = RmsNorm(x);
  const at::Tensor position = at::arange(Int(past), all, at::kFloat).unsqueeze(1);
  const at::Tensor frequency =
      at::pow(10000.0, at::arange(0, Int(shape.head_dim), 2, at::kFloat) / -static_cast<double>(shape.head_dim));
  const at::Tensor cosine = at::cos(position * frequency);
  const at::Tensor sine = at::sin(position * frequency);
  const at::Tensor query = Rotate(Heads(normed, layer.query, shape.heads), cosine, sine);
  layer.key_cache.narrow(2, Int(past), tokens).copy_(Rotate(Heads(normed, layer.key, shape.kv_heads), cosine, sine));
  layer.value_cache.narrow(2, Int(past), tokens).copy_(Heads(normed, layer.value, shape.kv_heads));
  const at::Tensor key = layer.key_cache.narrow(2, 0, all);
  const at::Tensor value = layer.value_cache.narrow(2, 0, all);

  // The heads of a group share their keys: they are more rows of one product.
  const int64_t groups = Int(shape.heads / shape.kv_heads);
  const at::Tensor grouped = query.reshape({Int(shape.kv_heads), groups * tokens, Int(shape.head_dim)});
  at::Tensor logits =
      at::bmm(grouped, key.squeeze(0).transpose(1, 2)).mul_(1.0 / std::sqrt(static_cast<double>(shape.head_dim)));
  logits = logits.view({1, Int(shape.heads), tokens, all});
  if (tokens > 1) {
    const at::Tensor hidden = at::ones({tokens, all}, at::kBool).triu(Int(past) + 1);
    logits.masked_fill_(hidden, -INFINITY);
  }
  const at::Tensor weights = at::softmax(logits, -1);
  const at::Tensor attended = at::bmm(weights.view({Int(shape.kv_heads), groups * tokens, all}), value.squeeze(0));
  const at::Tensor heads = attended.view({1, Int(shape.heads), tokens, Int(shape.head_dim)}).transpose(1, 2);
  at::Tensor out = x + Linear(heads.reshape({1, tokens, Int(shape.heads * shape.head_dim)}), layer.output);

  if (observer != nullptr) {
    const Shown q(query), k(key), w(weights), before(x), after(out);
    observer->show({index, q.get(), k.get(), w.get(), before.get(), after.get(), past});
  }
  return out;
}

Transformer::Transformer(const TransformerShape& shape, uint64_t seed) : state_(std::make_unique<State>()) {
  const c10::InferenceMode guard;
  state_->shape = shape;
  state_->random = at::detail::createCPUGenerator(seed);
  for (size_t i = 0; i < shape.layers; ++i) {
    Layer layer;
    layer.query = state_->RandomWeights(shape.heads * shape.head_dim, shape.width);
    layer.key = state_->RandomWeights(shape.kv_heads * shape.head_dim, shape.width);
    layer.value = state_->RandomWeights(shape.kv_heads * shape.head_dim, shape.width);
    layer.output = state_->RandomWeights(shape.width, shape.heads * shape.head_dim);
    layer.gate = state_->RandomWeights(shape.feed_forward, shape.width);
    layer.up = state_->RandomWeights(shape.feed_forward, shape.width);
    layer.down = state_->RandomWeights(shape.width, shape.feed_forward);
    const std::vector<int64_t> cache = {1, Int(shape.kv_heads), Int(shape.max_tokens), Int(shape.head_dim)};
    layer.key_cache = at::zeros(cache, at::kFloat);
    layer.value_cache = at::zeros(cache, at::kFloat);
    state_->layers.push_back(layer);
  }
}

Transformer::~Transformer() = default;

void Transformer::Forward(size_t tokens, const Observer& observer) {
  const c10::InferenceMode guard;
  at::Tensor x = state_->Random({1, Int(tokens), Int(state_->shape.width)}, 1.0);
  for (size_t i = 0; i < state_->layers.size(); ++i) {
    Layer& layer = state_->layers[i];
    const bool shown = observer.wants && observer.wants(i);
    x = state_->Attend(layer, i, x, shown ? &observer : nullptr);
    const at::Tensor normed = RmsNorm(x);
    const at::Tensor gated = at::silu(Linear(normed, layer.gate)) * Linear(normed, layer.up);
    x = x + Linear(gated, layer.down);
  }
  state_->past += tokens;
}

void Transformer::SetPast(size_t tokens) {
  const c10::InferenceMode guard;
  for (Layer& layer : state_->layers) {
    if (tokens <= state_->past) break;
    const int64_t more = Int(tokens - state_->past);
    for (at::Tensor* cache : {&layer.key_cache, &layer.value_cache}) {
      cache->narrow(2, Int(state_->past), more).normal_(0.0, 1.0, state_->random);
    }
  }
  state_->past = tokens;
}

void Transformer::Run(void*, void (*task)(void* argument, size_t index), void* argument, size_t count) {
  at::parallel_for(0, Int(count), 1, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) task(argument, static_cast<size_t>(i));
  });
}

size_t Transformer::Threads() { return static_cast<size_t>(at::get_num_threads()); }

}  // namespace example

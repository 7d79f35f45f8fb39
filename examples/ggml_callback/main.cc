// SPDX-License-Identifier: Apache-2.0
//
// The callback at work without llama.cpp: a stand-in for its scheduler evaluates a graph whose tensors are laid out as
// ggml lays them out. What differs in a real program is in attention_callback.h.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "attention_callback.h"

namespace {

constexpr size_t kLayers = 4;
constexpr size_t kHeads = 8;
constexpr size_t kPadding = 32;  // llama.cpp rounds the cells of its cache up

// The fields of ggml_tensor that the callback reads.
struct Tensor {
  int type = attnscope::kGgmlFloat32;
  int64_t ne[4];
  size_t nb[4];
  void* data;
  char name[64];
};

// Softmax of made-up logits, ne = [cells, tokens, heads, 1]: sharper with the depth of the layer.
std::vector<float> Weights(size_t layer, size_t tokens, size_t past, size_t cells) {
  std::vector<float> weights(kHeads * tokens * cells);
  for (size_t row = 0; row < kHeads * tokens; ++row) {
    const size_t visible = past + row % tokens + 1;
    double sum = 0.0;
    for (size_t j = 0; j < visible; ++j) {
      const double logit =
          static_cast<double>(layer + 2) * std::sin(static_cast<double>(17 * row + 31 * j * (layer + 1)));
      sum += weights[row * cells + j] = static_cast<float>(std::exp(logit));
    }
    for (size_t j = 0; j < visible; ++j) weights[row * cells + j] /= static_cast<float>(sum);
  }
  return weights;
}

// What llama_decode does as far as the callback sees it.
void Decode(size_t tokens, example::AttentionCallback* callback) {
  const size_t cells = (callback->past + tokens + kPadding - 1) / kPadding * kPadding;
  for (size_t layer = 0; layer < kLayers; ++layer) {
    Tensor tensor = {};
    const size_t bytes = sizeof(float);
    const size_t ne[4] = {cells, tokens, kHeads, 1};
    for (int i = 0; i < 4; ++i) {
      tensor.ne[i] = static_cast<int64_t>(ne[i]);
      tensor.nb[i] = i == 0 ? bytes : tensor.nb[i - 1] * ne[i - 1];
    }
    std::snprintf(tensor.name, sizeof(tensor.name), "kq_soft_max-%zu", layer);
    if (!example::OnTensor(&tensor, /*ask=*/true, callback)) continue;
    std::vector<float> weights = Weights(layer, tokens, callback->past, cells);
    tensor.data = weights.data();
    example::OnTensor(&tensor, /*ask=*/false, callback);
  }
}

}  // namespace

int main() {
  attnscope::MonitorConfig config = {.layers = kLayers, .layer = {.heads = kHeads, .max_keys = 256}};
  config.every_steps = 4;
  config.window_steps = 32;
  config.on_window = [](void*, std::string_view line) { std::puts(std::string(line).c_str()); };
  config.on_change = [](void*, const attnscope::VerdictChange& change) {
    std::printf("step %d: %s\n", static_cast<int>(change.step), change.verdict.message.c_str());
  };
  attnscope::AttentionMonitor monitor;
  attnscope::Status status = attnscope::AttentionMonitor::Create(config, &monitor);
  example::AttentionCallback callback;
  callback.monitor = &monitor;
  for (size_t tokens = 40; status.ok() && callback.step < 64; tokens = 1) {  // the prompt, then token by token
    Decode(tokens, &callback);
    callback.past += tokens;
    status = monitor.EndStep(callback.step++, tokens);
  }
  if (status.ok()) status = callback.status;
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

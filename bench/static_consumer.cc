// SPDX-License-Identifier: Apache-2.0
//
// What bench/static_size links: a program that has one LayerAccumulator and nothing else of attnscope.
#include <cstdio>
#include <vector>

#include "attnscope/layer_accumulator.h"

int main() {
  constexpr size_t kKeys = 1024;
  attnscope::LayerAccumulator layer;
  if (!attnscope::LayerAccumulator::Create({.heads = 1, .max_keys = kKeys}, &layer).ok()) return 1;
  const std::vector<float> weights(kKeys, 1.0f / kKeys);
  const attnscope::AttentionView view =
      attnscope::ContiguousAttention(weights.data(), attnscope::ElementType::kFloat32, 1, 1, 1, kKeys);
  if (!layer.AddWeights(view).ok()) return 1;
  std::printf("%g\n", layer.Stats().layer[attnscope::Metric::kEntropy]);
  return 0;
}

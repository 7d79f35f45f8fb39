// SPDX-License-Identifier: Apache-2.0
//
// A pool of two threads for two heads.
#include <cstddef>
#include <vector>

int main() {
  const std::vector<float> weights(2 * 4 * 4, 0.25f);
  const attnscope::AttentionView view =
      attnscope::ContiguousAttention(weights.data(), attnscope::ElementType::kFloat32, 1, 2, 4, 4);
  const attnscope::Mask mask;
  attnscope::LayerAccumulator layer;
  if (!attnscope::LayerAccumulator::Create({.heads = 2, .max_keys = 4}, &layer).ok()) return 1;
  // @threads@
  return status.ok() && layer.Stats().layer[attnscope::Metric::kRows] == 8 ? 0 : 2;
}

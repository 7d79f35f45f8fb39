// SPDX-License-Identifier: Apache-2.0
//
// Attention without its matrix: keys that are all alike, so that attention is uniform over the 61 to 64 visible ones.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
  size_t queries = 4, keys = 64;
  const std::vector<uint16_t> query(queries * 32 * 128, 0x3F80);  // 1 in bfloat16
  const std::vector<uint16_t> cache(keys * 8 * 128, 0x3F80);
  const std::vector<float> scores(32 * queries * keys, 1.0f);
  const void* q = query.data();
  const void* k = cache.data();
  const void* logits = scores.data();
  attnscope::LayerAccumulator layer;
  if (!attnscope::LayerAccumulator::Create({.heads = 32, .max_keys = keys}, &layer).ok()) return 1;
  // @queries_keys@
  if (!status.ok()) std::puts(status.message().c_str());
  const attnscope::LayerStats stats = layer.Stats();
  const double rank = stats.layer[attnscope::Metric::kEffectiveRank];
  const bool right = status.ok() && stats.layer[attnscope::Metric::kRows] == 256 && std::abs(rank - 62.5) < 1e-3;
  if (!right) std::printf("effective rank %g\n", rank);
  return right ? 0 : 2;
}

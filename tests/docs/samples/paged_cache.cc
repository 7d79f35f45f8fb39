// SPDX-License-Identifier: Apache-2.0
//
// A cache in blocks of 16 keys whose table lists them in another order, the last one half full. Keys are zero but key
// 20, which lies in the second block of the table and gets all attention.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
  size_t block_size = 16, keys = 40, queries = 1, slot = 1;
  const size_t block_bytes = block_size * 8 * 128 * 2;
  std::vector<uint16_t> memory(4 * block_bytes / 2, 0);
  const size_t block_table[] = {3, 0, 2};
  for (size_t i = 0; i < 8 * 128; ++i) memory[(0 * block_size + 20 - 16) * 8 * 128 + i] = 0x4500;  // 5 in float16
  const char* blocks = reinterpret_cast<const char*>(memory.data());
  const std::vector<uint16_t> query(queries * 32 * 128, 0x4500);
  const void* q = query.data();
  attnscope::LayerAccumulator layer;
  if (!attnscope::LayerAccumulator::Create({.heads = 32, .max_keys = 64, .max_batch = 2}, &layer).ok()) return 1;
  // @paged_cache@
  if (!status.ok()) std::puts(status.message().c_str());
  const attnscope::LayerStats stats = layer.Stats();
  const double sink = stats.layer[attnscope::Metric::kSinkPosition];
  const bool right = status.ok() && sink == 20 && stats.layer[attnscope::Metric::kMaxRowWeight] > 0.999;
  if (!right) std::printf("sink position %g\n", sink);
  return right ? 0 : 2;
}

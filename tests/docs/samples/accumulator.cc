// SPDX-License-Identifier: Apache-2.0
//
// Ten lines of C++: 32 heads of which head 7 looks at key 0 alone, as sizes and float16 weights of an engine.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
  size_t queries = 3, keys = 5;
  std::vector<uint16_t> buffer(32 * queries * keys, 0);
  for (size_t row = 0; row < 32 * queries; ++row) {
    if (row / queries == 7) {
      buffer[row * keys] = 0x3C00;  // 1
    } else {
      for (size_t key = 0; key < 2; ++key) buffer[row * keys + key] = 0x3800;  // 0.5
    }
  }
  const void* weights = buffer.data();
  // @accumulator@
  if (!status.ok()) std::puts(status.message().c_str());
  const bool right = status.ok() && std::abs(entropy - std::log(2.0) * 31 / 32) < 1e-6 && std::abs(sink - 1.0) < 1e-6 &&
                     stats.layer[attnscope::Metric::kEmptyRows] == 0;
  if (!right) std::printf("entropy %g, sink %g\n", entropy, sink);
  return right ? 0 : 1;
}

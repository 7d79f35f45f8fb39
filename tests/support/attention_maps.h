// SPDX-License-Identifier: Apache-2.0
//
// Maps of attention with the patterns that heads of causal models have. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ATTENTION_MAPS_H_
#define ATTNSCOPE_TESTS_SUPPORT_ATTENTION_MAPS_H_

#include <cstddef>
#include <limits>
#include <vector>

#include "attnscope/attention_map.h"

namespace attnscope {

// Cells of head h: a sink, the token before, or an even share, in turn. One cell of layer 1, head 1 is NaN. Exact on
// every machine: no function but products and quotients.
inline std::vector<AttentionMap> ExampleMaps(int layers, int heads, size_t tokens) {
  std::vector<AttentionMap> maps;
  for (int l = 0; l < layers; ++l) {
    for (int h = 0; h < heads; ++h) {
      AttentionMap map = MakeAttentionMap(l, h, tokens, tokens, 32);
      for (size_t row = 0; row < map.rows; ++row) {
        for (size_t column = 0; column <= row; ++column) {
          float& cell = map.cells[row * map.columns + column];
          const bool is_peak = h % 3 == 0 ? column == 0 : column + 1 == row;
          const int share = h % 3 == 2 ? 1 : 8 + 4 * l;
          const float rest = 1.0f / static_cast<float>((row + 1) * static_cast<size_t>(share));
          cell = h % 3 != 2 && is_peak ? 0.5f : h == 4 && column % 5 == 0 ? 0.0f : rest;
        }
      }
      if (l == 1 && h == 1 && map.rows > 20) map.cells[20 * map.columns + 3] = std::numeric_limits<float>::quiet_NaN();
      maps.push_back(map);
    }
  }
  return maps;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_TESTS_SUPPORT_ATTENTION_MAPS_H_

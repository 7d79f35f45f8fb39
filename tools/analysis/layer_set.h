// SPDX-License-Identifier: Apache-2.0
//
// Layers, or heads, as options name them.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_LAYER_SET_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_LAYER_SET_H_

#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace attnscope::tools {

// Layers first, first + step, ... up to last.
struct LayerSet {
  int64_t first = 0;
  int64_t last = std::numeric_limits<int64_t>::max();
  int64_t step = 1;

  bool Has(int64_t layer) const { return layer >= first && layer <= last && (layer - first) % step == 0; }
};

// "4", "0-11", "0/2", "1-30/2", and several of these between commas. False for anything else; `*out` is then unchanged.
bool ReadLayerSets(std::string_view text, std::vector<LayerSet>* out);

// A whole number and nothing else.
inline bool ReadWhole(std::string_view text, int64_t* out) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *out);
  return error == std::errc() && stop == end;
}

// Calls `take` with each of the texts between commas; false as soon as it does.
template <typename Take>
bool ForEachPart(std::string_view text, const Take& take) {
  for (;;) {
    const std::string_view part = text.substr(0, text.find(','));
    if (!take(part)) return false;
    if (part.size() == text.size()) return true;
    text.remove_prefix(part.size() + 1);
  }
}

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_LAYER_SET_H_

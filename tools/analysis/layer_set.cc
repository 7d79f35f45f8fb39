// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/layer_set.h"

#include <utility>

namespace attnscope::tools {
namespace {

bool ReadLayerSet(std::string_view text, LayerSet* out) {
  LayerSet set;
  const size_t slash = text.find('/');
  const bool has_step = slash != std::string_view::npos;
  if (has_step && (!ReadWhole(text.substr(slash + 1), &set.step) || set.step < 1)) return false;
  const std::string_view range = text.substr(0, slash);
  const size_t dash = range.find('-');
  if (!ReadWhole(range.substr(0, dash), &set.first) || set.first < 0) return false;
  if (dash != std::string_view::npos) {
    if (!ReadWhole(range.substr(dash + 1), &set.last) || set.last < set.first) return false;
  } else if (!has_step) {
    set.last = set.first;
  }
  *out = set;
  return true;
}

}  // namespace

bool ReadLayerSets(std::string_view text, std::vector<LayerSet>* out) {
  std::vector<LayerSet> sets;
  const bool is_good = ForEachPart(text, [&sets](std::string_view part) {
    sets.emplace_back();
    return ReadLayerSet(part, &sets.back());
  });
  if (is_good) *out = std::move(sets);
  return is_good;
}

}  // namespace attnscope::tools

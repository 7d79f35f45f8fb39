// SPDX-License-Identifier: Apache-2.0
//
// Report's lookups: layers are kept in a vector sorted by index, which has a few hundred entries at most.
#include "attnscope/report.h"

#include <algorithm>
#include <cstddef>

namespace attnscope {

static_assert(sizeof(size_t) >= 8, "attnscope needs a 64-bit platform");

namespace {

bool IsBefore(const LayerReport& entry, int64_t index) { return entry.layer < index; }

}  // namespace

LayerReport& Report::Layer(int64_t index) {
  auto place = std::lower_bound(layers.begin(), layers.end(), index, IsBefore);
  if (place == layers.end() || place->layer != index) {
    place = layers.insert(place, LayerReport{.layer = index, .stats = {}});
  }
  return *place;
}

const LayerReport* Report::Find(int64_t index) const {
  const auto place = std::lower_bound(layers.begin(), layers.end(), index, IsBefore);
  return place == layers.end() || place->layer != index ? nullptr : &*place;
}

}  // namespace attnscope

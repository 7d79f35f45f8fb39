// SPDX-License-Identifier: Apache-2.0
//
// Lists of the numbers that an accumulator keeps: some that belong to no single metric, then one for each metric of the
// list, in the order of the metrics' table. So a metric that is added to that table gets its place in the state, and a
// name there, without another list.
#ifndef ATTNSCOPE_KERNELS_KEPT_NUMBERS_H_
#define ATTNSCOPE_KERNELS_KEPT_NUMBERS_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "attnscope/metrics.h"

namespace attnscope {

struct KeptNumbers {
  std::span<const std::string_view> shared;  // names of those that belong to no single metric
  bool (*holds)(const MetricInfo& info);     // a metric of this list

  constexpr size_t size() const {
    size_t count = shared.size();
    for (const MetricInfo& info : AllMetrics()) count += holds(info) ? 1 : 0;
    return count;
  }

  // Where a metric of this list stands.
  constexpr size_t IndexOf(Metric metric) const {
    size_t index = shared.size();
    for (const MetricInfo& info : AllMetrics()) {
      if (info.metric == metric) break;
      index += holds(info) ? 1 : 0;
    }
    return index;
  }

  // What saved states call the number at `index`: a metric's name, or its own.
  constexpr std::string_view Name(size_t index) const {
    if (index < shared.size()) return shared[index];
    for (const MetricInfo& info : AllMetrics()) {
      if (holds(info) && IndexOf(info.metric) == index) return info.name;
    }
    return {};
  }
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_KEPT_NUMBERS_H_

// SPDX-License-Identifier: Apache-2.0
//
// The metrics that values may have: those of the table, and the top-k masses of other k.
#ifndef ATTNSCOPE_REPORT_METRICS_OF_H_
#define ATTNSCOPE_REPORT_METRICS_OF_H_

#include <cstdint>
#include <set>
#include <vector>

#include "attnscope/metrics.h"

namespace attnscope::internal {

// Calls visit(info) for each metric of some values, other masses last.
template <class Visit>
void ForEachMetric(const MetricValues& values, const Visit& visit) {
  for (const MetricInfo& info : AllMetrics()) visit(info);
  for (const uint16_t k : values.other_top_k()) visit(InfoOf(TopMass(k)));
}

// Whether a metric was measured, or was given as NaN, so that there is something to write and to show.
inline bool IsGiven(const MetricValues& values, Metric metric) {
  return values.Has(metric) || values.IsGivenAsNaN(metric);
}

// Those of many values.
class MetricCollector {
 public:
  void Add(const MetricValues& values) { other_k_.insert(values.other_top_k().begin(), values.other_top_k().end()); }
  void Add(const LayerStats& stats) {
    Add(stats.layer);
    for (const MetricValues& head : stats.heads) Add(head);
  }

  // AllMetrics with the masses that were added, in the order of k.
  std::vector<MetricInfo> metrics() const;

 private:
  std::set<uint16_t> other_k_;
};

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_METRICS_OF_H_

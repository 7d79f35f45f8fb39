// SPDX-License-Identifier: Apache-2.0
//
// Whether a layer or a head has left its baseline, metric by metric.
#ifndef ATTNSCOPE_REPORT_DEPARTURE_H_
#define ATTNSCOPE_REPORT_DEPARTURE_H_

#include <optional>
#include <string>

#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "report/place.h"

namespace attnscope::internal {

// What a layer or a head is compared with.
struct PastPlace {
  const MetricValues* median = nullptr;  // null: it has no past that it could be compared with
  const MetricValues* spread = nullptr;
  std::string reason = {};  // why it has none
};

// The past of a layer, and of one of its heads. A layer with other heads than the baseline's is of another model, and
// has none.
PastPlace PastOfLayer(const LayerReport& layer, const Baseline& baseline);
PastPlace PastOfHead(const LayerReport& layer, size_t head, const Baseline& baseline);

// The departure of the metric that is most spreads away, if that is one. `*reason`: why nothing could be compared, or
// empty.
std::optional<Verdict> WorstDeparture(const Thresholds& thresholds, const Place& place, const PastPlace& past,
                                      std::string* reason);

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_DEPARTURE_H_

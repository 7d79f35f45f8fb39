// SPDX-License-Identifier: Apache-2.0
#include "report/tightened.h"

#include "report/pathologies.h"

namespace attnscope::internal {

Thresholds Tightened(const Thresholds& thresholds, double margin) {
  Thresholds tightened = thresholds;
  const auto tighten = [&](const Condition& condition) {
    if (condition.threshold == nullptr) return;
    switch (condition.relation) {
      case Relation::kAbove:
      case Relation::kFromBaseline:
        tightened.*condition.threshold *= 1.0 - margin;
        break;
      case Relation::kBelow:
        tightened.*condition.threshold *= 1.0 + margin;
        break;
      case Relation::kAtLeast:
      case Relation::kMissing:
        break;
    }
  };
  for (const PathologyInfo& pathology : kPathologies) {
    for (const Bound& bound : pathology.bounds) {
      tighten(bound.crossed);
      if (bound.where) tighten(*bound.where);
    }
  }
  return tightened;
}

}  // namespace attnscope::internal

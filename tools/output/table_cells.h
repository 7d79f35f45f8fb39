// SPDX-License-Identifier: Apache-2.0
//
// What tables for terminals show of one value.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_TABLE_CELLS_H_
#define ATTNSCOPE_TOOLS_OUTPUT_TABLE_CELLS_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"

namespace attnscope::tools {

// With the digits that the metric has in tables; "-" for what was not measured, "NaN" for what was given as that.
std::string ValueText(Metric metric, const MetricValues& values);

// In the severity's colour, if colours are wanted and it has one.
std::string Paint(std::string text, Severity severity, bool color);

// The severest verdict about a place's metric, and about a place.
class Severities {
 public:
  explicit Severities(std::span<const Verdict> verdicts) {
    for (const Verdict& verdict : verdicts) {
      Raise(&cells_[{verdict.layer, verdict.head, verdict.metric}], verdict.severity);
      Raise(&places_[{verdict.layer, verdict.head}], verdict.severity);
      // A layer's own row tells that one of its heads is ill.
      Raise(&places_[{verdict.layer, -1}], verdict.severity);
    }
  }

  Severity OfCell(int64_t layer, int64_t head, Metric metric) const { return Find(cells_, {layer, head, metric}); }
  Severity OfPlace(int64_t layer, int64_t head) const { return Find(places_, {layer, head}); }

 private:
  static void Raise(Severity* severity, Severity to) { *severity = std::max(*severity, to); }

  template <typename Map>
  static Severity Find(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? Severity::kHealthy : found->second;
  }

  std::map<std::tuple<int64_t, int64_t, Metric>, Severity> cells_;
  std::map<std::pair<int64_t, int64_t>, Severity> places_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_OUTPUT_TABLE_CELLS_H_

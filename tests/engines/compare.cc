// SPDX-License-Identifier: Apache-2.0
#include "tests/engines/compare.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace attnscope::test {

void CompareValues(const MetricValues& values, const MetricValues& exact, const std::string& what, bool is_layer,
                   double* worst, std::string* where) {
  for (const MetricInfo& info : AllMetrics()) {
    if (!is_layer && !info.per_head) continue;
    const double a = values[info.metric], b = exact[info.metric];
    if (info.group == MetricGroup::kLayer && std::isnan(a)) continue;  // residuals, gradients
    double error = 0.0;
    if (std::isnan(a) != std::isnan(b)) {
      error = INFINITY;
    } else if (!std::isnan(a)) {
      // The mean of logits may cancel: of their spread.
      const double scale = info.metric == Metric::kLogitMean ? exact[Metric::kLogitStd] : 1e-3;
      error = std::abs(a - b) / std::max(std::abs(b), scale);
      if (info.is_count && a != b) error = INFINITY;
    }
    if (error <= *worst) continue;
    *worst = error;
    *where = what + " " + std::string(info.name) + " " + std::to_string(a) + ", expected " + std::to_string(b);
  }
}

void CompareStats(const LayerStats& stats, const LayerStats& exact, const std::string& what, double* worst,
                  std::string* where) {
  CompareValues(stats.layer, exact.layer, what, true, worst, where);
  if (stats.heads.size() != exact.heads.size()) {
    *worst = INFINITY;
    *where =
        what + " has " + std::to_string(stats.heads.size()) + " heads, expected " + std::to_string(exact.heads.size());
  }
  for (size_t h = 0; h < std::min(stats.heads.size(), exact.heads.size()); ++h) {
    CompareValues(stats.heads[h], exact.heads[h], what + " head " + std::to_string(h), false, worst, where);
  }
}

}  // namespace attnscope::test

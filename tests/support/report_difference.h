// SPDX-License-Identifier: Apache-2.0
//
// How far two reports are apart. Included by the tests of states, merges and ranks.
#ifndef ATTNSCOPE_TESTS_SUPPORT_REPORT_DIFFERENCE_H_
#define ATTNSCOPE_TESTS_SUPPORT_REPORT_DIFFERENCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "attnscope/report.h"

namespace attnscope::test {

// The largest relative difference of two values; infinite if only one is measured, or a NaN comes up otherwise.
inline double DifferenceOf(const MetricValues& actual, const MetricValues& expected) {
  double largest = 0.0;
  for (const MetricInfo& info : MetricsOf(LayerStats{actual, {expected}})) {
    const double a = actual[info.metric];
    const double b = expected[info.metric];
    if (std::isnan(a) && std::isnan(b)) continue;
    if (a == b) continue;
    const double difference = std::abs(a - b) / std::abs(b);
    largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(largest, difference);
  }
  return largest;
}

// Of all layers and heads; infinite if the layers or the numbers of heads differ.
inline double DifferenceOf(const Report& actual, const Report& expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (actual.layers.size() != expected.layers.size()) return kInfinity;
  double largest = 0.0;
  for (size_t i = 0; i < actual.layers.size(); ++i) {
    const LayerStats& a = actual.layers[i].stats;
    const LayerStats& b = expected.layers[i].stats;
    if (actual.layers[i].layer != expected.layers[i].layer || a.heads.size() != b.heads.size()) return kInfinity;
    largest = std::max(largest, DifferenceOf(a.layer, b.layer));
    for (size_t head = 0; head < a.heads.size(); ++head) {
      largest = std::max(largest, DifferenceOf(a.heads[head], b.heads[head]));
    }
  }
  return largest;
}

// What the merging of shares promises.
inline constexpr double kMergeBound = 1e-12;

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_REPORT_DIFFERENCE_H_

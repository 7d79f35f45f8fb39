// SPDX-License-Identifier: Apache-2.0
//
// The golden numbers of the bundled attention, and how far a result may be from them. Included by tests of whole
// pipelines.
#ifndef ATTNSCOPE_TESTS_SUPPORT_GOLDEN_H_
#define ATTNSCOPE_TESTS_SUPPORT_GOLDEN_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "attnscope/metrics.h"
#include "tests/support/data_file.h"

namespace attnscope::testing_tools {

inline nlohmann::json ReadGolden(const std::string& run) {
  return nlohmann::json::parse(std::ifstream(DataFile(run + ".golden.json")));
}

// The numerical contract: 2e-6 * max(1, log n_k) nats for entropies, and its consequences for what is made of them;
// 2e-6 relative for masses and norms; column sums 1e-6. Comparisons are written so that NaN fails.
inline double Tolerance(Metric metric, double golden, double keys) {
  const double entropy = 2e-6 * std::max(1.0, std::log(keys));
  switch (metric) {
    case Metric::kEntropy:
    case Metric::kColEntropy:
      return entropy;
    case Metric::kEffectiveRank:
      return golden * entropy;
    case Metric::kNormalizedEntropy:
      return entropy / std::log(2.0);  // of the row that sees fewest keys
    case Metric::kSinkPosition:
    case Metric::kSinkRate:
      return 0.0;
    default:
      return 2e-6 * std::abs(golden);
  }
}

// Each number of `golden`, an object of metrics, against `values`. Says how many there were.
inline size_t ExpectGolden(const nlohmann::json& golden, const MetricValues& values, double keys) {
  size_t compared = 0;
  for (const MetricInfo& info : AllMetrics()) {
    const auto found = golden.find(std::string(info.name));
    if (found == golden.end() || !found->is_number()) continue;
    const auto expected = found->get<double>();
    EXPECT_LE(std::abs(values[info.metric] - expected), Tolerance(info.metric, expected, keys))
        << info.name << " is " << values[info.metric] << ", not " << expected;
    ++compared;
  }
  return compared;
}

// The golden numbers of one head, out of the arrays of all.
inline nlohmann::json GoldenHead(const nlohmann::json& heads, size_t head) {
  nlohmann::json one;
  for (const auto& [name, values] : heads.items()) one[name] = values[head];
  return one;
}

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_GOLDEN_H_

// SPDX-License-Identifier: Apache-2.0
//
// What the library measured beside the truth.
#ifndef ATTNSCOPE_TESTS_ENGINES_COMPARE_H_
#define ATTNSCOPE_TESTS_ENGINES_COMPARE_H_

#include <string>

#include "attnscope/metrics.h"

namespace attnscope::test {

// Raises `*worst` to the worst relative error of any metric, infinity where one is missing or a count differs, and says
// where in `*where`. `is_layer`: also metrics that heads do not have.
void CompareValues(const MetricValues& values, const MetricValues& exact, const std::string& what, bool is_layer,
                   double* worst, std::string* where);

// The same of a layer and its heads.
void CompareStats(const LayerStats& stats, const LayerStats& exact, const std::string& what, double* worst,
                  std::string* where);

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_ENGINES_COMPARE_H_

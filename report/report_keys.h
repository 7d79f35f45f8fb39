// SPDX-License-Identifier: Apache-2.0
//
// The top-level keys of a report's JSON. Shared by its reader and its writer.
#ifndef ATTNSCOPE_REPORT_REPORT_KEYS_H_
#define ATTNSCOPE_REPORT_REPORT_KEYS_H_

#include <algorithm>
#include <string_view>
#include <vector>

#include "attnscope/metrics.h"

namespace attnscope {

// In the order of their first metric.
inline std::vector<std::string_view> ReportKeys() {
  std::vector<std::string_view> keys;
  for (const MetricInfo& info : AllMetrics()) {
    if (std::find(keys.begin(), keys.end(), info.report_key) == keys.end()) keys.push_back(info.report_key);
  }
  return keys;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_REPORT_REPORT_KEYS_H_

// SPDX-License-Identifier: Apache-2.0
//
// A layer or a head as it is judged: its values without bad numbers, and how much of them there is.
#ifndef ATTNSCOPE_REPORT_PLACE_H_
#define ATTNSCOPE_REPORT_PLACE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"
#include "report/pathologies.h"

namespace attnscope::internal {

// Where a verdict is about, and what was measured there.
struct Place {
  int64_t layer;
  int64_t head;               // -1: the layer as a whole
  const MetricValues& given;  // as the report has them
  MetricValues values;        // to be judged: without bad numbers, and with what follows from others
};

Place MakePlace(int64_t layer, int64_t head, const MetricValues& given, const Thresholds& thresholds);

// Without bad numbers, and with the sink_mass that max_col_sum tells.
MetricValues SoundValues(const MetricValues& given);

// Whether anything was measured, or given as NaN.
bool HasAnything(const MetricValues& values);

// Why there is too little to judge by a pathology, or nothing.
std::string LackOfEvidence(const PathologyInfo& info, const Thresholds& thresholds, const MetricValues& values);

// Without value, bound and message.
Verdict VerdictAt(const Place& place, Pathology pathology, Severity severity, Metric metric);

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_PLACE_H_

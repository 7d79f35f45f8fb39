// SPDX-License-Identifier: Apache-2.0
//
// What is usual of a model, from reports of it while it was healthy: Judge compares each layer and head with its own
// past. Example:
//
//   attnscope::Baseline baseline;
//   attnscope::Status status = attnscope::MakeBaseline(healthy_reports, &baseline);
//   if (status.ok()) status = attnscope::CheckBaseline(report, baseline);
//   if (status.ok()) diagnosis = attnscope::Judge(report, thresholds, &baseline);
#ifndef ATTNSCOPE_BASELINE_H_
#define ATTNSCOPE_BASELINE_H_

#include <span>

#include "attnscope/export.h"
#include "attnscope/report.h"
#include "attnscope/status.h"

namespace attnscope {

// The centre and the spread of each metric, layer and head over several reports, or of one.
struct Baseline {
  // The median of each metric over the reports that have it. Values that are bad numbers are left out; `sink_mass` that
  // is missing is that of `max_col_sum`, as for verdicts. It is a report like any other: of what is usual.
  Report median;
  // Of the metrics that are compared, 1.4826 times the median of the reports' distances from the median, which of
  // normally distributed values is the standard deviation; 0 of a single report. In the scale in which the metric is
  // compared: docs/metrics.md lists the metrics and their scales.
  Report spread;
};

// Makes a baseline of one report or more, in any order; metrics, layers and heads may be missing in some. Half of the
// reports may be ill without moving it far. Errors: kInvalidArgument if there is no report, if layers do not ascend, or
// if a layer has other heads in one report than in another; kOutOfMemory. `*out` is then unchanged. Thread-safe.
// O(reports * log reports * layers * heads).
ATTNSCOPE_EXPORT Status MakeBaseline(std::span<const Report> reports, Baseline* out);

// Whether the report can be of the baseline's model. Errors: kInvalidArgument if a layer has other heads than in the
// baseline, or if no layer is in both; that a report or a baseline has no layers, or a layer no heads, is no error.
// Thread-safe.
ATTNSCOPE_EXPORT Status CheckBaseline(const Report& report, const Baseline& baseline);

}  // namespace attnscope

#endif  // ATTNSCOPE_BASELINE_H_

// SPDX-License-Identifier: Apache-2.0
//
// Files to a report in one call, by the same steps as the analyze command. Included by tests and fuzzers of whole
// pipelines.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ANALYZE_FILES_H_
#define ATTNSCOPE_TESTS_SUPPORT_ANALYZE_FILES_H_

#include "attnscope/report.h"
#include "tools/analysis/analysis.h"
#include "tools/state/saved_state.h"

namespace attnscope::tools {

// After an error `*report` is unchanged.
inline Status MeasureReport(const Plan& plan, const Share& share, const AnalysisOptions& options, Report* report) {
  SavedState state;
  state.settings.mean_matrix = options.mean_matrix;
  const Status status = MeasureShare(plan, share, options, [&state](const MeasuredLayer& layer) {
    state.layers.push_back(SaveLayer(layer));
    return Status();
  });
  return status.ok() ? ReportOf(state, report) : status;
}

// The same of all that the files hold.
inline Status AnalyzeFiles(const PlanInputs& inputs, const AnalysisOptions& options, Report* report) {
  Plan plan;
  Share whole;
  Status status = MakePlan(inputs, &plan);
  if (status.ok()) status = MakeShare(plan, {.mean_matrix = options.mean_matrix, .pieces = options.pieces}, &whole);
  return status.ok() ? MeasureReport(plan, whole, options, report) : status;
}

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_ANALYZE_FILES_H_

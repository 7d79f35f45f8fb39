// SPDX-License-Identifier: Apache-2.0
//
// Runs a plan: tensors to a report. Included by the analyze command.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_ANALYSIS_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_ANALYSIS_H_

#include <cstddef>
#include <functional>

#include "attnscope/report.h"
#include "attnscope/runner.h"
#include "attnscope/status.h"
#include "tools/analysis/plan.h"

namespace attnscope::tools {

struct AnalysisOptions {
  // Query i sees the first i + 1 + keys - queries keys: the queries are the last ones.
  bool causal = false;
  bool mean_matrix = false;
  // Of logits, and of queries and keys; as in SoftmaxParams, zero is the default.
  double scale = 0.0;
  double soft_cap = 0.0;
  Runner runner;
  // About how much is measured at once, and at most copied of float64; results do not depend on it. 64 MB of float32.
  size_t block_elements = size_t{16} << 20;
  // Called now and then with the elements measured since the last call, of PlanSize in all.
  std::function<void(size_t elements)> on_progress = [](size_t) {};
};

// Elements that Analyze will measure.
size_t PlanSize(const Plan& plan);

// Measures all layers of a plan, one after another, and sets `report->layers`. Heads are always part of it, except in
// mean-matrix mode. Memory: one layer's accumulator, and copies only of tensors that are deflated, misaligned or
// float64 (those block by block). Errors: of reading and of the accumulator, naming file and tensor; kDataLoss
// for a file that was written to meanwhile; `*report` is then unchanged.
Status Analyze(const Plan& plan, const AnalysisOptions& options, Report* report);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_ANALYSIS_H_

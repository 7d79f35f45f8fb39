// SPDX-License-Identifier: Apache-2.0
//
// What is measured and how: the options that attnscope analyze and attnscope-mpi share, and the measuring.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_MEASURE_OPTIONS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_MEASURE_OPTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "attnscope/thread_runner.h"
#include "tools/analysis/analysis.h"
#include "tools/analysis/plan.h"
#include "tools/analysis/share.h"
#include "tools/commands/command_line.h"
#include "tools/state/saved_state.h"

namespace attnscope::tools {

struct MeasureOptions {
  PlanInputs inputs;
  size_t threads = 0;
  double scale = 0.0;
  double soft_cap = 0.0;
  RowOptions rows;
  bool token_major = false;
  bool mean_matrix = false;
  std::string top_k = {};  // as --top-k gave it; empty: the default
  ShareBy share_by = ShareBy::kAuto;
};

// Adds FILE, --logits, --qk and all that say what is in them; `options` must outlive the parsing.
void AddMeasureOptions(CommandLine* line, MeasureOptions* options);

// All files that are read.
std::vector<std::string> InputPaths(const MeasureOptions& options);

// Opens the files. Errors: as MakePlan; kInvalidArgument if no files are given.
Status PlanOf(const MeasureOptions& options, Plan* plan);

// Says on standard error how the files are read: a line for each tensor, and notes.
void PrintReadings(const Plan& plan);

// The options of the analysis, without a runner: reads what is said of rows, and compares it with the plan, to which
// notes are added. Errors: as ReadRowRules and FitRowRules.
Status AnalysisOf(const MeasureOptions& options, const Pieces& pieces, Plan* plan, AnalysisOptions* out);

// A state that is still empty, with the settings of an analysis.
SavedState EmptyState(const AnalysisOptions& analysis);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_MEASURE_OPTIONS_H_

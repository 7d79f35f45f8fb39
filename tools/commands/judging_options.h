// SPDX-License-Identifier: Apache-2.0
//
// What verdicts are made by, wherever they are shown: bounds, and a baseline.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_JUDGING_OPTIONS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_JUDGING_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "attnscope/report.h"
#include "attnscope/status.h"
#include "tools/commands/command_line.h"

namespace attnscope::tools {

struct JudgingOptions {
  std::vector<std::string> thresholds;  // "name=value"
  std::vector<std::string> baselines;   // files of reports, or patterns
};

// The same, read.
struct Judging {
  Thresholds thresholds;
  std::optional<Baseline> baseline;

  const Baseline* beside() const { return baseline ? &*baseline : nullptr; }
};

// Adds --threshold, and the names of all bounds to the help, and --baseline; `options` must outlive the parsing.
void AddJudgingOptions(CommandLine* line, JudgingOptions* options);

// Reads what reports are to be judged by. Of a baseline's reports of several stages those of the reports' own stage
// count. `keys`: of the baseline's reports that do not say how many. Errors: kInvalidArgument for a threshold, for a
// baseline of another model, and where stages leave a choice; of reading.
Status ReadJudging(const JudgingOptions& options, std::span<const Report> reports, const std::optional<int64_t>& keys,
                   Judging* out);

// What can be told without a report, before it is measured. Errors: kInvalidArgument for a threshold; of opening.
Status CheckJudging(const JudgingOptions& options);

// The files of the baselines, which are inputs too.
std::vector<std::string> BaselinePaths(const JudgingOptions& options);

// Sets what "name=value" says; nan switches a bound off. Errors: kInvalidArgument.
Status SetThreshold(const std::string& assignment, Thresholds* thresholds);

// Notes the keys of layers and heads of attention that do not say how many there are, as in trainers' logs.
void SetKeys(const std::optional<int64_t>& keys, Report* report);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_JUDGING_OPTIONS_H_

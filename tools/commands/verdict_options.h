// SPDX-License-Identifier: Apache-2.0
//
// What analyze and diagnose share: the options about verdicts, and printing a report with them.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_VERDICT_OPTIONS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_VERDICT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"
#include "attnscope/status.h"
#include "tools/commands/command_line.h"

namespace attnscope::tools {

struct VerdictOptions {
  std::vector<std::string> thresholds;  // "name=value"
  std::string fail_on;                  // "", "warning", "critical" or "unjudged"
  size_t max_verdicts = 40;
  bool per_head = false;
};

// Adds --threshold, --fail-on, --max-verdicts and --per-head; `options` must outlive the parsing.
void AddVerdictOptions(CommandLine* line, VerdictOptions* options);

// Sets what "name=value" says; nan switches a bound off. Errors: kInvalidArgument.
Status SetThreshold(const std::string& assignment, Thresholds* thresholds);

// Adds --threshold alone, and the names of all bounds to the help.
void AddThresholdOption(CommandLine* line, std::vector<std::string>* thresholds);

// The defaults with the assignments "name=value". Errors: kInvalidArgument.
Status ReadThresholds(const std::vector<std::string>& assignments, Thresholds* thresholds);

// Judges with the thresholds of the options. Errors: kInvalidArgument for a threshold.
Status JudgeWith(const VerdictOptions& options, const Report& report, Diagnosis* diagnosis);

// Whether --fail-on asks for a failure. Whatever it says, one is a report of which nothing could be judged, and a layer
// of which nothing could because its numbers are ill.
bool IsFailure(const VerdictOptions& options, const Diagnosis& diagnosis);

// The table and the verdicts under it, on standard output.
Status PrintReport(const VerdictOptions& options, const Report& report, const Diagnosis& diagnosis);

// Adds --keys.
void AddKeysOption(CommandLine* line, std::optional<int64_t>* keys);

// Notes the keys of layers and heads of attention that do not say how many there are, as in trainers' logs.
void SetKeys(const std::optional<int64_t>& keys, Report* report);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_VERDICT_OPTIONS_H_

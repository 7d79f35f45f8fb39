// SPDX-License-Identifier: Apache-2.0
//
// What analyze and diagnose share: the options about verdicts, and printing a report with them.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_VERDICT_OPTIONS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_VERDICT_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"
#include "attnscope/status.h"
#include "tools/commands/command_line.h"
#include "tools/commands/judging_options.h"

namespace attnscope::tools {

struct VerdictOptions {
  JudgingOptions judging;
  std::string fail_on;  // "", "warning", "critical" or "unjudged"
  size_t max_verdicts = 40;
  bool per_head = false;
};

// Adds --threshold, --baseline, --fail-on, --max-verdicts and --per-head; `options` must outlive the parsing.
void AddVerdictOptions(CommandLine* line, VerdictOptions* options);

// Whether --fail-on asks for a failure. Whatever it says, one is a report of which nothing could be judged, and a layer
// of which nothing could because its numbers are ill.
bool IsFailure(const VerdictOptions& options, const Diagnosis& diagnosis);

// The table and the verdicts under it, on standard output.
Status PrintReport(const VerdictOptions& options, const Report& report, const Diagnosis& diagnosis);

// Adds --keys.
void AddKeysOption(CommandLine* line, std::optional<int64_t>* keys);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_VERDICT_OPTIONS_H_

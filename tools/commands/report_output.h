// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a state, however it was measured: table, verdicts, report, picture, and the state itself.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_REPORT_OUTPUT_H_
#define ATTNSCOPE_TOOLS_COMMANDS_REPORT_OUTPUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "attnscope/figure.h"
#include "attnscope/status.h"
#include "tools/analysis/attention_pictures.h"
#include "tools/commands/command_line.h"
#include "tools/commands/verdict_options.h"
#include "tools/state/saved_state.h"

namespace attnscope::tools {

// What --png draws.
struct OutputPicture {
  std::string figure = "summary";  // the name of a FigureKind
  FigureOptions options;
  const AttentionPictures* attention = nullptr;  // for figures of attention itself
};

struct OutputOptions {
  std::string report_path;
  std::string png;
  std::string html;
  std::string state_path;
  std::string stage;
  std::optional<int64_t> epoch;
  bool json = false;
  VerdictOptions verdicts;
};

// Adds --output, --png, --html, --state-out, --epoch, --stage, --json and those of verdicts; `options` must outlive the
// parsing.
void AddOutputOptions(CommandLine* line, OutputOptions* options);

// Errors: kInvalidArgument if an output is one of the inputs, baselines among them; those of CheckJudging. To be
// checked before anything is measured.
Status CheckOutputs(const OutputOptions& options, std::span<const std::string> inputs);

// Writes the files that are asked for, then prints. Sets `*findings` if --fail-on asks for a failure. Errors: of
// thresholds, before anything is written; of writing.
Status PutOut(const OutputOptions& options, const SavedState& state, const OutputPicture& picture, bool* findings);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_REPORT_OUTPUT_H_

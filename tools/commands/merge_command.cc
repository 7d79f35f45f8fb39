// SPDX-License-Identifier: Apache-2.0
//
// attnscope merge: states of several processes to one table, verdicts, report, picture or state.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/commands/command.h"
#include "tools/commands/output_check.h"
#include "tools/commands/report_output.h"
#include "tools/output/terminal.h"
#include "tools/state/state_file.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Add up what several processes measured: table, verdicts, report and picture.";

constexpr const char* kDetails =
    "STATE: what attnscope analyze or merge wrote with --state-out. The result is that of one process that had "
    "measured\n"
    "everything. The states must be of the same options; of the same heads where they have the same layer; and "
    "together\n"
    "they must hold every share, row and head, each once.\n"
    "\n"
    "Exit code: 0; 1 if --fail-on asks for it; 2 after an error.\n"
    "\n"
    "Examples:\n"
    "  attnscope merge part*.state -o report.json --png summary.png\n"
    "  attnscope merge part0.state part1.state --partial --state-out part01.state\n";

struct MergeOptions {
  std::vector<std::string> states;
  bool partial = false;
  OutputOptions output;
};

Status Run(const MergeOptions& options, bool* findings) {
  if (Status status = CheckOutputs(options.output, options.states); !status.ok()) return status;
  // Shares say what they are shares of; states that are complete by themselves would be added twice.
  if (Status status = CheckOnce(options.states); !status.ok()) return status;
  StateMerger merger;
  for (const std::string& path : options.states) {
    SavedState state;
    Status status = ReadStateFile(path, &state);
    if (status.ok()) status = merger.Add(path, std::move(state));
    if (!status.ok()) return status;
  }
  if (const std::string missing = merger.Missing(); !missing.empty()) {
    if (!options.partial) {
      return {StatusCode::kInvalidArgument,
              "the states are incomplete: missing is " + missing + " (--partial merges what there is)"};
    }
    PrintError("note: merged without " + missing);
  }
  SavedState merged;
  Status status = merger.Take(&merged);
  if (!status.ok()) return status;
  if (options.output.epoch.has_value()) merged.settings.epoch = options.output.epoch;
  if (!options.output.stage.empty()) merged.settings.stage = options.output.stage;
  return PutOut(options.output, merged, {}, findings);
}

}  // namespace

Command AddMergeCommand(CommandLine* program) {
  const auto options = std::make_shared<MergeOptions>();
  CommandLine* const line = program->AddCommand("merge", kSummary);
  line->AddDetails(kDetails);
  line->AddOption("STATE", &options->states, "States, see below").Required().Placeholder("");
  line->AddFlag("--partial", &options->partial, "Merge also if something is missing, as in a tree of merges");
  AddOutputOptions(line, &options->output);
  return {line, [options](bool* findings) { return Run(*options, findings); }};
}

}  // namespace attnscope::tools

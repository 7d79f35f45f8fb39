// SPDX-License-Identifier: Apache-2.0
//
// The commands of the attnscope program.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_COMMAND_H_
#define ATTNSCOPE_TOOLS_COMMANDS_COMMAND_H_

#include <functional>

#include "attnscope/status.h"
#include "tools/commands/command_line.h"

namespace attnscope::tools {

struct Command {
  const CommandLine* line = nullptr;  // tells whether the command was given
  // Does it. `*findings` becomes true if --fail-on asks for a failure. Errors: of everything that it touches.
  std::function<Status(bool* findings)> run;
};

// Each adds its command, with options and help, to `program`.
Command AddAnalyzeCommand(CommandLine* program);
Command AddDiagnoseCommand(CommandLine* program);
Command AddInfoCommand(CommandLine* program);
Command AddMergeCommand(CommandLine* program);
Command AddRenderCommand(CommandLine* program);
Command AddWatchCommand(CommandLine* program);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_COMMAND_H_

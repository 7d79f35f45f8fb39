// SPDX-License-Identifier: Apache-2.0
//
// The subcommands of the attnscope program. Included by main.cc.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_COMMAND_H_
#define ATTNSCOPE_TOOLS_COMMANDS_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "attnscope/status.h"

namespace attnscope::tools {

struct Command {
  const CLI::App* app = nullptr;  // tells whether the command was given
  // Does it. `*findings` becomes true if --fail-on asks for a failure. Errors: of everything that it touches.
  std::function<Status(bool* findings)> run;
};

// Each adds its subcommand, with options and help, to `parent`.
Command AddAnalyzeCommand(CLI::App* parent);
Command AddDiagnoseCommand(CLI::App* parent);
Command AddInfoCommand(CLI::App* parent);
Command AddMergeCommand(CLI::App* parent);
Command AddRenderCommand(CLI::App* parent);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_COMMAND_H_

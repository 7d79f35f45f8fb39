// SPDX-License-Identifier: Apache-2.0
//
// The whole command line of the attnscope program.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_PROGRAM_H_
#define ATTNSCOPE_TOOLS_COMMANDS_PROGRAM_H_

#include <vector>

#include "tools/commands/command.h"

namespace attnscope::tools {

// What is said of the program where nothing else is.
constexpr const char* kProgramSummary = "Measures the health of a transformer's attention.";

// Adds all commands, and what the program answers by itself, to `program`.
std::vector<Command> AddProgram(CommandLine* program);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_PROGRAM_H_

// SPDX-License-Identifier: Apache-2.0
//
// Manual pages, in the man macros of roff.
#ifndef ATTNSCOPE_TOOLS_MANUAL_MAN_PAGE_H_
#define ATTNSCOPE_TOOLS_MANUAL_MAN_PAGE_H_

#include <string>

#include "tools/commands/command_line.h"

namespace attnscope::tools {

// attnscope.1: all commands, and where each has its own page.
std::string ProgramPage(const CommandLine& program, const std::string& version);

// attnscope-COMMAND.1
std::string CommandPage(const CommandLine& program, const CommandLine& command, const std::string& version);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_MANUAL_MAN_PAGE_H_

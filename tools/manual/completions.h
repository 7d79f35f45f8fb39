// SPDX-License-Identifier: Apache-2.0
//
// Completions: scripts that shells read. Each offers commands, options, the words that a value is one of, and files.
#ifndef ATTNSCOPE_TOOLS_MANUAL_COMPLETIONS_H_
#define ATTNSCOPE_TOOLS_MANUAL_COMPLETIONS_H_

#include <string>

#include "tools/commands/command_line.h"

namespace attnscope::tools {

std::string BashCompletion(const CommandLine& program);
std::string FishCompletion(const CommandLine& program);
std::string ZshCompletion(const CommandLine& program);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_MANUAL_COMPLETIONS_H_

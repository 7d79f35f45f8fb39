// SPDX-License-Identifier: Apache-2.0
//
// The options that say which keys rows see, and what their softmax does.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_ROW_OPTIONS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_ROW_OPTIONS_H_

#include "tools/analysis/row_rules.h"
#include "tools/commands/command_line.h"

namespace attnscope::tools {

// `options` must outlive the parsing.
void AddRowOptions(CommandLine* line, RowOptions* options);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_ROW_OPTIONS_H_

// SPDX-License-Identifier: Apache-2.0
//
// Refuses to overwrite an input.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_OUTPUT_CHECK_H_
#define ATTNSCOPE_TOOLS_COMMANDS_OUTPUT_CHECK_H_

#include <span>
#include <string>

#include "attnscope/status.h"

namespace attnscope::tools {

// Errors: kInvalidArgument, naming `option` and `output`, if that is the same file as one of `others`, by whatever
// name. Paths that are not there are no files yet, and fine.
Status CheckOutput(const std::string& option, const std::string& output, std::span<const std::string> others);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_OUTPUT_CHECK_H_

// SPDX-License-Identifier: Apache-2.0
//
// Options that none of the inputs has a use for: who gives one believes that it did something.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_OPTION_USES_H_
#define ATTNSCOPE_TOOLS_COMMANDS_OPTION_USES_H_

#include "attnscope/status.h"
#include "tools/commands/measure_options.h"

namespace attnscope::tools {

// Errors: kInvalidArgument, naming the first such option and the inputs that it is of, and for --qk and --residual with
// more than two names, of which the others would do nothing.
Status CheckOptionUses(const MeasureOptions& options);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_OPTION_USES_H_

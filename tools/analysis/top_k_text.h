// SPDX-License-Identifier: Apache-2.0
//
// What --top-k says.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_TOP_K_TEXT_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_TOP_K_TEXT_H_

#include <string_view>

#include "attnscope/status.h"
#include "attnscope/top_k.h"

namespace attnscope::tools {

// "1,5,128". Errors: kInvalidArgument, for what is no list of whole numbers, and for values that no accumulator takes.
Status ReadTopK(std::string_view text, TopKValues* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_TOP_K_TEXT_H_

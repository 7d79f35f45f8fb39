// SPDX-License-Identifier: Apache-2.0
//
// How a plan's files are read, in words.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_READING_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_READING_H_

#include <string>
#include <vector>

#include "tools/analysis/plan.h"

namespace attnscope::tools {

// One line for each tensor that is measured, by layer: "layer 3: encoder.block.3.layer.0.SelfAttention, [batch 2,
// heads 8, 64 queries, 64 keys] float16". Names of archives stand alone if the plan has one file.
std::vector<std::string> ReadingsOf(const Plan& plan);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_READING_H_

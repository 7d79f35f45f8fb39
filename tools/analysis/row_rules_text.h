// SPDX-License-Identifier: Apache-2.0
//
// Row rules as a text, by which states are compared.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_ROW_RULES_TEXT_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_ROW_RULES_TEXT_H_

#include <string>

#include "tools/analysis/row_rules.h"

namespace attnscope::tools {

// "--window 0/2:128 --key-lengths 64,12 --mask [1, 1, 64, 64] of checksum 1f2e3d4c"; what `rules` were read from
// options that are the same, and from files that hold the same, has the same text. At most kMaxRulesText bytes.
inline constexpr size_t kMaxRulesText = 4096;
std::string TextOfRules(const RowOptions& options, const RowRules& rules);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_ROW_RULES_TEXT_H_

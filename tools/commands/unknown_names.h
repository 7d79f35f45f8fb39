// SPDX-License-Identifier: Apache-2.0
#ifndef ATTNSCOPE_TOOLS_COMMANDS_UNKNOWN_NAMES_H_
#define ATTNSCOPE_TOOLS_COMMANDS_UNKNOWN_NAMES_H_

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

namespace attnscope::tools {

// What a report has of layers and no metric is called, as paths without the layer: "attention_stats.Entropy", or
// "residual_norms" where a whole group is unknown. A misspelt metric is not measured, and should not look healthy.
// Other members, such as a loss, are none of layers. Adds to `out`. O(size).
void FindUnknownNames(const nlohmann::json& report, std::set<std::string>* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_UNKNOWN_NAMES_H_

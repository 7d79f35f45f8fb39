// SPDX-License-Identifier: Apache-2.0
//
// What the names of tensors and files say.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_NAME_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_NAME_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace attnscope::tools {

// The last number in a name, whatever stands around it: "use_long_L0_attn" and "blocks.0.attn" give 0, but
// "layers.12.self_attn.head8" gives 8. Nothing if there is none below 10^9.
std::optional<int64_t> LastNumber(std::string_view name);

// Whether a shell pattern (*, ?, [...]) matches the whole name; '/' and '.' are like any other character.
bool MatchesAny(const std::string& name, std::span<const std::string> globs);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_NAME_H_

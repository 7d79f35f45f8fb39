// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/output_check.h"

#include <filesystem>
#include <system_error>

#include "platform/path.h"

namespace attnscope::tools {

Status CheckOutput(const std::string& option, const std::string& output, std::span<const std::string> others) {
  for (const std::string& other : others) {
    std::error_code error;  // of a path that is not there
    if (std::filesystem::equivalent(platform::PathOf(output), platform::PathOf(other), error)) {
      std::string message = option;
      message.append(" ").append(output).append(": would overwrite an input, ").append(other);
      return {StatusCode::kInvalidArgument, message};
    }
  }
  return {};
}

}  // namespace attnscope::tools

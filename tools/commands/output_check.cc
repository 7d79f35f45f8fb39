// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/output_check.h"

#include <filesystem>
#include <map>
#include <system_error>

#include "platform/path.h"

namespace attnscope::tools {

Status CheckOutput(const std::string& option, const std::string& output, std::span<const std::string> others) {
  if (output == "-") {
    return {StatusCode::kInvalidArgument, option + " -: is no name of a file; /dev/stdout is standard output"};
  }
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

Status CheckOutputsDiffer(std::span<const OutputPath> outputs) {
  std::map<std::filesystem::path, const OutputPath*> seen;
  for (const OutputPath& output : outputs) {
    if (output.path.empty()) continue;
    std::error_code error;
    const std::filesystem::path file =
        std::filesystem::weakly_canonical(std::filesystem::absolute(platform::PathOf(output.path), error), error);
    const std::filesystem::file_status status = std::filesystem::status(file, error);
    if (file.empty() || (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))) continue;
    const auto [entry, is_new] = seen.emplace(file, &output);
    if (is_new) continue;
    std::string message = entry->second->option;
    message.append(" ").append(entry->second->path).append(" and ").append(output.option).append(" ");
    return {StatusCode::kInvalidArgument, message.append(output.path).append(" are one file")};
  }
  return {};
}

Status CheckOnce(std::span<const std::string> inputs) {
  std::map<std::filesystem::path, std::string> seen;
  for (const std::string& input : inputs) {
    std::error_code error;
    const std::filesystem::path file = std::filesystem::canonical(platform::PathOf(input), error);
    if (error) continue;
    const auto [entry, is_new] = seen.emplace(file, input);
    if (is_new) continue;
    std::string message = entry->second;
    message.append(" and ").append(input).append(" are the same file, its rows would count twice");
    return {StatusCode::kInvalidArgument, message};
  }
  return {};
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/picture_path.h"

#include <filesystem>
#include <system_error>

#include "platform/path.h"

namespace attnscope::tools {

Status PicturePath(const std::string& png, const std::string& stage, const std::string& figure, std::string* path) {
  std::error_code error;
  if (platform::PathOf(png).has_filename() && !std::filesystem::is_directory(platform::PathOf(png), error)) {
    *path = png;
    return {};
  }
  if (!stage.empty() && (!platform::IsPlainName(stage) || stage.find('\0') != std::string::npos)) {
    return {StatusCode::kInvalidArgument, "--stage " + stage + ": must not contain '/', it names a folder of --png"};
  }
  const std::filesystem::path folder =
      platform::PathOf(png) / platform::PathOf((stage.empty() ? "val" : stage) + "_transformer_diagnostics");
  std::filesystem::create_directories(folder, error);
  if (error) return {StatusCode::kIoError, platform::Utf8Of(folder) + ": cannot make this folder: " + error.message()};
  *path = platform::Utf8Of(folder / platform::PathOf(figure + ".png"));
  return {};
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/picture_path.h"

#include <filesystem>
#include <system_error>

namespace attnscope::tools {

Status PicturePath(const std::string& png, const std::string& stage, const std::string& figure, std::string* path) {
  std::error_code error;
  if (!png.ends_with('/') && !std::filesystem::is_directory(png, error)) {
    *path = png;
    return {};
  }
  if (stage.find_first_of(std::string_view("/\0", 2)) != std::string::npos) {
    return {StatusCode::kInvalidArgument, "--stage " + stage + ": must not contain '/', it names a folder of --png"};
  }
  const std::filesystem::path folder =
      std::filesystem::path(png) / ((stage.empty() ? "val" : stage) + "_transformer_diagnostics");
  std::filesystem::create_directories(folder, error);
  if (error) return {StatusCode::kIoError, folder.string() + ": cannot make this folder: " + error.message()};
  *path = (folder / (figure + ".png")).string();
  return {};
}

}  // namespace attnscope::tools

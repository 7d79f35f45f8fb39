// SPDX-License-Identifier: Apache-2.0
//
// Paths are UTF-8 in std::string, on Windows too, where std::filesystem takes a plain string for another encoding.
#ifndef ATTNSCOPE_PLATFORM_PATH_H_
#define ATTNSCOPE_PLATFORM_PATH_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace attnscope::platform {

// On POSIX the bytes stay as they are, UTF-8 or not.
inline std::filesystem::path PathOf(std::string_view utf8) {
  return std::u8string_view(reinterpret_cast<const char8_t*>(utf8.data()), utf8.size());
}

// With slashes, also on Windows.
inline std::string Utf8Of(const std::filesystem::path& path) {
  const std::u8string text = path.generic_u8string();
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

// Whether it is the name of something within a folder, and leads nowhere else.
inline bool IsPlainName(std::string_view utf8) {
  const std::filesystem::path path = PathOf(utf8);
  return path.has_filename() && path == path.filename();
}

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_PATH_H_

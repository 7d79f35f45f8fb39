// SPDX-License-Identifier: Apache-2.0
//
// What Windows has for text and errors, from and to what the project has.
#ifndef ATTNSCOPE_PLATFORM_WINDOWS_WIDE_H_
#define ATTNSCOPE_PLATFORM_WINDOWS_WIDE_H_

#ifndef NOMINMAX  // as libstdc++ may have done
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <string>
#include <system_error>

#include "platform/path.h"

namespace attnscope::platform {

inline std::wstring Wide(const std::string& utf8) { return PathOf(utf8).wstring(); }

// The condition that POSIX has for the system's error, for messages that are the same everywhere.
inline std::error_condition ConditionOf(DWORD error) {
  return std::error_code(static_cast<int>(error), std::system_category()).default_error_condition();
}

// A handle that is closed.
class Handle {
 public:
  explicit Handle(HANDLE handle) : handle_(handle) {}
  ~Handle() { Close(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  HANDLE get() const { return handle_; }
  bool is_open() const { return handle_ != INVALID_HANDLE_VALUE && handle_ != nullptr; }
  void Close() {
    if (is_open()) CloseHandle(handle_);
    handle_ = INVALID_HANDLE_VALUE;
  }

 private:
  HANDLE handle_;
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_WINDOWS_WIDE_H_

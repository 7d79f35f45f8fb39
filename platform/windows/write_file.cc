// SPDX-License-Identifier: Apache-2.0
//
// Writes to a temporary name in the target's own folder, flushes, and moves it over the target in one step. Nothing
// ends a process between its own calls here but what ends it on POSIX with SIGKILL.
#include "attnscope/write_file.h"

#include <algorithm>
#include <atomic>

#include "platform/windows/wide.h"

namespace attnscope {
namespace {

using platform::Handle;
using platform::Wide;

Status IoError(const std::string& path, const char* what, DWORD error) {
  return {StatusCode::kIoError, path + ": cannot " + what + ": " + platform::ConditionOf(error).message()};
}

// Zero, or the system's error.
DWORD WriteAll(HANDLE file, std::string_view bytes) {
  constexpr size_t kMostBytes = size_t{1} << 30;
  while (!bytes.empty()) {
    DWORD written = 0;
    const auto size = static_cast<DWORD>(std::min(bytes.size(), kMostBytes));
    if (WriteFile(file, bytes.data(), size, &written, nullptr) == 0) return GetLastError();
    bytes.remove_prefix(written);
  }
  return 0;
}

// Where the bytes really go: moving over a link would replace the link.
std::wstring BehindLinks(const std::wstring& path, DWORD attributes) {
  if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0) return path;
  const Handle file(CreateFileW(path.c_str(), 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                OPEN_EXISTING, 0, nullptr));
  if (!file.is_open()) return path;
  std::wstring target(32768, L'\0');
  const DWORD size = GetFinalPathNameByHandleW(file.get(), target.data(), static_cast<DWORD>(target.size()), 0);
  if (size == 0 || size >= target.size()) return path;
  target.resize(size);
  return target;
}

// Creates a file that did not exist beside `target`.
HANDLE CreateTemporary(const std::wstring& target, std::wstring* name) {
  static std::atomic<unsigned> counter{0};
  const std::wstring folder = target.substr(0, target.find_last_of(L"/\\:") + 1);
  HANDLE file = INVALID_HANDLE_VALUE;
  do {
    *name = folder + L".attnscope-" + std::to_wstring(GetCurrentProcessId()) + L"-" +
            std::to_wstring(counter.fetch_add(1)) + L".tmp";
    file = CreateFileW(name->c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
  } while (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_EXISTS);
  return file;
}

// Zero, or the system's error. Programs that look at the target, such as scanners of viruses, hold it for moments.
DWORD MoveOver(const std::wstring& temporary, const std::wstring& target) {
  constexpr int kMostTries = 50;
  constexpr DWORD kWaitMilliseconds = 10;
  constexpr DWORD kHow = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
  DWORD error = 0;
  for (int i = 0; i < kMostTries; ++i) {
    if (MoveFileExW(temporary.c_str(), target.c_str(), kHow) != 0) return 0;
    error = GetLastError();
    if (error != ERROR_SHARING_VIOLATION && error != ERROR_LOCK_VIOLATION && error != ERROR_ACCESS_DENIED &&
        error != ERROR_USER_MAPPED_FILE) {
      break;
    }
    Sleep(kWaitMilliseconds);
  }
  return error;
}

Status Replace(const std::string& path, const std::wstring& target, std::string_view bytes) {
  std::wstring temporary;
  Handle file(CreateTemporary(target, &temporary));
  if (!file.is_open()) return IoError(path, "create a file in its folder", GetLastError());
  DWORD error = WriteAll(file.get(), bytes);
  if (error == 0 && FlushFileBuffers(file.get()) == 0) error = GetLastError();
  file.Close();
  if (error == 0) error = MoveOver(temporary, target);
  if (error == 0) return {};
  DeleteFileW(temporary.c_str());
  return IoError(path, "write", error);
}

}  // namespace

Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  const std::wstring wide = Wide(path);
  const DWORD attributes = GetFileAttributesW(wide.c_str());
  if (attributes != INVALID_FILE_ATTRIBUTES) {
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) return IoError(path, "open for writing", ERROR_DIRECTORY);
    // A file that may not be written to may not be replaced, and a pipe or a device is written to as it is.
    const Handle old(CreateFileW(wide.c_str(), GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                 nullptr, OPEN_EXISTING, 0, nullptr));
    if (!old.is_open()) return IoError(path, "write", GetLastError());
    if (GetFileType(old.get()) != FILE_TYPE_DISK) {
      const DWORD error = WriteAll(old.get(), bytes);
      return error == 0 ? Status() : IoError(path, "write", error);
    }
  }
  return Replace(path, BehindLinks(wide, attributes), bytes);
}

}  // namespace attnscope

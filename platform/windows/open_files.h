// SPDX-License-Identifier: Apache-2.0
#ifndef ATTNSCOPE_PLATFORM_WINDOWS_OPEN_FILES_H_
#define ATTNSCOPE_PLATFORM_WINDOWS_OPEN_FILES_H_

#include <string>

#include "platform/windows/wide.h"

namespace attnscope::platform {

// Opens a file that others may write to and replace meanwhile, as on POSIX. INVALID_HANDLE_VALUE, with the system's
// error, where that fails.
inline HANDLE OpenToRead(const std::string& path) {
  return CreateFileW(Wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                     OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, nullptr);
}

inline uint64_t SizeOf(const BY_HANDLE_FILE_INFORMATION& info) {
  return (uint64_t{info.nFileSizeHigh} << 32) | info.nFileSizeLow;
}

inline bool IsSameFile(const BY_HANDLE_FILE_INFORMATION& a, const BY_HANDLE_FILE_INFORMATION& b) {
  return a.dwVolumeSerialNumber == b.dwVolumeSerialNumber && a.nFileIndexHigh == b.nFileIndexHigh &&
         a.nFileIndexLow == b.nFileIndexLow;
}

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_WINDOWS_OPEN_FILES_H_

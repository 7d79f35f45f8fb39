// SPDX-License-Identifier: Apache-2.0
//
// Writing a file completely or not at all. Link attnscope::report.
#ifndef ATTNSCOPE_WRITE_FILE_H_
#define ATTNSCOPE_WRITE_FILE_H_

#include <string>
#include <string_view>

#include "attnscope/export.h"
#include "attnscope/status.h"

namespace attnscope {

// Writes `bytes` to a temporary name beside `path`, flushes it to the device and renames it, so that no reader and no
// failure ever leaves `path` half-written; on failure the temporary file is removed and an older `path` is as it was.
// Where `path` exists and is no regular file (a pipe, /dev/stdout), it is written directly. Errors: kIoError, whose
// message names the path and the system's reason. Thread-safe for different paths.
ATTNSCOPE_EXPORT Status WriteFileAtomically(const std::string& path, std::string_view bytes);

}  // namespace attnscope

#endif  // ATTNSCOPE_WRITE_FILE_H_

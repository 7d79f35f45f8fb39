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
// Symbolic links are followed: the file behind them is replaced, or made, and they stay. Of several writers of one path
// the last one wins, whole.
//
// Where `path` exists and is no regular file (a pipe, a device), it is written directly, and so is an open descriptor
// (/dev/stdout, /dev/fd/3), whatever it leads to: from where that stands, after what was written to it before.
//
// Signals that may end the process wait, in the calling thread, until the temporary file is renamed or removed; a
// process that is killed (SIGKILL), or whose other threads take the signal, may leave `.attnscope-*.tmp` behind, never
// a part of `path`.
//
// Errors: kIoError, whose message names the path and the system's reason; also for an older file without permission to
// write. Thread-safe.
ATTNSCOPE_EXPORT Status WriteFileAtomically(const std::string& path, std::string_view bytes);

}  // namespace attnscope

#endif  // ATTNSCOPE_WRITE_FILE_H_

// SPDX-License-Identifier: Apache-2.0
//
// A regular file as read-only memory.
#ifndef ATTNSCOPE_TOOLS_FILES_MAPPED_FILE_H_
#define ATTNSCOPE_TOOLS_FILES_MAPPED_FILE_H_

#include <string>

#include "attnscope/status.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

// Pages are read from disk when they are touched. Someone who truncates the file meanwhile ends this process (SIGBUS),
// as with any mapping; attnscope's own writer renames instead.
class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Errors: kNotFound, kIoError (no regular file, no permission); the message names the path and the system's reason.
  static Status Open(const std::string& path, MappedFile* out);

  // Empty for an empty file.
  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_MAPPED_FILE_H_

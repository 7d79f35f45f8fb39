// SPDX-License-Identifier: Apache-2.0
//
// What the system tells of an open file that someone else writes to.
#ifndef ATTNSCOPE_PLATFORM_GROWING_FILE_H_
#define ATTNSCOPE_PLATFORM_GROWING_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "attnscope/status.h"

namespace attnscope::platform {

// Keeps nobody from writing to, renaming or removing the file, which stays open until the end.
class GrowingFile {
 public:
  // Leaves `*out` null where there is no file at `path`, which is no error. Errors: kIoError, naming the path.
  static Status Open(const std::string& path, std::unique_ptr<GrowingFile>* out);

  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  // Sets `*bytes` to some megabytes from byte `offset` on, or to fewer where the file ends, none at its end. Errors:
  // kIoError, naming the path.
  Status Read(uint64_t offset, std::string* bytes) const;
  // Whether the file has fewer bytes than that now.
  bool IsShorterThan(uint64_t bytes) const;
  // Whether another file stands at the path now; if there is none, this one counts.
  bool WasReplaced() const;

 private:
  class Handle;  // the system's own

  GrowingFile(std::string path, std::unique_ptr<Handle> handle);

  std::string path_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_GROWING_FILE_H_

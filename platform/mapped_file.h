// SPDX-License-Identifier: Apache-2.0
//
// A regular file as read-only memory.
#ifndef ATTNSCOPE_PLATFORM_MAPPED_FILE_H_
#define ATTNSCOPE_PLATFORM_MAPPED_FILE_H_

#include <memory>
#include <string>

#include "attnscope/status.h"
#include "platform/bytes.h"

namespace attnscope::platform {

// Pages are read from disk when they are touched. Where someone has truncated the file meanwhile, or its device fails,
// touching one raises SIGBUS, as with any mapping; the program makes a message of it (platform/page_error.h).
// attnscope's own writer renames instead of truncating.
class MappedFile {
 public:
  MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Errors: kNotFound, kIoError (no regular file, no permission); the message names the path and the system's reason.
  static Status Open(const std::string& path, MappedFile* out);

  // Empty for an empty file.
  Bytes bytes() const;

  // Whether the bytes were what they are now since Open: to be asked after the last of them was read, since a file that
  // shrinks within a page reads as zeros, and one that is written anew as a mixture, without a signal. A file that was
  // removed, or replaced by another of its name, has not changed. Errors: kDataLoss, naming the path.
  Status CheckUnchanged() const;

  class Mapping;  // the system's own, see platform/mapping.h

 private:
  std::unique_ptr<Mapping> mapping_;
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_MAPPED_FILE_H_

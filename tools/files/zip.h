// SPDX-License-Identifier: Apache-2.0
//
// Zip archives as numpy writes them: stored or deflated members, zip64. Read from memory; included by npz_file.cc.
#ifndef ATTNSCOPE_TOOLS_FILES_ZIP_H_
#define ATTNSCOPE_TOOLS_FILES_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

struct ZipMember {
  std::string name;
  bool is_stored = false;  // `content` are the bytes themselves; else they are deflated
  Bytes content;           // in the archive
  size_t size = 0;         // bytes when inflated
  uint32_t crc = 0;        // of the inflated bytes
  std::string problem;     // why it cannot be read (encrypted, another compression), or empty
};

// The members of an archive, in the order of its directory. Each lies inside the archive, its own header agrees with
// the directory, none overlaps another, and none claims a size beyond what deflate can reach. Errors: kDataLoss.
// O(members * log(members)).
Status ReadZipDirectory(Bytes archive, std::vector<ZipMember>* out);

// Reads a member from its beginning. The archive must outlive it. Not thread-safe.
class ZipMemberReader {
 public:
  explicit ZipMemberReader(const ZipMember& member);
  ~ZipMemberReader();

  // The next `size` bytes. Errors: kDataLoss if there are fewer or they are malformed, kOutOfMemory.
  Status Read(uint8_t* to, size_t size);
  // Errors: kDataLoss if bytes are left, or if the checksum of what was read is wrong.
  Status Finish();

 private:
  class Inflater;

  const ZipMember& member_;
  std::unique_ptr<Inflater> inflater_;  // null for a stored member
  size_t position_ = 0;                 // inflated bytes read
  uint32_t crc_ = 0;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_ZIP_H_

// SPDX-License-Identifier: Apache-2.0
//
// A .npz file in the making: arrays of known shapes that are filled in any order, each where it will stand. The bytes
// are those of an unnamed file on the disk, mapped into memory, so that archives larger than the memory can be made.
#ifndef ATTNSCOPE_TOOLS_FILES_NPZ_IMAGE_H_
#define ATTNSCOPE_TOOLS_FILES_NPZ_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "platform/disk_memory.h"

namespace attnscope::tools {

// What numpy calls '<f4', '<f8' and '<i4'.
enum class NpzType : uint8_t { kFloat32, kFloat64, kInt32 };

// Example: AddArray each array, Allocate, fill what Array gives, Write.
class NpzImage {
 public:
  // Sizes from `zip64_from` on are written as zip64 has them; other values than the default are for tests.
  explicit NpzImage(size_t zip64_from = 0xFFFFFFFF) : zip64_from_(zip64_from) {}
  NpzImage(const NpzImage&) = delete;
  NpzImage& operator=(const NpzImage&) = delete;

  // Adds an array, C-contiguous, and returns its index. Sizes must not overflow.
  size_t AddArray(const std::string& name, NpzType type, const std::vector<size_t>& shape);
  size_t num_arrays() const { return members_.size(); }

  // Makes room for all arrays, in the folder of `path`, or where there is no such folder to write to (a pipe, a
  // device), in that of temporary files; elements are zero. Takes as much of the disk as the archive; so does Write.
  // Errors: kIoError, naming the path, also where the disk has no room.
  Status Allocate(const std::string& path);
  // The elements of an array, aligned to 64 bytes.
  void* Array(size_t index) { return image_.data() + members_[index].elements; }

  // Writes the archive to `path`, completely or not at all; no array may be changed any more. Reads each byte twice.
  // Errors: those of WriteFileAtomically.
  Status Write(const std::string& path);

 private:
  struct Member {
    std::string file_name;
    std::string npy_header;
    size_t bytes = 0;     // of the elements
    size_t offset = 0;    // of the member, in the archive
    size_t content = 0;   // of the .npy file
    size_t elements = 0;  // of the first one
    uint32_t crc = 0;

    size_t size() const { return npy_header.size() + bytes; }
  };

  bool IsLarge(size_t value) const { return value >= zip64_from_; }
  std::string SharedFields(const Member& member, size_t version, size_t extra_bytes) const;
  std::string LocalHeader(const Member& member) const;
  std::string DirectoryEntry(const Member& member) const;
  std::string End(size_t directory, size_t directory_bytes) const;
  size_t Place();

  const size_t zip64_from_;
  std::vector<Member> members_;
  platform::DiskMemory image_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_NPZ_IMAGE_H_

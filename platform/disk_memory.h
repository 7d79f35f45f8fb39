// SPDX-License-Identifier: Apache-2.0
//
// Memory whose bytes are those of an unnamed file on the disk, for what may be larger than the machine's memory.
#ifndef ATTNSCOPE_PLATFORM_DISK_MEMORY_H_
#define ATTNSCOPE_PLATFORM_DISK_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "attnscope/status.h"

namespace attnscope::platform {

class DiskMemory {
 public:
  DiskMemory() = default;
  ~DiskMemory();
  DiskMemory(const DiskMemory&) = delete;
  DiskMemory& operator=(const DiskMemory&) = delete;

  // Takes `bytes` bytes, more than none, that are zero, in the folder of `path`, or where there is no such folder to
  // write to (a pipe, a device), in that of temporary files. Called once. Room on the disk is taken at once: a disk
  // that is full later would end the program where a byte is written. Errors: kIoError, naming the path.
  Status Allocate(const std::string& path, size_t bytes);

  uint8_t* data() const { return data_; }  // null before Allocate
  size_t size() const { return size_; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_DISK_MEMORY_H_

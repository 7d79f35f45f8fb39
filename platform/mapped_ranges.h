// SPDX-License-Identifier: Apache-2.0
//
// Which file lies where in memory: what a signal handler needs to tell whose page could not be read.
#ifndef ATTNSCOPE_PLATFORM_MAPPED_RANGES_H_
#define ATTNSCOPE_PLATFORM_MAPPED_RANGES_H_

#include <atomic>
#include <string>

#include "platform/bytes.h"

namespace attnscope::platform {

// A mapped file's bytes, listed from construction to destruction.
class MappedRange {
 public:
  MappedRange(std::string path, Bytes bytes);
  ~MappedRange();
  MappedRange(const MappedRange&) = delete;
  MappedRange& operator=(const MappedRange&) = delete;

  const std::string& path() const { return path_; }
  Bytes bytes() const { return bytes_; }

  // The range that holds `address`, or null. Safe in a signal handler of a thread that reads a mapped file: the list
  // does not change at that time, since files are mapped and unmapped only while no other thread reads one.
  static const MappedRange* Find(const void* address);

 private:
  std::string path_;
  Bytes bytes_;
  std::atomic<MappedRange*> next_{nullptr};
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_MAPPED_RANGES_H_

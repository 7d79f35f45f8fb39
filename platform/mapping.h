// SPDX-License-Identifier: Apache-2.0
//
// What each system's MappedFile has in common with the others.
#ifndef ATTNSCOPE_PLATFORM_MAPPING_H_
#define ATTNSCOPE_PLATFORM_MAPPING_H_

#include <cstdint>
#include <string>

#include "attnscope/status.h"
#include "platform/bytes.h"
#include "platform/mapped_file.h"
#include "platform/mapped_ranges.h"

namespace attnscope::platform {

// Owns the pages: a system's own gives them back when it ends.
class MappedFile::Mapping {
 public:
  virtual ~Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Bytes bytes() const { return range_.bytes(); }
  virtual Status CheckUnchanged() const = 0;

 protected:
  Mapping(const std::string& path, Bytes bytes) : range_(path, bytes) {}

  const std::string& path() const { return range_.path(); }
  // The error where the file had and has so many bytes.
  Status WasWrittenTo(uint64_t before, uint64_t now) const;

 private:
  MappedRange range_;
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_MAPPING_H_

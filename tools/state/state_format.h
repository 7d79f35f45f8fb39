// SPDX-License-Identifier: Apache-2.0
//
// What the writer and the reader of state files agree on, see docs/state-format.md.
#ifndef ATTNSCOPE_TOOLS_STATE_STATE_FORMAT_H_
#define ATTNSCOPE_TOOLS_STATE_STATE_FORMAT_H_

#include <libdeflate.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tools/files/tensor.h"

namespace attnscope::tools {

inline constexpr std::string_view kMagic = "ATTNSTAT";
inline constexpr uint32_t kVersion = 4;
inline constexpr uint32_t kOldestVersion = 1;  // that is read
inline constexpr uint32_t kByteOrder = 0x0A0B0C0D;
inline constexpr size_t kHeaderBytes = 32;
inline constexpr size_t kVersionAt = 8;
inline constexpr size_t kSizeAt = 16;
inline constexpr size_t kChecksumAt = 24;

// Flags of the settings.
inline constexpr uint64_t kCausal = 1;
inline constexpr uint64_t kMeanMatrix = 2;
inline constexpr uint64_t kHasEpoch = 4;

// Version 1 had the sizes of its lists, which never changed, in place of names.
inline constexpr uint64_t kSizesOfVersion1[] = {7, 18, 5, 3};

// Of all that follows the header, of a whole file.
inline uint32_t Checksum(Bytes bytes) {
  const Bytes body = bytes.subspan(kHeaderBytes);
  return libdeflate_crc32(0, body.data(), body.size());
}

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_STATE_STATE_FORMAT_H_

// SPDX-License-Identifier: Apache-2.0
//
// Unaligned little-endian integers of file headers.
#ifndef ATTNSCOPE_TOOLS_FILES_LITTLE_ENDIAN_H_
#define ATTNSCOPE_TOOLS_FILES_LITTLE_ENDIAN_H_

#include <cstdint>
#include <cstring>

#include "tools/files/tensor.h"

namespace attnscope::tools {

// The caller has checked that `bytes` reaches to `offset + sizeof(T)`.
template <typename T>
T LoadLittleEndian(Bytes bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.subspan(offset, sizeof(T)).data(), sizeof(T));
  return value;
}

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_LITTLE_ENDIAN_H_

// SPDX-License-Identifier: Apache-2.0
//
// Lies of state files that get beyond the header. Included by tests and fuzzers of states.
#ifndef ATTNSCOPE_TESTS_SUPPORT_SIGNED_STATE_H_
#define ATTNSCOPE_TESTS_SUPPORT_SIGNED_STATE_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "tools/state/state_format.h"

namespace attnscope::testing_tools {

// With the size and the checksum of what it is now; what is too short for a header stays as it is.
inline std::string Signed(std::string bytes) {
  if (bytes.size() < tools::kHeaderBytes) return bytes;
  const uint64_t size = bytes.size();
  std::memcpy(bytes.data() + tools::kSizeAt, &size, sizeof(size));
  const uint32_t checksum = tools::Checksum({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  std::memcpy(bytes.data() + tools::kChecksumAt, &checksum, sizeof(checksum));
  return bytes;
}

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_SIGNED_STATE_H_

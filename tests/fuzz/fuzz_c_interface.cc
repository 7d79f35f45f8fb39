// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a sequence of calls of the C interface.
#include <algorithm>
#include <cstdint>

#include "tests/fuzz/call_bytes.h"
#include "tests/fuzz/session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using attnscope::fuzz::CallBytes;
  constexpr size_t kMaxCalls = 48;
  attnscope::fuzz::Session session;
  for (size_t call = 0; call < kMaxCalls && size > 0; ++call) {
    const size_t taken = std::min(size, CallBytes::kBytes);
    session.Run({data, taken});
    data += taken;
    size -= taken;
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#ifndef ATTNSCOPE_PLATFORM_BYTES_H_
#define ATTNSCOPE_PLATFORM_BYTES_H_

#include <cstdint>
#include <span>

namespace attnscope::platform {

using Bytes = std::span<const uint8_t>;

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_BYTES_H_

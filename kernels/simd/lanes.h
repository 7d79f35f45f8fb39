// SPDX-License-Identifier: Apache-2.0
//
// Sizes of vectors that code without SIMD has to know, to make room for them.
#ifndef ATTNSCOPE_KERNELS_SIMD_LANES_H_
#define ATTNSCOPE_KERNELS_SIMD_LANES_H_

#include <stddef.h>

namespace attnscope {

// float32 lanes of the longest vector that Highway supports (2048 bits).
inline constexpr size_t kMaxFloatLanes = 64;

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SIMD_LANES_H_

// SPDX-License-Identifier: Apache-2.0
//
// Memory of the C library, refused without an exception. Thread-safe.
#ifndef ATTNSCOPE_PLATFORM_ALIGNED_MEMORY_H_
#define ATTNSCOPE_PLATFORM_ALIGNED_MEMORY_H_

#include <cstddef>

namespace attnscope::platform {

// `alignment`: a power of two, of which `bytes` is a multiple. The content is not set. Null if there is no memory.
void* AllocateAligned(size_t alignment, size_t bytes);

// `count` times `bytes` bytes that are zero, and whose pages cost nothing until they are written where there are many;
// aligned for any type. Null if there is no memory, or the product is too large.
void* AllocateZeroed(size_t count, size_t bytes);

// What either has returned; null is nothing.
void Free(void* memory);

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_ALIGNED_MEMORY_H_

// SPDX-License-Identifier: Apache-2.0
#include "platform/aligned_memory.h"

#include <cstdlib>

namespace attnscope::platform {

void* AllocateAligned(size_t alignment, size_t bytes) { return std::aligned_alloc(alignment, bytes); }

void* AllocateZeroed(size_t count, size_t bytes) { return std::calloc(count, bytes); }

void Free(void* memory) { std::free(memory); }

}  // namespace attnscope::platform

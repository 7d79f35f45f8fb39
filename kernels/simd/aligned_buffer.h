// SPDX-License-Identifier: Apache-2.0
//
// Memory that a kernel works in: refused without an exception.
#ifndef ATTNSCOPE_KERNELS_SIMD_ALIGNED_BUFFER_H_
#define ATTNSCOPE_KERNELS_SIMD_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include "platform/aligned_memory.h"

namespace attnscope {

struct FreeDeleter {
  void operator()(void* memory) const { platform::Free(memory); }
};

template <typename T>
using AlignedBuffer = std::unique_ptr<T[], FreeDeleter>;

// `count` elements of any content, aligned to 128 bytes, whose pages cost nothing until they are written; or null if
// there is no memory for them.
template <typename T>
AlignedBuffer<T> AllocateUnsetBuffer(size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  constexpr size_t kAlignment = 128;
  if (count > (SIZE_MAX - kAlignment) / sizeof(T)) return nullptr;
  const size_t bytes = (count * sizeof(T) + kAlignment) / kAlignment * kAlignment;
  return AlignedBuffer<T>(static_cast<T*>(platform::AllocateAligned(kAlignment, bytes)));
}

// `count` zeroed elements aligned to 128 bytes, or null if there is no memory for them.
template <typename T>
AlignedBuffer<T> AllocateAlignedBuffer(size_t count) {
  AlignedBuffer<T> buffer = AllocateUnsetBuffer<T>(count);
  if (buffer != nullptr) std::memset(static_cast<void*>(buffer.get()), 0, count * sizeof(T));
  return buffer;
}

// The same without alignment beyond the element's, and pages that cost nothing until they are written: for large state.
template <typename T>
AlignedBuffer<T> AllocateLazyBuffer(size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  return AlignedBuffer<T>(static_cast<T*>(platform::AllocateZeroed(count == 0 ? 1 : count, sizeof(T))));
}

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SIMD_ALIGNED_BUFFER_H_

// SPDX-License-Identifier: Apache-2.0
//
// What _aligned_malloc returns is not for free, and nothing zeroes large memory lazily but calloc. So all memory is of
// malloc and calloc, and the address to free stands before it.
#include "platform/aligned_memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace attnscope::platform {
namespace {

constexpr size_t kAnyType = alignof(std::max_align_t) < 16 ? 16 : alignof(std::max_align_t);

// Room for the address, and for the way to the next multiple.
size_t Extra(size_t alignment) { return alignment + sizeof(void*); }

void* Aligned(void* memory, size_t alignment) {
  if (memory == nullptr) return nullptr;
  const uintptr_t first = reinterpret_cast<uintptr_t>(memory) + sizeof(void*);
  char* const aligned = static_cast<char*>(memory) + sizeof(void*) + (alignment - first % alignment) % alignment;
  std::memcpy(aligned - sizeof(void*), &memory, sizeof(memory));
  return aligned;
}

}  // namespace

void* AllocateAligned(size_t alignment, size_t bytes) {
  if (bytes > SIZE_MAX - Extra(alignment)) return nullptr;
  return Aligned(std::malloc(bytes + Extra(alignment)), alignment);
}

void* AllocateZeroed(size_t count, size_t bytes) {
  if (bytes != 0 && count > (SIZE_MAX - Extra(kAnyType)) / bytes) return nullptr;
  return Aligned(std::calloc(count * bytes + Extra(kAnyType), 1), kAnyType);
}

void Free(void* memory) {
  if (memory == nullptr) return;
  void* whole = nullptr;
  std::memcpy(&whole, static_cast<char*>(memory) - sizeof(void*), sizeof(whole));
  std::free(whole);
}

}  // namespace attnscope::platform

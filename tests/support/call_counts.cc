// SPDX-License-Identifier: Apache-2.0
#include "tests/support/call_counts.h"

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> allocations{0};
std::atomic<size_t> locks{0};
std::atomic<size_t> refused_from{SIZE_MAX};  // the next allocation from this number on is refused; SIZE_MAX: none

bool IsRefused(size_t number) {
  size_t from = refused_from.load();
  return number >= from && refused_from.compare_exchange_strong(from, SIZE_MAX);
}

}  // namespace

// The linker sends calls of malloc here, and these to the C library. Names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_realloc(void* memory, size_t bytes);

void* __wrap_malloc(size_t bytes) {
  allocations.fetch_add(1);
  return __real_malloc(bytes);
}
void* __wrap_calloc(size_t count, size_t bytes) {
  allocations.fetch_add(1);
  return __real_calloc(count, bytes);
}
void* __wrap_realloc(void* memory, size_t bytes) {
  allocations.fetch_add(1);
  return __real_realloc(memory, bytes);
}
#ifndef _WIN32  // which has none
void* __real_aligned_alloc(size_t alignment, size_t bytes);
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  allocations.fetch_add(1);
  return __real_aligned_alloc(alignment, bytes);
}
#endif

int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t* lock);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t* lock);
int __real_pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex);

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  locks.fetch_add(1);
  return __real_pthread_mutex_lock(mutex);
}
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  locks.fetch_add(1);
  return __real_pthread_rwlock_rdlock(lock);
}
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  locks.fetch_add(1);
  return __real_pthread_rwlock_wrlock(lock);
}
int __wrap_pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  locks.fetch_add(1);
  return __real_pthread_cond_wait(condition, mutex);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

// Not inlined, so that the compiler does not take the pair for a mismatched one.
[[gnu::noinline]] void* operator new(size_t bytes) {
  if (IsRefused(allocations.fetch_add(1))) throw std::bad_alloc();
  void* memory = __real_malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  if (IsRefused(allocations.fetch_add(1))) return nullptr;
  return __real_malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace attnscope::test {

size_t AllocationCount() { return allocations.load(); }
size_t LockCount() { return locks.load(); }

RefusedAllocation::RefusedAllocation(size_t after) { refused_from.store(allocations.load() + after); }
RefusedAllocation::~RefusedAllocation() { refused_from.store(SIZE_MAX); }
bool RefusedAllocation::WasRefused() { return refused_from.load() == SIZE_MAX; }

}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// For tests on Windows: as much of POSIX as they use, by the system's own calls.
#ifndef ATTNSCOPE_TESTS_WINDOWS_POSIX_SYS_MMAN_H_
#define ATTNSCOPE_TESTS_WINDOWS_POSIX_SYS_MMAN_H_

#ifndef NOMINMAX  // as libstdc++ may have done
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <cstddef>
#include <cstdlib>

enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 0, MAP_ANONYMOUS = 0, _SC_PAGESIZE = 0 };
inline void* const MAP_FAILED = nullptr;

inline DWORD ProtectionOf(int protection) {
  if ((protection & PROT_WRITE) != 0) return PAGE_READWRITE;
  return (protection & PROT_READ) != 0 ? PAGE_READONLY : PAGE_NOACCESS;
}

inline void* mmap(void*, size_t bytes, int protection, int, int, int) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, ProtectionOf(protection));
}

inline int mprotect(void* memory, size_t bytes, int protection) {
  DWORD before = 0;
  return VirtualProtect(memory, bytes, ProtectionOf(protection), &before) != 0 ? 0 : -1;
}

inline int munmap(void* memory, size_t) { return VirtualFree(memory, 0, MEM_RELEASE) != 0 ? 0 : -1; }

inline long sysconf(int) { return 4096; }

#endif  // ATTNSCOPE_TESTS_WINDOWS_POSIX_SYS_MMAN_H_

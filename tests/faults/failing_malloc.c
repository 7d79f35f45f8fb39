// SPDX-License-Identifier: Apache-2.0
//
// To be preloaded (LD_PRELOAD): lets the FAIL_AT-th allocation after the start of main fail, and with FAIL_ON all later
// ones too. With FAIL_AT=0 none fails, and their number is written to standard error at exit. For glibc, whose own
// allocator stays reachable as __libc_malloc.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* old, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

typedef int Main(int, char**, char**);
typedef int StartMain(Main*, int, char**, void (*)(void), void (*)(void), void (*)(void), void*);

static atomic_long count = -1;  // negative: main has not begun
static long fail_at = 0;
static int fail_on = 0;
static Main* real_main;

static int IsToFail(void) {
  if (count < 0) return 0;
  const long number = ++count;
  const int fails = fail_at > 0 && (number == fail_at || (fail_on && number > fail_at));
  if (fails) errno = ENOMEM;
  return fails;
}

void* malloc(size_t size) { return IsToFail() ? NULL : __libc_malloc(size); }
void* calloc(size_t number, size_t size) { return IsToFail() ? NULL : __libc_calloc(number, size); }
void* realloc(void* old, size_t size) { return IsToFail() ? NULL : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return IsToFail() ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, size_t alignment, size_t size) {
  void* const memory = memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *out = memory;
  return 0;
}

static void PrintCount(void) {
  const long number = count;
  count = -1;
  fprintf(stderr, "%ld allocations\n", number);
}

static int CountingMain(int argc, char** argv, char** environment) {
  const char* const at = getenv("FAIL_AT");
  fail_at = at == NULL ? 0 : atol(at);
  fail_on = getenv("FAIL_ON") != NULL;
  if (fail_at == 0) atexit(&PrintCount);
  count = 0;
  return real_main(argc, argv, environment);
}

// What the C library's start code calls to run main.
int __libc_start_main(Main* main, int argc, char** argv, void (*init)(void), void (*fini)(void), void (*loader)(void),
                      void* stack) {
  real_main = main;
  StartMain* next = NULL;
  *(void**)&next = dlsym(RTLD_NEXT, "__libc_start_main");
  return next(&CountingMain, argc, argv, init, fini, loader, stack);
}

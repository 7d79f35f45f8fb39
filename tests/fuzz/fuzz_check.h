// SPDX-License-Identifier: Apache-2.0
//
// What a fuzzer does where its input shows a bug. Included by all fuzz targets.
#ifndef ATTNSCOPE_TESTS_FUZZ_FUZZ_CHECK_H_
#define ATTNSCOPE_TESTS_FUZZ_FUZZ_CHECK_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace attnscope::fuzz {

// Ends the process, which libFuzzer and ctest take for a find.
[[noreturn]] inline void Fail(const char* file, int line, const char* condition, std::string_view detail) {
  std::fprintf(stderr, "%s:%d: not so: %s: %.*s\n", file, line, condition, static_cast<int>(detail.size()),
               detail.data());
  std::abort();
}

// FNV-1a: decides what is done with an input beyond what its bytes say, the same each time.
inline uint64_t Hash(const uint8_t* data, size_t size) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100000001b3;
  return hash ^ (hash >> 29);
}

}  // namespace attnscope::fuzz

#define FUZZ_CHECK(condition, detail) \
  ((condition) ? void() : attnscope::fuzz::Fail(__FILE__, __LINE__, #condition, (detail)))

#endif  // ATTNSCOPE_TESTS_FUZZ_FUZZ_CHECK_H_

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "platform/aligned_memory.h"
#include "tests/faults/sanitized.h"

namespace attnscope::platform {
namespace {

TEST(MemoryTest, IsAligned) {
  for (const size_t alignment : {size_t{16}, size_t{64}, size_t{128}, size_t{4096}}) {
    std::vector<void*> all;
    for (size_t bytes = alignment; bytes < 20 * alignment; bytes += alignment) {
      void* const memory = AllocateAligned(alignment, bytes);
      ASSERT_NE(memory, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignment, 0u);
      std::memset(memory, 0xAB, bytes);
      all.push_back(memory);
    }
    for (void* const memory : all) Free(memory);
  }
}

TEST(MemoryTest, IsZeroed) {
  for (const size_t count : {size_t{1}, size_t{3}, size_t{1000}, size_t{300001}}) {
    auto* const memory = static_cast<uint64_t*>(AllocateZeroed(count, sizeof(uint64_t)));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 16, 0u);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(memory[i], 0u);
    std::memset(memory, 0xAB, count * sizeof(uint64_t));
    Free(memory);
  }
}

TEST(MemoryTest, TooMuchIsNull) {
  if (testing_tools::kSanitized) GTEST_SKIP() << "sanitizers end a program that asks for so much";
  const size_t most = std::numeric_limits<size_t>::max();
  EXPECT_EQ(AllocateAligned(64, most - 63), nullptr);
  EXPECT_EQ(AllocateZeroed(most / 2, 4), nullptr);
  EXPECT_EQ(AllocateZeroed(most, 1), nullptr);
  Free(nullptr);
}

}  // namespace
}  // namespace attnscope::platform

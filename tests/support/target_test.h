// SPDX-License-Identifier: Apache-2.0
//
// Runs each case of a kernel's test once for every SIMD target that is compiled in and that this CPU has. Included by
// the tests of dispatched kernels:
//
//   using NormsTest = TargetTest;
//   ATTNSCOPE_FOR_EACH_TARGET(NormsTest);
//   TEST_P(NormsTest, ...) { ... }
#ifndef ATTNSCOPE_TESTS_SUPPORT_TARGET_TEST_H_
#define ATTNSCOPE_TESTS_SUPPORT_TARGET_TEST_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "hwy/targets.h"

namespace attnscope::test {

// True where kernels run many times slower than in a release, under sanitizers or emulators: tests then walk fewer of
// the large sizes.
#if defined(ATTNSCOPE_EMULATED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    !defined(__OPTIMIZE__)
inline constexpr bool kSlowBuild = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSlowBuild = true;
#else
inline constexpr bool kSlowBuild = false;
#endif
#else
inline constexpr bool kSlowBuild = false;
#endif

class TargetTest : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }

  void TearDown() override {
#if (HWY_TARGETS & (HWY_TARGETS - 1)) != 0
    EXPECT_TRUE(hwy::GetChosenTarget().IsInitialized()) << "the case called no dispatched kernel";
#endif
    hwy::SetSupportedTargetsForTest(0);
  }
};

inline std::string NameOfTarget(const ::testing::TestParamInfo<int64_t>& info) { return hwy::TargetName(info.param); }

#define ATTNSCOPE_FOR_EACH_TARGET(suite) \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()), NameOfTarget)

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_TARGET_TEST_H_

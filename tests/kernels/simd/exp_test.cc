// SPDX-License-Identifier: Apache-2.0
//
// The exponential behind every weight: its documented error, walked from the largest difference that counts to zero.
#include <gtest/gtest.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmath>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/target_test.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/simd/exp_test.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope::test {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// powers[i] = exp(scale * (x[i] + low[i])); `count` is a multiple of the longest vector.
void ExpAll(double scale, const float* x, const float* low, size_t count, float* powers) {
  const hn::ScalableTag<float> df;
  const attnscope::HWY_NAMESPACE::ExpScale exp_scale(scale);
  for (size_t i = 0; i < count; i += hn::Lanes(df)) {
    const auto power =
        attnscope::HWY_NAMESPACE::ExpOfScaled<true>(df, exp_scale, hn::LoadU(df, x + i), hn::LoadU(df, low + i));
    hn::StoreU(power, df, powers + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope::test
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope::test {
namespace {

HWY_EXPORT(ExpAll);

using ExpTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(ExpTest);

constexpr size_t kBlock = 64;

TEST_P(ExpTest, WalkOfAllMagnitudes) {
  ErrorRecord record("exp");
  for (const double scale : {1.0, 0.125, 1.0 / std::sqrt(128.0), 0.3, 17.0, 0x1p-96, 0x1p96}) {
    std::vector<float> x(kBlock), low(kBlock), powers(kBlock);
    // From 2^-30 to the least difference, 2000 steps for each power of two and each lane another value.
    const double steps = kSlowBuild ? 100.0 : 2000.0;
    for (double log2_x = -30.0; log2_x < 7.0; log2_x += static_cast<double>(kBlock) / steps) {
      for (size_t i = 0; i < kBlock; ++i) {
        x[i] = static_cast<float>(-std::exp2(log2_x + static_cast<double>(i) / steps) / scale);
        low[i] = static_cast<float>((i % 3 == 0 ? 0.0 : i % 3 == 1 ? 3e-5 : -3e-5) / scale);
      }
      HWY_DYNAMIC_DISPATCH(ExpAll)(scale, x.data(), low.data(), kBlock, powers.data());
      for (size_t i = 0; i < kBlock; ++i) {
        const long double exponent =
            static_cast<long double>(scale) * (static_cast<long double>(x[i]) + static_cast<long double>(low[i]));
        const long double exact = std::exp(exponent);
        if (exponent / std::log(2.0L) < -125.6L) {
          EXPECT_EQ(powers[i], 0.0f) << "exp(" << static_cast<double>(exponent) << ")";
        } else if (exponent / std::log(2.0L) > -124.4L) {
          record.Add(static_cast<double>(powers[i]), exact, 1e-7L * exact, "exp(" + std::to_string(x[i]) + ")");
        }
      }
    }
  }
  record.Report(0.3);
}

// What the logits of a row with a bias may have beside their float32: up to half of a last place below 2^20.
TEST_P(ExpTest, LargeLowParts) {
  ErrorRecord record("exp");
  const float most = 0x1p-5f;
  for (const double scale : {1.0, 0.3, 17.0}) {
    std::vector<float> x(kBlock), low(kBlock), powers(kBlock);
    for (int block = 0; block < (kSlowBuild ? 100 : 5000); ++block) {
      for (size_t i = 0; i < kBlock; ++i) {
        x[i] = static_cast<float>(-86.0 * (block + static_cast<double>(i) / kBlock) / 5000.0 / scale);
        const double part = static_cast<double>((i * 37 + static_cast<size_t>(block)) % 129) / 64.0 - 1.0;
        low[i] = static_cast<float>(part * static_cast<double>(most) / scale);
      }
      HWY_DYNAMIC_DISPATCH(ExpAll)(scale, x.data(), low.data(), kBlock, powers.data());
      for (size_t i = 0; i < kBlock; ++i) {
        const long double exact = std::exp(static_cast<long double>(scale) *
                                           (static_cast<long double>(x[i]) + static_cast<long double>(low[i])));
        record.Add(static_cast<double>(powers[i]), exact, 2e-7L * exact, "exp(" + std::to_string(x[i]) + ")");
      }
    }
  }
  record.Report(0.3);
}

TEST_P(ExpTest, ExactValues) {
  std::vector<float> x(kBlock, 0.0f), low(kBlock, 0.0f), powers(kBlock);
  x[1] = -1e30f;
  x[2] = -INFINITY;
  x[3] = -90.0f;
  x[4] = -0.0f;
  HWY_DYNAMIC_DISPATCH(ExpAll)(1.0, x.data(), low.data(), kBlock, powers.data());
  EXPECT_EQ(powers[0], 1.0f);
  EXPECT_EQ(powers[1], 0.0f);
  EXPECT_EQ(powers[2], 0.0f);
  EXPECT_EQ(powers[3], 0.0f);
  EXPECT_EQ(powers[4], 1.0f);
}

}  // namespace
}  // namespace attnscope::test
#endif  // HWY_ONCE

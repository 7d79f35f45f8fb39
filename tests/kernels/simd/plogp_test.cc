// SPDX-License-Identifier: Apache-2.0
//
// The polynomial behind every entropy, p * log2(p): its documented error, walked over every float32 where it matters,
// and its exact values.
#include <gtest/gtest.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cfloat>
#include <cmath>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/simd/plogp_test.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/plogp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope::test {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// sums[i] += p[i] * log2(p[i]), as the kernels do it; `count` is a multiple of four of the longest vectors.
void AddPLog2P(const float* p, size_t count, float* sums) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  const auto unit = hn::Set(df, static_cast<float>(1.0 / attnscope::HWY_NAMESPACE::kLog2Unit));
  for (size_t i = 0; i < count; i += 4 * N) {
    auto log0 = hn::LoadU(df, p + i);
    auto log1 = hn::LoadU(df, p + i + N);
    auto log2 = hn::LoadU(df, p + i + 2 * N);
    auto log3 = hn::LoadU(df, p + i + 3 * N);
    attnscope::HWY_NAMESPACE::Log2OfFour(df, log0, log1, log2, log3);
    const auto add = [&](auto log, size_t at) {
      hn::StoreU(hn::MulAdd(hn::LoadU(df, p + at), hn::Mul(log, unit), hn::LoadU(df, sums + at)), df, sums + at);
    };
    add(log0, i);
    add(log1, i + N);
    add(log2, i + 2 * N);
    add(log3, i + 3 * N);
  }
}

// How many of count weights, a multiple of the longest vector, have another mantissa than the portable one.
size_t MantissaMismatches(const float* p, size_t count) {
  const hn::ScalableTag<float> df;
  size_t mismatches = 0;
  for (size_t i = 0; i < count; i += hn::Lanes(df)) {
    const auto weights = hn::LoadU(df, p + i);
    const auto expected = attnscope::HWY_NAMESPACE::PortableMantissa(df, weights);
    mismatches += hn::Lanes(df) - hn::CountTrue(df, hn::Eq(attnscope::HWY_NAMESPACE::Mantissa(df, weights), expected));
  }
  return mismatches;
}

int64_t TargetOfThisCode() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace attnscope::test
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope::test {
namespace {

HWY_EXPORT(MantissaMismatches);
HWY_EXPORT(AddPLog2P);
HWY_EXPORT(TargetOfThisCode);

constexpr size_t kCount = 4096;

std::vector<float> PLog2P(const std::vector<float>& p) {
  std::vector<float> sums(p.size());
  HWY_DYNAMIC_DISPATCH(AddPLog2P)(p.data(), p.size(), sums.data());
  return sums;
}

float FloatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

using PLogPTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(PLogPTest);

TEST_P(PLogPTest, RunsTheForcedTarget) { EXPECT_EQ(HWY_DYNAMIC_DISPATCH(TargetOfThisCode)(), GetParam()); }

// The largest error of ln(p), beyond the roundings that no polynomial avoids: those of e + t, of log2(p) and of the
// product with p, each 2^-24 of log2(p).
double LargestError(const std::vector<float>& p) {
  double largest = 0.0;
  const std::vector<float> actual = PLog2P(p);
  for (size_t i = 0; i < p.size(); ++i) {
    // std::log2 in double is an oracle good to 1e-14, for errors of 1e-6.
    const double log2p = std::log2(static_cast<double>(p[i]));
    const double error = std::abs(static_cast<double>(actual[i]) / static_cast<double>(p[i]) - log2p);
    const double nats = std::log(2.0) * (error - 3.0 * 0x1p-24 * std::abs(log2p));
    if (std::isnan(nats)) return HUGE_VAL;
    largest = HWY_MAX(largest, nats);
  }
  return largest;
}

// The same over floats [begin, end) by bit pattern.
double LargestError(uint32_t begin, uint32_t end, uint32_t stride) {
  double largest = 0.0;
  std::vector<float> p(kCount);
  for (uint64_t first = begin; first < end; first += uint64_t{stride} * kCount) {
    for (size_t i = 0; i < kCount; ++i) {
      p[i] = FloatOf(static_cast<uint32_t>(HWY_MIN(first + i * stride, uint64_t{end} - 1)));
    }
    largest = HWY_MAX(largest, LargestError(p));
  }
  return largest;
}

// An instruction of its own on AVX-512: every 61st float32 from the smallest normal one to 2^64, and zero.
TEST_P(PLogPTest, MantissaIsThePortableOne) {
  constexpr uint32_t kFirst = 0x00800000u;
  constexpr uint32_t kLast = 0x5F800000u;
  std::vector<float> weights(4096, 0.0f);
  size_t filled = 0;
  size_t walked = 0;
  const auto check = [&] {
    ASSERT_EQ(HWY_DYNAMIC_DISPATCH(MantissaMismatches)(weights.data(), weights.size()), 0u);
    walked += filled;
    filled = 0;
  };
  check();
  for (uint32_t bits = kFirst; bits <= kLast; bits += 61) {
    memcpy(&weights[filled++], &bits, sizeof(bits));
    if (filled == weights.size()) check();
  }
  check();
  EXPECT_GT(walked, 20000000u);
}

// plogp-inl.h promises 1.54e-6 nats, and 1.44e-6 on AVX2. Its polynomials are computed in float32, which adds a few
// roundings of numbers below 1: together under 1e-7. As p times this error sums to it over the weights of a row, rows
// hold the contract of 2e-6.
double Bound(int64_t target) { return target == HWY_AVX2 ? 1.44e-6 : 1.54e-6; }
constexpr double kRoundings = 1e-7;

TEST_P(PLogPTest, ErrorBound) {
  constexpr uint32_t kOne = 0x3F800000;
  double largest = LargestError(kOne - (24u << 23), kOne + 1, kSlowBuild ? 1301 : 37);  // from 2^-24 to 1
  // Each mantissa of a few exponents: [0.5, 1], where the result is smaller than its parts, [0.25, 0.5] and
  // [2^-20, 2^-19].
  for (const uint32_t exponent : {1u, 2u, 20u}) {
    const uint32_t begin = kOne - (exponent << 23);
    largest = HWY_MAX(largest, LargestError(begin, begin + (1u << 23) + 1, kSlowBuild ? 61 : 1));
  }
  printf("[ observed ] p log p: largest error is %.4g nats\n", largest);
  RecordProperty("largest_error_nats", std::to_string(largest * 1e6) + "e-6");
  EXPECT_LE(largest, Bound(GetParam()) + kRoundings);
  EXPECT_GE(largest, 0.95 * Bound(GetParam())) << "better than documented: update the comment in plogp-inl.h";
}

// The four vectors have nothing in common, as neighbours above have.
TEST_P(PLogPTest, VectorsDoNotMix) {
  Random random(1);
  std::vector<float> p(kCount);
  for (int i = 0; i < 20; ++i) {
    for (float& weight : p) weight = FloatOf(0x3F800000u - static_cast<uint32_t>(random.Below(20u << 23)));
    EXPECT_LE(LargestError(p), Bound(GetParam()) + kRoundings);
  }
}

TEST_P(PLogPTest, PowersOfTwoAreExact) {
  std::vector<float> p(kCount, 1.0f);
  for (int exponent = 0; exponent <= 126; ++exponent) p[static_cast<size_t>(exponent)] = std::ldexp(1.0f, -exponent);
  const std::vector<float> actual = PLog2P(p);
  for (int exponent = 0; exponent <= 126; ++exponent) {
    EXPECT_EQ(actual[static_cast<size_t>(exponent)], -std::ldexp(static_cast<float>(exponent), -exponent)) << exponent;
  }
}

TEST_P(PLogPTest, ZeroAndOneAddExactlyNothing) {
  std::vector<float> p(kCount);
  for (size_t i = 0; i < kCount; ++i) p[i] = i % 3 == 0 ? 1.0f : 0.0f;
  std::vector<float> sums(kCount);
  for (size_t i = 0; i < kCount; ++i) sums[i] = -0.1f * static_cast<float>(i + 1);
  const std::vector<float> before = sums;
  HWY_DYNAMIC_DISPATCH(AddPLog2P)(p.data(), kCount, sums.data());
  EXPECT_EQ(sums, before);
}

TEST_P(PLogPTest, DenormalsVanish) {
  std::vector<float> p(kCount);
  for (size_t i = 0; i < kCount; ++i) p[i] = static_cast<float>(i * i * 500 + 1) * FLT_TRUE_MIN;
  const std::vector<float> actual = PLog2P(p);
  for (size_t i = 0; i < kCount; ++i) {
    const long double weight = p[i];
    EXPECT_TRUE(Within(static_cast<double>(actual[i]), weight * std::log2(weight), 3e-37L)) << p[i];
  }
}

// Weights above 1 are no probabilities, but rows that hold them are still measured.
TEST_P(PLogPTest, LargeWeights) {
  std::vector<float> p(kCount);
  for (size_t i = 0; i < kCount; ++i) {
    p[i] = std::ldexp(1.0f + static_cast<float>(i) / kCount, static_cast<int>(i % 121));
  }
  const std::vector<float> actual = PLog2P(p);
  for (size_t i = 0; i < kCount; ++i) {
    const long double weight = p[i];
    EXPECT_TRUE(Within(static_cast<double>(actual[i]), weight * std::log2(weight), 4e-6L * weight * 4.0L)) << p[i];
  }
}

}  // namespace
}  // namespace attnscope::test
#endif  // HWY_ONCE

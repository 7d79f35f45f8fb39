// SPDX-License-Identifier: Apache-2.0
#include "tools/files/float32.h"

#include <bit>
#include <cmath>
#include <limits>

namespace attnscope::tools {
namespace {

float Narrow(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // The cast alone would be undefined beyond float's range.
  if (std::abs(value) > kMax) return value > 0 ? kInfinity : -kInfinity;
  const auto narrow = static_cast<float>(value);
  return narrow == 0.0f && value < 0.0 ? -std::numeric_limits<float>::denorm_min() : narrow;
}

}  // namespace

void NarrowToFloat32(std::span<const double> from, float* to) {
  for (const double value : from) *to++ = Narrow(value);
}

float WidenHalf(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = bits >> 10 & 31;
  const uint32_t fraction = bits & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign == 0 ? magnitude : -magnitude;
}

float WidenBFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

}  // namespace attnscope::tools

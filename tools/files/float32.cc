// SPDX-License-Identifier: Apache-2.0
#include "tools/files/float32.h"

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

}  // namespace attnscope::tools

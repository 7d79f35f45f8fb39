// SPDX-License-Identifier: Apache-2.0
//
// How colours look: differences, contrast, and what colour-blind readers see. Included by tests of colours.
#ifndef ATTNSCOPE_TESTS_SUPPORT_COLOR_VISION_H_
#define ATTNSCOPE_TESTS_SUPPORT_COLOR_VISION_H_

#include <algorithm>
#include <array>
#include <cmath>

#include "render/draw/color.h"

namespace attnscope::render {

using Vec3 = std::array<double, 3>;

inline Vec3 LinearOf(const Color& color) {
  const auto linear = [](uint8_t channel) {
    const double c = channel / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return {linear(color.red), linear(color.green), linear(color.blue)};
}

inline Color SrgbOf(const Vec3& linear) {
  const auto stored = [](double c) {
    c = std::clamp(c, 0.0, 1.0);
    return static_cast<uint8_t>(
        std::lround(255.0 * (c <= 0.0031308 ? 12.92 * c : 1.055 * std::pow(c, 1 / 2.4) - 0.055)));
  };
  return {stored(linear[0]), stored(linear[1]), stored(linear[2])};
}

inline Vec3 Times(const std::array<Vec3, 3>& matrix, const Vec3& v) {
  Vec3 out = {};
  for (size_t i = 0; i < 3; ++i) out[i] = matrix[i][0] * v[0] + matrix[i][1] * v[1] + matrix[i][2] * v[2];
  return out;
}

inline Vec3 OklabOf(const Color& color) {
  Vec3 lms = Times({{{0.4122214708, 0.5363325363, 0.0514459929},
                     {0.2119034982, 0.6806995451, 0.1073969566},
                     {0.0883024619, 0.2817188376, 0.6299787005}}},
                   LinearOf(color));
  for (double& c : lms) c = std::cbrt(c);
  return Times({{{0.2104542553, 0.7936177850, -0.0040720468},
                 {1.9779984951, -2.4285922050, 0.4505937099},
                 {0.0259040371, 0.7827717662, -0.8086757660}}},
               lms);
}

inline double Distance(const Vec3& a, const Vec3& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

// Relative luminances as WCAG 2 compares them: 1 for equal colours, 21 for black on white.
inline double ContrastRatio(const Color& a, const Color& b) {
  const auto luminance = [](const Color& color) {
    const Vec3 c = LinearOf(color);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  };
  const double low = std::min(luminance(a), luminance(b));
  const double high = std::max(luminance(a), luminance(b));
  return (high + 0.05) / (low + 0.05);
}

enum class Vision { kNormal, kProtanopia, kDeuteranopia, kTritanopia };
inline constexpr std::array kAllVisions = {Vision::kNormal, Vision::kProtanopia, Vision::kDeuteranopia,
                                           Vision::kTritanopia};

// What a reader sees (Machado, Oliveira and Fernandes 2009, severity 1).
inline Color SeenBy(Vision vision, const Color& color) {
  switch (vision) {
    case Vision::kNormal:
      return color;
    case Vision::kProtanopia:
      return SrgbOf(
          Times({{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
                LinearOf(color)));
    case Vision::kDeuteranopia:
      return SrgbOf(
          Times({{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
                LinearOf(color)));
    case Vision::kTritanopia:
      break;
  }
  return SrgbOf(
      Times({{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}},
            LinearOf(color)));
}

}  // namespace attnscope::render

#endif  // ATTNSCOPE_TESTS_SUPPORT_COLOR_VISION_H_

// SPDX-License-Identifier: Apache-2.0
//
// The three element types written out by hand, apart from the kernels' conversions: what the oracle reads and what test
// inputs are stored with. Included by the tests of kernels.
#ifndef ATTNSCOPE_TESTS_SUPPORT_ELEMENTS_H_
#define ATTNSCOPE_TESTS_SUPPORT_ELEMENTS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "attnscope/attention_view.h"

namespace attnscope::test {

inline constexpr ElementType kAllTypes[] = {ElementType::kFloat32, ElementType::kFloat16, ElementType::kBFloat16};

inline const char* NameOf(ElementType type) {
  return type == ElementType::kFloat32 ? "float32" : type == ElementType::kFloat16 ? "float16" : "bfloat16";
}

// The exact value of a half's bit pattern: `exponent_bits` of exponent, the rest but the sign is mantissa.
inline long double ValueOfHalf(uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits & 0x7FFF) >> mantissa_bits;
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const long double sign = (bits & 0x8000) != 0 ? -1.0L : 1.0L;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa == 0 ? sign * std::numeric_limits<long double>::infinity()
                         : std::numeric_limits<long double>::quiet_NaN();
  }
  const int implicit = exponent == 0 ? 0 : 1 << mantissa_bits;
  return sign * std::ldexp(static_cast<long double>(implicit + mantissa),
                           (exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
}

// The bit pattern nearest to `value`, ties to even.
inline uint16_t NearestHalf(float value, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int sign = std::signbit(value) ? 0x8000 : 0;
  const int infinity = ((1 << exponent_bits) - 1) << mantissa_bits;
  if (std::isnan(value)) return static_cast<uint16_t>(sign | infinity | 1);
  if (value == 0.0f) return static_cast<uint16_t>(sign);
  if (std::isinf(value)) return static_cast<uint16_t>(sign | infinity);
  const double magnitude = std::abs(static_cast<double>(value));
  const int exponent = std::max(std::ilogb(magnitude), 1 - bias);
  // In units of the last place; a carry into the next power of two comes out right as it overflows the mantissa.
  const int units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent)));
  const int bits = ((exponent + bias - 1) << mantissa_bits) + units;
  return static_cast<uint16_t>(sign | std::min(bits, infinity));
}

inline int ExponentBits(ElementType type) { return type == ElementType::kFloat16 ? 5 : 8; }

// Element [index] of an array, exactly.
inline long double LoadElement(ElementType type, const void* from, size_t index) {
  const uint8_t* bytes = static_cast<const uint8_t*>(from) + index * ElementBytes(type);
  if (type == ElementType::kFloat32) {
    float value;
    std::memcpy(&value, bytes, sizeof(value));
    return static_cast<long double>(value);
  }
  uint16_t half;
  std::memcpy(&half, bytes, sizeof(half));
  return ValueOfHalf(half, ExponentBits(type));
}

// Stores the nearest element to `value`.
inline void StoreElement(ElementType type, float value, void* to, size_t index) {
  uint8_t* bytes = static_cast<uint8_t*>(to) + index * ElementBytes(type);
  if (type == ElementType::kFloat32) {
    std::memcpy(bytes, &value, sizeof(value));
    return;
  }
  const uint16_t half = NearestHalf(value, ExponentBits(type));
  std::memcpy(bytes, &half, sizeof(half));
}

inline void StoreElements(ElementType type, std::span<const float> values, void* to) {
  for (size_t i = 0; i < values.size(); ++i) StoreElement(type, values[i], to, i);
}

inline std::vector<long double> LoadElements(ElementType type, const void* from, size_t count) {
  std::vector<long double> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = LoadElement(type, from, i);
  return values;
}

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_ELEMENTS_H_

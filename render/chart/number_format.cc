// SPDX-License-Identifier: Apache-2.0
#include "render/chart/number_format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace attnscope::render {
namespace {

constexpr std::string_view kMinus = "−";
constexpr std::array<std::string_view, 10> kSuperscripts = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
constexpr double kManyDigits = 1e6;  // numbers from here on have seven digits before the point

std::string WithMinus(std::string_view digits) {
  std::string text;
  if (digits.starts_with('-')) {
    text = kMinus;
    digits.remove_prefix(1);
  }
  return text.append(digits);
}

std::string ToChars(double value, std::chars_format format, int decimals) {
  std::array<char, 400> buffer = {};  // 301 digits before the point, and up to 17 after it
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, decimals);
  return {buffer.data(), result.ptr};
}

}  // namespace

std::string FormatFixed(double value, int decimals) {
  const std::string digits = ToChars(value, std::chars_format::fixed, decimals);
  const bool is_zero = digits.find_first_not_of("-0.") == std::string::npos;
  return is_zero && digits.front() == '-' ? digits.substr(1) : WithMinus(digits);
}

std::string FormatCompact(double value, int decimals) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return WithMinus(value > 0.0 ? "inf" : "-inf");
  const bool shows_zeros = value != 0.0 && std::abs(value) < 0.5 * std::pow(10.0, -decimals);
  if (!shows_zeros && std::abs(value) < kManyDigits) return FormatFixed(value, decimals);
  const std::string digits = ToChars(value, std::chars_format::scientific, 1);  // "-1.2e-07"
  const size_t e = digits.find('e');
  const int exponent = std::stoi(digits.substr(e + 1));
  return WithMinus(digits.substr(0, e)) + "e" + FormatInteger(exponent);
}

std::string FormatInteger(int64_t value) { return WithMinus(std::to_string(value)); }

std::string PowerOfTen(int exponent) {
  std::string text = exponent < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(exponent))) text += kSuperscripts[static_cast<size_t>(digit - '0')];
  return text;
}

}  // namespace attnscope::render

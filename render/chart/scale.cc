// SPDX-License-Identifier: Apache-2.0
#include "render/chart/scale.h"

#include <algorithm>
#include <cmath>

namespace attnscope::render {
namespace {

constexpr double kEqualSpan = 0.2;         // of the magnitude, where all values are equal
constexpr double kMinRelativeSpan = 1e-4;  // of the magnitude
constexpr double kMinSpan = 1e-290;
constexpr double kMinLogSpan = 0.3;  // decades: a factor of two

// Stretches the values to the whole axis, of which they leave the margins free.
void AddMargins(double margin_low, double margin_high, double* low, double* high) {
  const double length = (*high - *low) / (1.0 - margin_low - margin_high);
  *low -= margin_low * length;
  *high += margin_high * length;
}

void WidenTo(double span, double* low, double* high) {
  if (*high - *low >= span) return;
  const double middle = 0.5 * *low + 0.5 * *high;
  *low = middle - 0.5 * span;
  *high = middle + 0.5 * span;
}

}  // namespace

double Scale::Fraction(double value) const {
  if (!log) return (value - low) / (high - low);
  if (!(value > 0.0)) return 0.0;
  const double origin = std::log10(low);
  return (std::log10(std::max(value, kSmallestLogValue)) - origin) / (std::log10(high) - origin);
}

Scale FitLinear(double low, double high, double margin_low, double margin_high) {
  const double magnitude = std::max(std::abs(low), std::abs(high));
  if (low == high) {
    if (magnitude > kMinSpan) {
      WidenTo(kEqualSpan * magnitude, &low, &high);
    } else {
      high = low + 1.0;
    }
  } else {
    WidenTo(std::max(kMinRelativeSpan * magnitude, kMinSpan), &low, &high);
  }
  AddMargins(margin_low, margin_high, &low, &high);
  return {low, high, false};
}

Scale FitLog(double low, double high, double margin_low, double margin_high) {
  double log_low = std::log10(std::max(low, kSmallestLogValue));
  double log_high = std::log10(std::max(high, kSmallestLogValue));
  WidenTo(kMinLogSpan, &log_low, &log_high);
  AddMargins(margin_low, margin_high, &log_low, &log_high);
  return {std::pow(10.0, std::max(log_low, -305.0)), std::pow(10.0, std::min(log_high, 305.0)), true};
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "tools/output/table_cells.h"

#include <array>
#include <charconv>
#include <cmath>

namespace attnscope::tools {
namespace {

std::string Number(double value, std::chars_format format, int precision) {
  std::array<char, 400> text;  // the longest double in fixed notation has 309 digits before the point
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  return {text.data(), end.ptr};
}

}  // namespace

std::string ValueText(Metric metric, const MetricValues& values) {
  const double value = values[metric];
  if (std::isnan(value)) return values.IsGivenAsNaN(metric) ? "NaN" : "-";
  if (InfoOf(metric).is_count) return Number(value, std::chars_format::fixed, 0);
  const double magnitude = std::abs(value);
  if (magnitude >= 1e6 || (magnitude < 0.0005 && magnitude > 0.0)) {
    return Number(value, std::chars_format::scientific, 1);
  }
  return Number(value, std::chars_format::fixed, InfoOf(metric).digits);
}

std::string Paint(std::string text, Severity severity, bool color) {
  if (!color || severity == Severity::kHealthy) return text;
  return (severity == Severity::kCritical ? "\033[1;31m" : "\033[33m") + std::move(text) + "\033[0m";
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace attnscope::tools {
namespace {

constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string_view BlockOf(double value, const SparkRange& range) {
  if (std::isnan(value)) return " ";
  if (!(range.high > range.low)) return value > range.high ? kBlocks.back() : kBlocks[kBlocks.size() / 2 - 1];
  const double share = std::clamp((value - range.low) / (range.high - range.low), 0.0, 1.0);
  return kBlocks[static_cast<size_t>(std::lround(share * static_cast<double>(kBlocks.size() - 1)))];
}

}  // namespace

void SparkRange::Widen(std::span<const double> values) {
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
}

std::string Sparkline(std::span<const double> values, const SparkRange& range, size_t width) {
  const size_t characters = std::min(width, values.size());
  std::string line(width - characters, ' ');
  for (size_t i = 0; i < characters; ++i) {
    const size_t begin = i * values.size() / characters;
    size_t last = (i + 1) * values.size() / characters - 1;
    while (last > begin && std::isnan(values[last])) --last;
    line += BlockOf(values[last], range);
  }
  return line;
}

}  // namespace attnscope::tools

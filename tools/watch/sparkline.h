// SPDX-License-Identifier: Apache-2.0
//
// Curves of one line of text.
#ifndef ATTNSCOPE_TOOLS_WATCH_SPARKLINE_H_
#define ATTNSCOPE_TOOLS_WATCH_SPARKLINE_H_

#include <cstddef>
#include <limits>
#include <span>
#include <string>

namespace attnscope::tools {

// The values between which a sparkline rises.
struct SparkRange {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Widen(std::span<const double> values);  // by those that are finite
};

// `width` characters, of which each stands for as many values and shows the last one that is measured: a block of an
// eighth of the line at `range.low`, a full one at `range.high` and for what is higher or infinite, a space for NaN.
// Fewer values than `width` have a character each, behind spaces.
std::string Sparkline(std::span<const double> values, const SparkRange& range, size_t width);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_WATCH_SPARKLINE_H_

// SPDX-License-Identifier: Apache-2.0
//
// Where an axis has its ticks, and what they say. Pure functions: the same on every machine.
#ifndef ATTNSCOPE_RENDER_CHART_TICKS_H_
#define ATTNSCOPE_RENDER_CHART_TICKS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace attnscope::render {

struct Tick {
  double value = 0.0;
  std::string label;
};

// Ascending, and within the range that was asked for.
struct Ticks {
  std::vector<Tick> major;
  std::vector<double> minor;  // no label; none of them is a major one
  // Labels are the values divided by 10^exponent: zero unless the values are at least 1e6 or below 1e-4.
  int exponent = 0;
};

// At most `max_count` (at least 2) multiples of 1, 2 or 5 times a power of ten. No ticks unless low < high, both are
// finite, and high - low is at least 1e-9 of the larger magnitude.
Ticks LinearTicks(double low, double high, int max_count);

// For a logarithmic axis, 0 < low < high, at most `max_count` (at least 2) major ticks. Above about two decades they
// are powers of ten, every second or n-th of them if there are many; below, 1, 2 and 5 times powers of ten; over less
// than a decade, if those are too few, round numbers as on a linear axis. Minor ticks are the other multiples of the
// powers of ten, where they do not crowd, or the powers left out.
Ticks LogTicks(double low, double high, int max_count);

// At most `max_count` (at least 1) whole numbers in [low, high]: multiples of a round step, or `low` if no such
// multiple is in the range. low <= high.
std::vector<int64_t> IntegerTicks(int64_t low, int64_t high, int max_count);

// Two linear axes side by side whose ticks are at the same places: both axes begin with the first tick and end with the
// last, and both have the same number of ticks.
struct SharedTicks {
  Ticks left;
  Ticks right;
};

// For data in [left_low, left_high] and [right_low, right_high], each within the conditions of LinearTicks: at most
// `max_count` (at least 4) ticks, whose count is chosen so that the data fill both axes well.
SharedTicks TwinTicks(double left_low, double left_high, double right_low, double right_high, int max_count);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_TICKS_H_

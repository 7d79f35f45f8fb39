// SPDX-License-Identifier: Apache-2.0
#include "render/chart/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "render/chart/number_format.h"

namespace attnscope::render {
namespace {

// Data that end within this share of a step beyond a tick count as ending there.
constexpr double kSlack = 1e-6;
constexpr double kMinRelativeSpan = 1e-9;
// A logarithmic axis longer than this shows powers of ten only.
constexpr double kManyDecades = 2.25;
// Labels outside these magnitudes are divided by a power of ten.
constexpr int kLargeExponent = 6;
constexpr int kSmallExponent = -4;

// value * 10^exponent, rounded once for |exponent| <= 22, so that a tick at 0.3 is the double nearest to 0.3.
double Scaled(double value, int exponent) {
  return exponent < 0 ? value / std::pow(10.0, -exponent) : value * std::pow(10.0, exponent);
}

int ExponentOf(double value) { return static_cast<int>(std::floor(std::log10(std::abs(value)))); }

// mantissa * 10^exponent
struct Step {
  int mantissa = 1;
  int exponent = 0;

  double value() const { return Scaled(mantissa, exponent); }
};

// The smallest round step that is at least `least`; 25 stands for 2.5 where allowed.
Step RoundStep(double least, bool allow_quarters) {
  const int exponent = ExponentOf(least);
  const double limit = least * (1.0 - kSlack);
  for (const int mantissa : {10, 20, 25, 50}) {
    if (mantissa == 25 && !allow_quarters) continue;
    if (Scaled(mantissa, exponent - 1) < limit) continue;
    return mantissa == 25 ? Step{25, exponent - 1} : Step{mantissa / 10, exponent};
  }
  return {1, exponent + 1};
}

// Ticks at first * step, ..., last * step.
Ticks TicksAt(const Step& step, double first, double last) {
  Ticks ticks;
  const double largest = std::max(std::abs(first), std::abs(last)) * step.value();
  const int exponent = largest > 0.0 ? ExponentOf(largest * (1.0 + kSlack)) : 0;
  if (exponent >= kLargeExponent || exponent < kSmallExponent) ticks.exponent = exponent;
  const int decimals = std::max(0, ticks.exponent - step.exponent);
  for (double i = first; i <= last; ++i) {
    const double multiple = i * step.mantissa;
    ticks.major.push_back(
        {Scaled(multiple, step.exponent), FormatFixed(Scaled(multiple, step.exponent - ticks.exponent), decimals)});
  }
  return ticks;
}

bool IsUsable(double low, double high) {
  return std::isfinite(low) && std::isfinite(high) && low < high &&
         high - low >= kMinRelativeSpan * std::max(std::abs(low), std::abs(high));
}

bool IsInside(double value, double low, double high) {
  return low * (1.0 - kSlack) <= value && value <= high * (1.0 + kSlack);
}

std::string LogLabel(int multiple, int exponent) {
  if (kSmallExponent <= exponent && exponent < kLargeExponent) {
    return FormatFixed(Scaled(multiple, exponent), std::max(0, -exponent));
  }
  return (multiple == 1 ? std::string() : std::to_string(multiple) + "×") + PowerOfTen(exponent);
}

// Powers of ten, thinned out to at most `max_count`.
Ticks DecadeTicks(double low, double high, int max_count) {
  Ticks ticks;
  const int first = static_cast<int>(std::ceil(std::log10(low) - kSlack));
  const int last = static_cast<int>(std::floor(std::log10(high) + kSlack));
  int stride = 1;
  for (const int candidate : {1, 2, 5, 10, 20, 50, 100, 200, 500}) {
    stride = candidate;
    if ((last - first) / stride + 1 <= max_count) break;
  }
  const bool has_room = stride == 1 && 2 * (last - first) <= max_count;
  const bool has_minor = last - first <= 6 * max_count;
  for (int exponent = first - 1; exponent <= last; ++exponent) {
    const bool is_major = exponent % stride == 0;
    for (int multiple = 1; multiple <= (has_room ? 9 : 1); ++multiple) {
      const double value = Scaled(multiple, exponent);
      if (!IsInside(value, low, high)) continue;
      if (multiple == 1 && is_major) {
        ticks.major.push_back({value, PowerOfTen(exponent)});
      } else if (has_minor) {
        ticks.minor.push_back(value);
      }
    }
  }
  return ticks;
}

// Those of 1 to 9 times powers of ten that `is_major` chooses are major, the others minor.
template <typename IsMajor>
Ticks MultipleTicks(double low, double high, const IsMajor& is_major) {
  Ticks ticks;
  for (int exponent = ExponentOf(low) - 1; exponent <= ExponentOf(high) + 1; ++exponent) {
    for (int multiple = 1; multiple <= 9; ++multiple) {
      const double value = Scaled(multiple, exponent);
      if (!IsInside(value, low, high)) continue;
      if (is_major(multiple)) {
        ticks.major.push_back({value, LogLabel(multiple, exponent)});
      } else {
        ticks.minor.push_back(value);
      }
    }
  }
  return ticks;
}

// The ticks of one of two twin axes: `intervals` steps that hold the data.
struct Fit {
  Step step;
  double first = 0.0;  // in steps
  double filled = 0.0;
};

Fit FitIntervals(double low, double high, int intervals) {
  Fit fit;
  double least = (high - low) / intervals;
  for (;;) {
    fit.step = RoundStep(least, true);
    const double step = fit.step.value();
    fit.first = std::floor(low / step + kSlack);
    if ((fit.first + intervals) * step >= high - kSlack * step) {
      fit.filled = (high - low) / (intervals * step);
      return fit;
    }
    least = step * 1.01;
  }
}

}  // namespace

Ticks LinearTicks(double low, double high, int max_count) {
  if (!IsUsable(low, high)) return {};
  // A range of n steps holds n + 1 ticks when it begins with one.
  Step step = RoundStep((high - low) / max_count, false);
  for (;;) {
    const double first = std::ceil(low / step.value() - kSlack);
    const double last = std::floor(high / step.value() + kSlack);
    if (last - first + 1.0 <= max_count) return TicksAt(step, first, last);
    step = RoundStep(step.value() * 1.01, false);
  }
}

Ticks LogTicks(double low, double high, int max_count) {
  if (!(low > 0.0) || !std::isfinite(high) || !(low < high)) return {};
  if (std::log10(high) - std::log10(low) >= kManyDecades) return DecadeTicks(low, high, max_count);
  const auto has_fitting_count = [&](const Ticks& ticks) {
    return ticks.major.size() >= 3 && ticks.major.size() <= static_cast<size_t>(max_count);
  };
  Ticks ticks = MultipleTicks(low, high, [](int m) { return m == 1 || m == 2 || m == 5; });
  if (has_fitting_count(ticks)) return ticks;
  if (ticks.major.size() >= 3) return MultipleTicks(low, high, [](int m) { return m == 1; });
  return LinearTicks(low, high, max_count);
}

std::vector<int64_t> IntegerTicks(int64_t low, int64_t high, int max_count) {
  const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  for (uint64_t power = 1;; power *= 10) {
    for (const uint64_t mantissa : {1U, 2U, 5U}) {
      const uint64_t step = mantissa * power;
      // From `low` up to the first multiple.
      const uint64_t magnitude = low < 0 ? 0 - static_cast<uint64_t>(low) : static_cast<uint64_t>(low);
      const uint64_t offset = low < 0 ? magnitude % step : (step - magnitude % step) % step;
      const bool is_largest = step >= uint64_t{5000000000000000000};
      if (offset > span) return {low};
      const uint64_t last = (span - offset) / step;
      if (last >= static_cast<uint64_t>(max_count) && !is_largest) continue;
      std::vector<int64_t> ticks;
      for (uint64_t i = 0; i <= last && i < static_cast<uint64_t>(max_count); ++i) {
        ticks.push_back(static_cast<int64_t>(static_cast<uint64_t>(low) + offset + i * step));
      }
      return ticks;
    }
  }
}

SharedTicks TwinTicks(double left_low, double left_high, double right_low, double right_high, int max_count) {
  if (!IsUsable(left_low, left_high) || !IsUsable(right_low, right_high)) return {};
  Fit left;
  Fit right;
  int intervals = 0;
  for (int n = 3; n < std::max(max_count, 4); ++n) {
    const Fit l = FitIntervals(left_low, left_high, n);
    const Fit r = FitIntervals(right_low, right_high, n);
    if (std::min(l.filled, r.filled) + 0.01 * n <= std::min(left.filled, right.filled) + 0.01 * intervals) continue;
    left = l;
    right = r;
    intervals = n;
  }
  return {TicksAt(left.step, left.first, left.first + intervals),
          TicksAt(right.step, right.first, right.first + intervals)};
}

}  // namespace attnscope::render

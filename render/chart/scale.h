// SPDX-License-Identifier: Apache-2.0
//
// From values to places along an axis.
#ifndef ATTNSCOPE_RENDER_CHART_SCALE_H_
#define ATTNSCOPE_RENDER_CHART_SCALE_H_

#include <algorithm>

namespace attnscope::render {

// Magnitudes beyond these are drawn as these, so that no range overflows or loses its digits.
inline constexpr double kLargestValue = 1e300;
inline constexpr double kSmallestLogValue = 1e-300;
inline double Clamped(double value) { return std::clamp(value, -kLargestValue, kLargestValue); }

// The range of an axis, low < high; on a logarithmic one both are above zero.
struct Scale {
  double low = 0.0;
  double high = 1.0;
  bool log = false;

  // Where a value is, from 0 at `low` to 1 at `high`; outside for values that are. On a logarithmic axis, values that
  // have no logarithm are at 0.
  double Fraction(double value) const;
};

// An axis for values from `low` to `high` (low <= high, finite, magnitudes up to kLargestValue) that leaves the shares
// `margin_low` and `margin_high` of its length free at its ends. Equal or almost equal values get a range wide enough
// for labels with few digits.
Scale FitLinear(double low, double high, double margin_low, double margin_high);

// The same on a logarithmic axis; 0 < low.
Scale FitLog(double low, double high, double margin_low, double margin_high);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_SCALE_H_

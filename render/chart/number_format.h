// SPDX-License-Identifier: Apache-2.0
//
// Numbers as text for ticks and value labels, with a true minus sign. The same on every machine and in every locale.
#ifndef ATTNSCOPE_RENDER_CHART_NUMBER_FORMAT_H_
#define ATTNSCOPE_RENDER_CHART_NUMBER_FORMAT_H_

#include <cstdint>
#include <string>

namespace attnscope::render {

// With exactly `decimals` digits after the point, correctly rounded; a zero has no sign. |value| <= 1e300.
std::string FormatFixed(double value, int decimals);

// The same, but as "1.2e−7" or "3.4e9" where a fixed notation would show only zeros, or seven digits and more before
// the point; "inf" and "NaN" are words.
std::string FormatCompact(double value, int decimals);

std::string FormatInteger(int64_t value);

// "10⁻²"
std::string PowerOfTen(int exponent);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_NUMBER_FORMAT_H_

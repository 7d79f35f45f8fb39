// SPDX-License-Identifier: Apache-2.0
//
// Text of reports, as HTML and as JSON within HTML. Nothing of it can end an element, or be one.
#ifndef ATTNSCOPE_PAGE_PAGE_TEXT_H_
#define ATTNSCOPE_PAGE_PAGE_TEXT_H_

#include <string>
#include <string_view>

#include "attnscope/metrics.h"

namespace attnscope::page {

// As the text of an element or the value of an attribute in double quotes: the five characters that mean something
// there are references, control characters become spaces, and bytes that are no UTF-8 become U+FFFD.
std::string Escaped(std::string_view text);

// The same text in quotes as JSON, in which no "<" stands.
std::string JsonText(std::string_view text);

// With four digits; "" for NaN.
std::string NumberText(double value);
// Of one metric: "NaN" where it was given as that.
std::string NumberText(const MetricValues& values, Metric metric);

}  // namespace attnscope::page

#endif  // ATTNSCOPE_PAGE_PAGE_TEXT_H_

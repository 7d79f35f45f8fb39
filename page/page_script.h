// SPDX-License-Identifier: Apache-2.0
//
// What moves in a page: sorting, filtering, and the value under the pointer.
#ifndef ATTNSCOPE_PAGE_PAGE_SCRIPT_H_
#define ATTNSCOPE_PAGE_PAGE_SCRIPT_H_

#include <string_view>

namespace attnscope::page {

// Reads the regions of figures from the element #regions, {name: [region, ...]}. Nothing of a report is ever taken for
// HTML: all text is set as text.
extern const std::string_view kScript;

}  // namespace attnscope::page

#endif  // ATTNSCOPE_PAGE_PAGE_SCRIPT_H_

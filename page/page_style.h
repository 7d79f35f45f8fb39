// SPDX-License-Identifier: Apache-2.0
//
// The style sheet of a page.
#ifndef ATTNSCOPE_PAGE_PAGE_STYLE_H_
#define ATTNSCOPE_PAGE_PAGE_STYLE_H_

#include <string>

namespace attnscope::page {

// Figures are drawn for light backgrounds; where the reader's system is dark, rules give each of their colours the one
// that it has in figures for dark backgrounds. Print is always light.
std::string StyleSheet();

}  // namespace attnscope::page

#endif  // ATTNSCOPE_PAGE_PAGE_STYLE_H_

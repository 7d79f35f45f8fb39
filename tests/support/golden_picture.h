// SPDX-License-Identifier: Apache-2.0
//
// Comparing pictures with stored ones, to the last bit. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_GOLDEN_PICTURE_H_
#define ATTNSCOPE_TESTS_SUPPORT_GOLDEN_PICTURE_H_

#include <string>
#include <vector>

#include "attnscope/figure.h"

namespace attnscope {

// Draws the figure and compares it with tests/data/NAME.png. Where they differ, the test fails, and leaves the new
// picture and one of the differences in the temporary folder: look at them, and let the new one replace the stored one
// if the change is meant.
void ExpectGoldenOf(const std::string& name, FigureKind kind, const FigureData& data, const FigureOptions& options);
inline void ExpectGolden(const std::string& name, FigureKind kind, const std::vector<Report>& reports,
                         const FigureOptions& options) {
  ExpectGoldenOf(name, kind, {.reports = reports}, options);
}

}  // namespace attnscope

#endif  // ATTNSCOPE_TESTS_SUPPORT_GOLDEN_PICTURE_H_

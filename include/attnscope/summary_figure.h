// SPDX-License-Identifier: Apache-2.0
//
// The six-panel picture of one report in one call; attnscope/figure.h has the other figures and SVG. Link
// attnscope::render.
#ifndef ATTNSCOPE_SUMMARY_FIGURE_H_
#define ATTNSCOPE_SUMMARY_FIGURE_H_

#include "attnscope/export.h"
#include "attnscope/figure.h"

namespace attnscope {

// RenderFigure of FigureKind::kSummary.
ATTNSCOPE_EXPORT Status RenderSummary(const Report& report, const FigureOptions& options, Image* out);

}  // namespace attnscope

#endif  // ATTNSCOPE_SUMMARY_FIGURE_H_

// SPDX-License-Identifier: Apache-2.0
//
// The six-panel summary as drawing commands.
#ifndef ATTNSCOPE_RENDER_FIGURES_SUMMARY_H_
#define ATTNSCOPE_RENDER_FIGURES_SUMMARY_H_

#include "attnscope/report.h"
#include "render/draw/canvas.h"
#include "render/figures/figure_look.h"

namespace attnscope::render {

// Draws the report on a canvas of width x height layout units. The background is the caller's.
void DrawSummary(const Report& report, const FigureLook& look, double width, double height, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_SUMMARY_H_

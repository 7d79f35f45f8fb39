// SPDX-License-Identifier: Apache-2.0
//
// Maps of layers by heads as drawing commands.
#ifndef ATTNSCOPE_RENDER_FIGURES_HEADS_H_
#define ATTNSCOPE_RENDER_FIGURES_HEADS_H_

#include "attnscope/report.h"
#include "render/draw/canvas.h"
#include "render/figures/figure_look.h"

namespace attnscope::render {

// Draws normalized entropy, max row weight and sink mass of every head on a canvas of width x height layout units. The
// background is the caller's. Without heads it says that they are not measured.
void DrawHeads(const Report& report, const FigureLook& look, double width, double height, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_HEADS_H_

// SPDX-License-Identifier: Apache-2.0
//
// Metrics over time as drawing commands.
#ifndef ATTNSCOPE_RENDER_FIGURES_HISTORY_H_
#define ATTNSCOPE_RENDER_FIGURES_HISTORY_H_

#include <cstddef>
#include <span>

#include "attnscope/report.h"
#include "render/draw/canvas.h"
#include "render/draw/color.h"
#include "render/figures/figure_look.h"

namespace attnscope::render {

// The part of the colour map that stands out from a background.
struct DepthColors {
  int first_step;
  int last_step;

  // Of the layer with this index.
  Color Of(size_t layer, size_t layers) const;
};

DepthColors DepthColorsOn(const Color& background);

// Draws every metric that a report has measured, over time, on a canvas of width x height layout units. The background
// is the caller's. `reports` in any order, at least one; layers may differ from one to the next.
void DrawHistory(std::span<const Report> reports, const FigureLook& look, double width, double height, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_HISTORY_H_

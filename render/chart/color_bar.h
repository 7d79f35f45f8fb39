// SPDX-License-Identifier: Apache-2.0
//
// The bar beside a figure that tells which value a colour stands for.
#ifndef ATTNSCOPE_RENDER_CHART_COLOR_BAR_H_
#define ATTNSCOPE_RENDER_CHART_COLOR_BAR_H_

#include <string>
#include <vector>

#include "render/chart/style.h"
#include "render/chart/ticks.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

// A colour that stands for something else than a value.
struct Swatch {
  std::string label;
  Color color;
};

struct ColorBar {
  std::string title;
  // From bottom to top: steps of the colour map.
  int first_step = 0;
  int last_step = 0;
  std::vector<Tick> ticks;            // `value` is the height, from 0 at the bottom to 1
  std::vector<Swatch> swatches = {};  // below the bar
};

// How wide a bar is, with all that stands beside it.
double ColorBarWidth(const ColorBar& bar, const Style& style);

// Draws it from top to bottom of a box of that width.
void DrawColorBar(const ColorBar& bar, const Style& style, const Box& box, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_COLOR_BAR_H_

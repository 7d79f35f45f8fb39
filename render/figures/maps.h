// SPDX-License-Identifier: Apache-2.0
//
// Attention matrices, layers by heads, as drawing commands.
#ifndef ATTNSCOPE_RENDER_FIGURES_MAPS_H_
#define ATTNSCOPE_RENDER_FIGURES_MAPS_H_

#include <span>

#include "attnscope/attention_map.h"
#include "attnscope/report.h"
#include "render/draw/canvas.h"
#include "render/figures/figure_look.h"

namespace attnscope::render {

// Draws maps that ascend by layer, then by head, at least one: a row for each layer and a column for each head, or,
// where that makes them larger, each layer's heads over several rows. Colours are logarithmic and the same for all.
// `report`, which may be null, decides which heads are marked, and what stands under the title. The background is the
// caller's.
void DrawMaps(std::span<const AttentionMap> maps, const Report* report, const FigureLook& look, double width,
              double height, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_MAPS_H_

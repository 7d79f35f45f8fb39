// SPDX-License-Identifier: Apache-2.0
//
// Attention received by key position as drawing commands.
#ifndef ATTNSCOPE_RENDER_FIGURES_KEYS_H_
#define ATTNSCOPE_RENDER_FIGURES_KEYS_H_

#include <span>

#include "attnscope/key_profile.h"
#include "attnscope/report.h"
#include "render/draw/canvas.h"
#include "render/figures/figure_look.h"

namespace attnscope::render {

// Draws one panel for each profile, whose layers ascend: its mean over heads, and the largest head where one is told.
// All have the same vertical axis. `report`, which may be null, decides what stands under the title. At most
// kMostProfiles of attnscope/figure.h; the background is the caller's.
void DrawKeys(std::span<const KeyProfile> profiles, const Report* report, const FigureLook& look, double width,
              double height, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_KEYS_H_

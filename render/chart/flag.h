// SPDX-License-Identifier: Apache-2.0
//
// The marks of severities. Shape and colour both tell them apart: a filled triangle is critical, a hollow one a
// warning.
#ifndef ATTNSCOPE_RENDER_CHART_FLAG_H_
#define ATTNSCOPE_RENDER_CHART_FLAG_H_

#include <cstddef>

#include "attnscope/diagnosis.h"
#include "render/chart/theme.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

// A position of a panel's horizontal axis that verdicts are about.
struct Flag {
  size_t index = 0;  // of the panel's positions
  Severity severity = Severity::kWarning;
  // Of the position as a whole, not only of a part of it: what lies behind it is shaded.
  Severity whole = Severity::kHealthy;
};

// Draws the mark of a severity, `size` wide; a tick for kHealthy.
void DrawFlag(Severity severity, Point center, double size, const Color& color, Canvas* canvas);

// A ring around a point of a curve: one line for a warning, a thicker one for a critical verdict.
void DrawRing(Severity severity, Point center, double size, const Theme& theme, Canvas* canvas);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_FLAG_H_

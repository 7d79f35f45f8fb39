// SPDX-License-Identifier: Apache-2.0
//
// The outline of a stroked line.
#ifndef ATTNSCOPE_RENDER_DRAW_STROKE_H_
#define ATTNSCOPE_RENDER_DRAW_STROKE_H_

#include <cstdint>

#include "render/draw/path.h"

namespace attnscope::render {

enum class Cap : uint8_t { kButt, kRound };

// How a line is drawn. Joins are always round.
struct Stroke {
  double width = 1.0;
  Cap cap = Cap::kRound;
  // Lengths of a dash and of the gap after it; no dashes if either is zero.
  double dash = 0.0;
  double gap = 0.0;
};

// How curves and bounds that lie close together differ in black and white, too.
enum class Dashes : uint8_t { kNone, kLong, kMedium, kShort };

// A line of this width with the dashes, whose lengths grow with the width.
Stroke StrokeOf(Dashes dashes, double width);

// Appends closed contours, all turning the common way of Path, whose union (non-zero rule) is the stroked line. All
// lengths are in pixels; round joins leave the true circle by at most 0.05. Dashes begin with the first point of each
// contour and have the stroke's caps. A contour of no length is a dot if the caps are round.
void Outline(const Polylines& lines, const Stroke& stroke, Polylines* out);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_STROKE_H_

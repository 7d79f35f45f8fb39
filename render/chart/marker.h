// SPDX-License-Identifier: Apache-2.0
//
// The marks that stand for single points of a curve.
#ifndef ATTNSCOPE_RENDER_CHART_MARKER_H_
#define ATTNSCOPE_RENDER_CHART_MARKER_H_

#include <cstdint>

#include "render/draw/path.h"

namespace attnscope::render {

enum class Marker : uint8_t {
  kCircle,
  kSquare,
  kTriangle,
  kDiamond,   // narrow
  kDownwards  // a triangle that points down: the value is below the axis
};

// What a marker covers.
Box MarkerBox(Marker marker, Point center, double size);

// Appends a marker of about this width and height. The shapes differ a little, so that they look equally large.
void AddMarker(Marker marker, Point center, double size, Path* path);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_MARKER_H_

// SPDX-License-Identifier: Apache-2.0
//
// The marks that stand for single points of a curve. Included by curves and legends.
#ifndef ATTNSCOPE_RENDER_MARKER_H_
#define ATTNSCOPE_RENDER_MARKER_H_

#include <cstdint>

#include "render/path.h"

namespace attnscope::render {

enum class Marker : uint8_t {
  kCircle,
  kSquare,
  kTriangle,
  kDiamond,   // narrow
  kDownwards  // a triangle that points down: the value is below the axis
};

// Appends a marker that fits, within a fifth, a square of this size around its centre.
void AddMarker(Marker marker, Point center, double size, Path* path);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_MARKER_H_

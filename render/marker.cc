// SPDX-License-Identifier: Apache-2.0
#include "render/marker.h"

#include <array>

namespace attnscope::render {

void AddMarker(Marker marker, Point center, double size, Path* path) {
  const double r = 0.5 * size;
  const auto [x, y] = center;
  switch (marker) {
    case Marker::kCircle:
      path->AddCircle(center, r);
      break;
    case Marker::kSquare:
      path->AddBox(Box{x, y, x, y}.Grown(0.95 * r));
      break;
    case Marker::kTriangle:
      path->AddPolygon(std::array<Point, 3>{{{x, y - 1.15 * r}, {x + 1.1 * r, y + r}, {x - 1.1 * r, y + r}}});
      break;
    case Marker::kDiamond:
      path->AddPolygon(
          std::array<Point, 4>{{{x, y - 1.4 * r}, {x + 0.84 * r, y}, {x, y + 1.4 * r}, {x - 0.84 * r, y}}});
      break;
    case Marker::kDownwards:
      path->AddPolygon(std::array<Point, 3>{{{x, y + r}, {x - 1.1 * r, y - r}, {x + 1.1 * r, y - r}}});
      break;
  }
}

}  // namespace attnscope::render

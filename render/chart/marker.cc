// SPDX-License-Identifier: Apache-2.0
#include "render/chart/marker.h"

#include <array>

namespace attnscope::render {

Box MarkerBox(Marker marker, Point center, double size) {
  const double r = 0.5 * size;
  double x = r;
  double y = r;
  switch (marker) {
    case Marker::kCircle:
      break;
    case Marker::kSquare:
      x = y = 0.95 * r;
      break;
    case Marker::kTriangle:
    case Marker::kDownwards:
      x = y = 1.1 * r;
      break;
    case Marker::kDiamond:
      x = 0.84 * r;
      y = 1.4 * r;
      break;
  }
  return {center.x - x, center.y - y, center.x + x, center.y + y};
}

void AddMarker(Marker marker, Point center, double size, Path* path) {
  const Box box = MarkerBox(marker, center, size);
  const auto [x, y] = center;
  switch (marker) {
    case Marker::kCircle:
      path->AddCircle(center, 0.5 * size);
      break;
    case Marker::kSquare:
      path->AddBox(box);
      break;
    case Marker::kTriangle:
      path->AddPolygon(std::array<Point, 3>{{{x, box.top}, {box.right, box.bottom}, {box.left, box.bottom}}});
      break;
    case Marker::kDownwards:
      path->AddPolygon(std::array<Point, 3>{{{x, box.bottom}, {box.left, box.top}, {box.right, box.top}}});
      break;
    case Marker::kDiamond:
      path->AddPolygon(std::array<Point, 4>{{{x, box.top}, {box.right, y}, {x, box.bottom}, {box.left, y}}});
      break;
  }
}

}  // namespace attnscope::render

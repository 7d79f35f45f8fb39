// SPDX-License-Identifier: Apache-2.0
#include "render/chart/flag.h"

#include <array>

namespace attnscope::render {

void DrawFlag(Severity severity, Point center, double size, const Color& color, Canvas* canvas) {
  const auto [x, y] = center;
  Shape shape;
  shape.part = Part::kFlag;
  shape.stroke = {.width = 0.16 * size};
  // The hollow triangle's line lies inside the filled one's border.
  const double r = severity == Severity::kWarning ? 0.5 * (size - shape.stroke.width) : 0.5 * size;
  const std::array<Point, 3> triangle = {{{x - r, y - 0.85 * r}, {x + r, y - 0.85 * r}, {x, y + 0.85 * r}}};
  switch (severity) {
    case Severity::kHealthy:
      shape.line.AddPolyline(
          std::array<Point, 3>{{{x - 0.8 * r, y}, {x - 0.2 * r, y + 0.6 * r}, {x + r, y - 0.8 * r}}});
      break;
    case Severity::kWarning:
      shape.line.AddPolygon(triangle);
      break;
    case Severity::kCritical:
      shape.fill.AddPolygon(triangle);
      break;
  }
  canvas->Draw(shape, color);
}

void DrawRing(Severity severity, Point center, double size, const Theme& theme, Canvas* canvas) {
  Shape shape;
  shape.part = Part::kRing;
  shape.line.AddCircle(center, 0.5 * size);
  shape.stroke = {.width = severity == Severity::kCritical ? 0.22 * size : 0.12 * size};
  canvas->Draw(shape, ColorOf(severity, theme));
}

}  // namespace attnscope::render

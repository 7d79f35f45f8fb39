// SPDX-License-Identifier: Apache-2.0
#include "tests/support/figure_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace attnscope::render {
namespace {

bool IsInk(Part part) {
  return part == Part::kCurve || part == Part::kBound || part == Part::kFlag || part == Part::kRing ||
         part == Part::kLegendKey;
}

void ExpectTextsTidy(const RecordingCanvas& canvas, const Structure& structure, const Box& figure, double tolerance) {
  for (size_t i = 0; i < canvas.texts.size(); ++i) {
    const auto& [text, style, full_box] = canvas.texts[i];
    EXPECT_TRUE(std::isfinite(full_box.Width() + full_box.Height())) << text;
    const Box box = full_box.Grown(-tolerance);
    EXPECT_TRUE(figure.Contains(box)) << text << " leaves the figure";
    for (size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(box.Overlaps(canvas.texts[j].box)) << text << " is on " << canvas.texts[j].text;
    }
    for (const Ink& ink : structure.inks) EXPECT_FALSE(ink.Meets(box)) << text << " is crossed by " << NameOf(ink.part);
    for (const auto& [a, b] : structure.frame_lines) {
      // Cells have their values inside a map's frame.
      EXPECT_FALSE(SegmentMeetsBox(a, b, box)) << text << " is on a frame";
    }
    for (const Box& legend : structure.legends) {
      EXPECT_TRUE(legend.Contains(box) || !legend.Overlaps(box)) << text << " is partly on a legend";
    }
  }
}

}  // namespace

bool Ink::Meets(const Box& box) const {
  return std::any_of(markers.begin(), markers.end(), [&](const Box& marker) { return marker.Overlaps(box); }) ||
         std::any_of(segments.begin(), segments.end(), [&](const auto& segment) {
           return SegmentMeetsBox(segment.first, segment.second, box.Grown(half_width));
         });
}

bool Ink::IsInside(const Box& box) const {
  const auto contains = [&](Point p) { return box.Contains({p.x, p.y, p.x, p.y}); };
  return std::all_of(segments.begin(), segments.end(),
                     [&](const auto& segment) { return contains(segment.first) && contains(segment.second); });
}

Box BoundsOf(std::span<const Point> points) {
  Box box = {points[0].x, points[0].y, points[0].x, points[0].y};
  for (const Point& p : points) {
    box = {std::min(box.left, p.x), std::min(box.top, p.y), std::max(box.right, p.x), std::max(box.bottom, p.y)};
  }
  return box;
}

Structure StructureOf(const RecordingCanvas& canvas) {
  Structure structure;
  for (const auto& [shape, color] : canvas.shapes) {
    Polylines lines;
    Flatten(shape.line, {}, &lines);
    Polylines fills;
    Flatten(shape.fill, {}, &fills);
    std::vector<std::pair<Point, Point>> segments;
    for (const Polylines::Contour& contour : lines.contours) {
      for (size_t i = contour.begin + 1; i < contour.end; ++i) {
        segments.emplace_back(lines.points[i - 1], lines.points[i]);
      }
      if (contour.closed) segments.emplace_back(lines.points[contour.end - 1], lines.points[contour.begin]);
    }
    if (IsInk(shape.part)) {
      Ink ink = {shape.part, color, segments, 0.5 * shape.stroke.width, {}};
      for (const Polylines::Contour& contour : fills.contours) ink.markers.push_back(BoundsOf(fills.PointsOf(contour)));
      structure.inks.push_back(ink);
    } else if (shape.part == Part::kLegend && !fills.points.empty()) {
      structure.legends.push_back(BoundsOf(fills.points));
    } else if (shape.part == Part::kFrame) {
      structure.frame_lines.insert(structure.frame_lines.end(), segments.begin(), segments.end());
    }
  }
  return structure;
}

void ExpectTidy(const RecordingCanvas& canvas, double width, double height, double tolerance) {
  const Structure structure = StructureOf(canvas);
  const Box figure = {0, 0, width, height};
  ExpectTextsTidy(canvas, structure, figure, tolerance);
  for (const Box& legend : structure.legends) {
    EXPECT_TRUE(figure.Contains(legend));
    for (const Ink& ink : structure.inks) {
      EXPECT_TRUE(ink.IsInside(legend) || !ink.Meets(legend.Grown(-tolerance)))
          << "a legend covers a " << NameOf(ink.part);
    }
  }
  for (const auto& drawn : canvas.cells) EXPECT_TRUE(figure.Contains(drawn.box));
  for (const Ink& ink : structure.inks) {
    EXPECT_TRUE(ink.IsInside(figure));
    for (const Box& marker : ink.markers) EXPECT_TRUE(figure.Contains(marker));
  }
}

}  // namespace attnscope::render

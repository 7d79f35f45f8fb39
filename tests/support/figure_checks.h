// SPDX-License-Identifier: Apache-2.0
//
// What holds for every figure: nothing lies on anything it should not. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_FIGURE_CHECKS_H_
#define ATTNSCOPE_TESTS_SUPPORT_FIGURE_CHECKS_H_

#include <span>
#include <utility>
#include <vector>

#include "tests/support/recording_canvas.h"

namespace attnscope::render {

// A curve, a bound, a mark or a legend's key.
struct Ink {
  Part part = Part::kCurve;
  Color color;
  std::vector<std::pair<Point, Point>> segments;
  double half_width = 0.0;
  std::vector<Box> markers;

  bool Meets(const Box& box) const;
  bool IsInside(const Box& box) const;
};

struct Structure {
  std::vector<Ink> inks;
  std::vector<Box> legends;
  std::vector<std::pair<Point, Point>> frame_lines;
};

Structure StructureOf(const RecordingCanvas& canvas);

Box BoundsOf(std::span<const Point> points);

// No text leaves the figure, or meets another text, a curve, a bound, a mark, a ring or a frame; no legend covers a
// point or a line of a curve, a mark or a part of a text; everything is inside the figure. `tolerance` is how far
// coordinates may have been rounded.
void ExpectTidy(const RecordingCanvas& canvas, double width, double height, double tolerance = 0.0);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_TESTS_SUPPORT_FIGURE_CHECKS_H_

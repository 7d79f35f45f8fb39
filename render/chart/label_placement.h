// SPDX-License-Identifier: Apache-2.0
//
// Finds places for labels and legends that cover nothing.
#ifndef ATTNSCOPE_RENDER_CHART_LABEL_PLACEMENT_H_
#define ATTNSCOPE_RENDER_CHART_LABEL_PLACEMENT_H_

#include <optional>
#include <span>
#include <vector>

#include "render/draw/geometry.h"

namespace attnscope::render {

// What labels must not meet: the lines of curves, and boxes (markers, legends, other labels).
class LabelPlacer {
 public:
  // Labels stay inside `frame`.
  explicit LabelPlacer(const Box& frame) : frame_(frame) {}

  // A polyline drawn `width` wide.
  void AddLine(std::span<const Point> points, double width);
  void AddBox(const Box& box) { boxes_.push_back(box); }

  // Whether the box is inside the frame and meets nothing that was added.
  bool IsFree(const Box& box) const { return frame_.Contains(box) && MeetsNothing(box); }

  // A place for a label around the point `at`, `distance` away from it: above if that is free, else beside above,
  // below, to the right or left. Nothing if no place is free. The label is kept `gap` away from everything, and is an
  // obstacle for those that follow.
  std::optional<Box> PlaceAround(Point at, double width, double height, double distance, double gap);

  // The corner of the frame in which a box of this size, `gap` away from the frame, is furthest away from everything,
  // and at least half of `gap`; of equals the upper right, upper left, lower left, lower right.
  std::optional<Box> PlaceInCorner(double width, double height, double gap) const;

 private:
  struct Segment {
    Point a, b;
    double half_width;
  };

  bool MeetsNothing(const Box& box) const;
  // Distance from the box to the nearest obstacle, cut to `most`; negative if it meets one.
  double Clearance(const Box& box, double most) const;

  Box frame_;
  std::vector<Segment> segments_;
  std::vector<Box> boxes_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_LABEL_PLACEMENT_H_

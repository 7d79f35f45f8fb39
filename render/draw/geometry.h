// SPDX-License-Identifier: Apache-2.0
//
// Points and boxes of the drawing plane. Layout units are 1/100 inch (one pixel each at scale 1), x grows to the right
// and y downwards.
#ifndef ATTNSCOPE_RENDER_DRAW_GEOMETRY_H_
#define ATTNSCOPE_RENDER_DRAW_GEOMETRY_H_

#include <algorithm>
#include <utility>

namespace attnscope::render {

struct Point {
  double x = 0.0;
  double y = 0.0;

  friend bool operator==(const Point&, const Point&) = default;
};

// left <= right and top <= bottom.
struct Box {
  double left = 0.0;
  double top = 0.0;
  double right = 0.0;
  double bottom = 0.0;

  double Width() const { return right - left; }
  double Height() const { return bottom - top; }
  Point Center() const { return {0.5 * (left + right), 0.5 * (top + bottom)}; }
  // The box with each side moved outwards by `distance`.
  Box Grown(double distance) const { return {left - distance, top - distance, right + distance, bottom + distance}; }
  // Boxes that only touch do not overlap.
  bool Overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
  bool Contains(const Box& other) const {
    return left <= other.left && other.right <= right && top <= other.top && other.bottom <= bottom;
  }

  friend bool operator==(const Box&, const Box&) = default;
};

// Whether the segment from `a` to `b` has a point inside the box.
inline bool SegmentMeetsBox(Point a, Point b, const Box& box) {
  double begin = 0.0;  // the part of the segment, in [0, 1], that is inside the slabs seen so far
  double end = 1.0;
  const auto clip = [&](double origin, double direction, double low, double high) {
    if (direction == 0.0) return low < origin && origin < high;
    double enter = (low - origin) / direction;
    double leave = (high - origin) / direction;
    if (enter > leave) std::swap(enter, leave);
    begin = std::max(begin, enter);
    end = std::min(end, leave);
    return begin < end;
  };
  if (a == b) return box.left < a.x && a.x < box.right && box.top < a.y && a.y < box.bottom;
  return clip(a.x, b.x - a.x, box.left, box.right) && clip(a.y, b.y - a.y, box.top, box.bottom);
}

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_GEOMETRY_H_

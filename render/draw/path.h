// SPDX-License-Identifier: Apache-2.0
//
// Paths: what a canvas fills and strokes, as lines and Bezier curves, and the same flattened to straight lines.
#ifndef ATTNSCOPE_RENDER_DRAW_PATH_H_
#define ATTNSCOPE_RENDER_DRAW_PATH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "render/draw/geometry.h"

namespace attnscope::render {

// Any number of contours. Contours that the Add functions close all turn the same way, so that the union of
// overlapping ones is filled by the non-zero rule; a contour that turns the other way cuts a hole.
class Path {
 public:
  enum class Verb : uint8_t {
    kMove,       // 1 point
    kLine,       // 1 point
    kQuadratic,  // 2 points: control, end
    kCubic,      // 3 points: two controls, end
    kClose,      // no point
  };

  void MoveTo(Point to);
  void LineTo(Point to);
  void QuadraticTo(Point control, Point to);
  void CubicTo(Point control1, Point control2, Point to);
  void Close();

  // An open contour through the points. Fewer than two points add nothing.
  void AddPolyline(std::span<const Point> points);
  // A closed contour, turned the common way. Fewer than three points add nothing.
  void AddPolygon(std::span<const Point> points);
  void AddBox(const Box& box);
  // `radius` is cut to half the shorter side.
  void AddRoundedBox(const Box& box, double radius);
  void AddCircle(Point center, double radius);

  bool empty() const { return verbs_.empty(); }
  std::span<const Verb> verbs() const { return verbs_; }
  std::span<const Point> points() const { return points_; }

 private:
  std::vector<Verb> verbs_;
  std::vector<Point> points_;
};

// (x, y) -> (xx * x + xy * y + dx, yx * x + yy * y + dy)
struct Affine {
  double xx = 1.0;
  double xy = 0.0;
  double yx = 0.0;
  double yy = 1.0;
  double dx = 0.0;
  double dy = 0.0;

  Point operator()(Point p) const { return {xx * p.x + xy * p.y + dx, yx * p.x + yy * p.y + dy}; }
};

// Polylines, one after another in `points`.
struct Polylines {
  struct Contour {
    size_t begin = 0;  // first of its points
    size_t end = 0;    // one past its last
    bool closed = false;
  };
  std::vector<Point> points;
  std::vector<Contour> contours;

  std::span<const Point> PointsOf(const Contour& contour) const {
    return std::span(points).subspan(contour.begin, contour.end - contour.begin);
  }
};

// Appends the transformed path, its curves replaced by lines that leave them by at most 0.05 units after the transform.
void Flatten(const Path& path, const Affine& transform, Polylines* out);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_PATH_H_

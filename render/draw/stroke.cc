// SPDX-License-Identifier: Apache-2.0
#include "render/draw/stroke.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace attnscope::render {
namespace {

class Outliner {
 public:
  Outliner(const Stroke& stroke, Polylines* out) : stroke_(stroke), out_(out) {
    Path circle;
    circle.AddCircle({0.0, 0.0}, 0.5 * stroke.width);
    Flatten(circle, {}, &circle_);
  }

  // The outline of one line without dashes.
  void AddLine(std::span<const Point> points, bool closed) {
    if (points.size() < 2) {
      if (stroke_.cap == Cap::kRound && !points.empty()) AddDisc(points.front());
      return;
    }
    for (size_t i = 1; i < points.size(); ++i) AddSegment(points[i - 1], points[i]);
    if (closed) AddSegment(points.back(), points.front());
    const bool round_ends = closed || stroke_.cap == Cap::kRound;
    for (size_t i = 0; i < points.size(); ++i) {
      const bool is_end = i == 0 || i + 1 == points.size();
      if (!is_end) {
        AddJoin(points[i - 1], points[i], points[i + 1]);
      } else if (round_ends) {
        AddDisc(points[i]);
      }
    }
  }

 private:
  static double Cross(Point a, Point b) { return a.x * b.y - a.y * b.x; }

  static Point Direction(Point from, Point to) {
    const double x = to.x - from.x;
    const double y = to.y - from.y;
    const double length = std::sqrt(x * x + y * y);
    return {x / length, y / length};
  }

  // The sector that two segments leave open on the outer side of their joint: a few edges, where a whole disc would
  // have several times as many, most of them inside the segments. In a noisy curve joints are most of the work.
  void AddJoin(Point a, Point b, Point c) {
    constexpr double kStraight = 1e-9;
    const Point before = Direction(a, b);
    const Point after = Direction(b, c);
    const double turn = Cross(before, after);
    if (std::abs(turn) < kStraight) {
      if (before.x * after.x + before.y * after.y < 0.0) AddDisc(b);  // back the way it came
      return;
    }
    // Unit normals on the outer side, such that the sector runs from one to the other in the common direction.
    Point from = {before.y, -before.x};
    Point to = {after.y, -after.x};
    if (turn < 0.0) {
      from = {-after.y, after.x};
      to = {-before.y, before.x};
    }
    const auto is_between = [&](Point p) { return Cross(from, p) > 0.0 && Cross(p, to) > 0.0; };
    const double radius = 0.5 * stroke_.width;
    sector_ = {{0.0, 0.0}, {radius * from.x, radius * from.y}};
    const size_t count = circle_.points.size();
    size_t first = 0;
    while (first < count &&
           (is_between(circle_.points[(first + count - 1) % count]) || !is_between(circle_.points[first]))) {
      ++first;
    }
    for (size_t i = 0; i < count && is_between(circle_.points[(first + i) % count]); ++i) {
      sector_.push_back(circle_.points[(first + i) % count]);
    }
    sector_.push_back({radius * to.x, radius * to.y});
    AddContour(sector_, b);
  }

  void AddContour(std::span<const Point> points, Point offset) {
    const size_t begin = out_->points.size();
    for (const Point& point : points) out_->points.push_back({point.x + offset.x, point.y + offset.y});
    out_->contours.push_back({begin, out_->points.size(), true});
  }

  void AddDisc(Point center) { AddContour(circle_.points, center); }

  void AddSegment(Point a, Point b) {
    const double x = b.x - a.x;
    const double y = b.y - a.y;
    const double length = std::sqrt(x * x + y * y);
    if (!(length > 0.0)) return;
    const Point side = {0.5 * stroke_.width * y / length, -0.5 * stroke_.width * x / length};
    AddContour(std::array<Point, 4>{{{a.x + side.x, a.y + side.y},
                                     {b.x + side.x, b.y + side.y},
                                     {b.x - side.x, b.y - side.y},
                                     {a.x - side.x, a.y - side.y}}},
               {0.0, 0.0});
  }

  Stroke stroke_;
  Polylines circle_;
  std::vector<Point> sector_;  // scratch
  Polylines* out_;
};

// Cuts a line into its dashes and calls `add` with each.
template <typename Add>
void ForEachDash(std::span<const Point> points, const Stroke& stroke, const Add& add) {
  std::vector<Point> dash = {points.front()};
  bool drawing = true;
  double left = stroke.dash;  // length until the pattern switches
  for (size_t i = 1; i < points.size(); ++i) {
    Point from = points[i - 1];
    const Point to = points[i];
    for (;;) {
      const double x = to.x - from.x;
      const double y = to.y - from.y;
      const double length = std::sqrt(x * x + y * y);
      if (length <= left) {
        left -= length;
        if (drawing) dash.push_back(to);
        break;
      }
      from = {from.x + x * (left / length), from.y + y * (left / length)};
      if (drawing) {
        dash.push_back(from);
        add(dash);
      }
      dash.assign(1, from);
      drawing = !drawing;
      left = drawing ? stroke.dash : stroke.gap;
    }
  }
  if (drawing && dash.size() > 1) add(dash);
}

// Dashes shorter than this many pixels would cost time and not be seen.
constexpr double kMinDash = 0.1;

}  // namespace

Stroke StrokeOf(Dashes dashes, double width) {
  switch (dashes) {
    case Dashes::kNone:
      break;
    case Dashes::kLong:
      return {.width = width, .cap = Cap::kButt, .dash = 3.7 * width, .gap = 1.6 * width};
    case Dashes::kMedium:
      return {.width = width, .cap = Cap::kButt, .dash = 2.4 * width, .gap = 1.2 * width};
    case Dashes::kShort:
      return {.width = width, .cap = Cap::kButt, .dash = 1.0 * width, .gap = 1.0 * width};
  }
  return {.width = width};
}

void Outline(const Polylines& lines, const Stroke& stroke, Polylines* out) {
  Outliner outliner(stroke, out);
  const bool dashed = stroke.dash >= kMinDash && stroke.gap >= kMinDash;
  for (const Polylines::Contour& contour : lines.contours) {
    std::vector<Point> points;
    for (const Point& point : lines.PointsOf(contour)) {
      if (points.empty() || points.back() != point) points.push_back(point);
    }
    if (contour.closed && points.size() > 1 && points.back() == points.front()) points.pop_back();
    if (dashed && points.size() > 1) {
      if (contour.closed) points.push_back(points.front());
      ForEachDash(points, stroke, [&](const std::vector<Point>& dash) { outliner.AddLine(dash, false); });
    } else {
      outliner.AddLine(points, contour.closed);
    }
  }
}

}  // namespace attnscope::render

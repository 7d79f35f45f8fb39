// SPDX-License-Identifier: Apache-2.0
#include "render/stroke.h"

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
      if (is_end ? round_ends : Turns(points[i - 1], points[i], points[i + 1])) AddDisc(points[i]);
    }
  }

 private:
  static bool Turns(Point a, Point b, Point c) {
    const double cross = (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x);
    const double dot = (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y);
    return cross != 0.0 || dot < 0.0;
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

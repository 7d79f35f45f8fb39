// SPDX-License-Identifier: Apache-2.0
#include "render/draw/path.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace attnscope::render {
namespace {

// Control points at this share of the radius make a cubic follow a quarter circle within 2.8e-4 of the radius.
constexpr double kQuarterCircle = 0.5522847498307936;
constexpr double kTolerance = 0.05;
constexpr double kMaxPieces = 64.0;

double Length(Point a, Point b) {
  const double x = b.x - a.x;
  const double y = b.y - a.y;
  return std::sqrt(x * x + y * y);
}

// Pieces of equal parameter for a curve whose second difference is at most `bend`: the chord of a piece of parameter
// length h leaves the curve by at most factor * bend * h^2.
int Pieces(double bend, double factor) {
  const double pieces = std::ceil(std::sqrt(factor * bend / kTolerance));
  return static_cast<int>(std::clamp(pieces, 1.0, kMaxPieces));
}

void FlattenQuadratic(Point a, Point b, Point c, std::vector<Point>* out) {
  const double bend = Length({2.0 * b.x, 2.0 * b.y}, {a.x + c.x, a.y + c.y});
  const int pieces = Pieces(bend, 0.25);
  for (int i = 1; i < pieces; ++i) {
    const double t = static_cast<double>(i) / pieces;
    const double s = 1.0 - t;
    out->push_back({s * s * a.x + 2.0 * s * t * b.x + t * t * c.x, s * s * a.y + 2.0 * s * t * b.y + t * t * c.y});
  }
  out->push_back(c);
}

void FlattenCubic(Point a, Point b, Point c, Point d, std::vector<Point>* out) {
  const double bend = std::max(Length({2.0 * b.x, 2.0 * b.y}, {a.x + c.x, a.y + c.y}),
                               Length({2.0 * c.x, 2.0 * c.y}, {b.x + d.x, b.y + d.y}));
  const int pieces = Pieces(bend, 0.75);
  for (int i = 1; i < pieces; ++i) {
    const double t = static_cast<double>(i) / pieces;
    const double s = 1.0 - t;
    const std::array<double, 4> w = {s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t};
    out->push_back(
        {w[0] * a.x + w[1] * b.x + w[2] * c.x + w[3] * d.x, w[0] * a.y + w[1] * b.y + w[2] * c.y + w[3] * d.y});
  }
  out->push_back(d);
}

}  // namespace

void Path::MoveTo(Point to) {
  verbs_.push_back(Verb::kMove);
  points_.push_back(to);
}

void Path::LineTo(Point to) {
  verbs_.push_back(Verb::kLine);
  points_.push_back(to);
}

void Path::QuadraticTo(Point control, Point to) {
  verbs_.push_back(Verb::kQuadratic);
  points_.insert(points_.end(), {control, to});
}

void Path::CubicTo(Point control1, Point control2, Point to) {
  verbs_.push_back(Verb::kCubic);
  points_.insert(points_.end(), {control1, control2, to});
}

void Path::Close() { verbs_.push_back(Verb::kClose); }

void Path::AddPolyline(std::span<const Point> points) {
  if (points.size() < 2) return;
  MoveTo(points.front());
  for (const Point& point : points.subspan(1)) LineTo(point);
}

void Path::AddPolygon(std::span<const Point> points) {
  if (points.size() < 3) return;
  double doubled_area = 0.0;
  for (size_t i = 0; i < points.size(); ++i) {
    const Point& a = points[i];
    const Point& b = points[(i + 1) % points.size()];
    doubled_area += a.x * b.y - b.x * a.y;
  }
  MoveTo(points.front());
  for (size_t i = 1; i < points.size(); ++i) LineTo(doubled_area >= 0.0 ? points[i] : points[points.size() - i]);
  Close();
}

void Path::AddBox(const Box& box) {
  AddPolygon(std::array<Point, 4>{
      {{box.left, box.top}, {box.right, box.top}, {box.right, box.bottom}, {box.left, box.bottom}}});
}

void Path::AddRoundedBox(const Box& box, double radius) {
  const double r = std::min(radius, 0.5 * std::min(box.Width(), box.Height()));
  const double k = (1.0 - kQuarterCircle) * r;
  const auto [left, top, right, bottom] = box;
  MoveTo({left + r, top});
  LineTo({right - r, top});
  CubicTo({right - k, top}, {right, top + k}, {right, top + r});
  LineTo({right, bottom - r});
  CubicTo({right, bottom - k}, {right - k, bottom}, {right - r, bottom});
  LineTo({left + r, bottom});
  CubicTo({left + k, bottom}, {left, bottom - k}, {left, bottom - r});
  LineTo({left, top + r});
  CubicTo({left, top + k}, {left + k, top}, {left + r, top});
  Close();
}

void Path::AddCircle(Point center, double radius) {
  AddRoundedBox({center.x - radius, center.y - radius, center.x + radius, center.y + radius}, radius);
}

void Flatten(const Path& path, const Affine& transform, Polylines* out) {
  std::vector<Point>& points = out->points;
  size_t next = 0;
  const auto take = [&] { return transform(path.points()[next++]); };
  for (const Path::Verb verb : path.verbs()) {
    switch (verb) {
      case Path::Verb::kMove:
        out->contours.push_back({points.size(), points.size(), false});
        points.push_back(take());
        break;
      case Path::Verb::kLine:
        points.push_back(take());
        break;
      case Path::Verb::kQuadratic: {
        const Point control = take();
        FlattenQuadratic(points.back(), control, take(), &points);
        break;
      }
      case Path::Verb::kCubic: {
        const Point control1 = take();
        const Point control2 = take();
        FlattenCubic(points.back(), control1, control2, take(), &points);
        break;
      }
      case Path::Verb::kClose:
        out->contours.back().closed = true;
        break;
    }
    out->contours.back().end = points.size();
  }
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/chart/curve.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attnscope::render {
namespace {

constexpr double kMarkerShare = 0.62;  // of the spacing
constexpr double kMinMarker = 2.5;     // points
constexpr double kMinLine = 1.0;       // points
constexpr double kDenseSpacing = 3.0;  // points; markers would touch

// Of all points in one column keeps the lowest and the highest, and both ends of the run: a polyline through a million
// points then has at most two for each column, and looks the same.
std::vector<Point> Thinned(const std::vector<CurvePoint>& run, double column) {
  std::vector<Point> line;
  for (size_t begin = 0; begin < run.size();) {
    size_t end = begin;
    size_t low = begin;
    size_t high = begin;
    for (; end < run.size() && run[end].at.x < run[begin].at.x + column; ++end) {
      if (run[end].at.y > run[low].at.y) low = end;
      if (run[end].at.y < run[high].at.y) high = end;
    }
    if (begin == 0 && std::min(low, high) > 0) line.push_back(run.front().at);
    line.push_back(run[std::min(low, high)].at);
    if (low != high) line.push_back(run[std::max(low, high)].at);
    if (end == run.size() && std::max(low, high) + 1 < end) line.push_back(run.back().at);
    begin = end;
  }
  return line;
}

// Keeps one point of each cell of a grid.
void Thin(double cell, std::vector<Point>* points) {
  const auto cell_of = [&](const Point& p) { return std::pair(std::floor(p.x / cell), std::floor(p.y / cell)); };
  std::stable_sort(points->begin(), points->end(),
                   [&](const Point& a, const Point& b) { return cell_of(a) < cell_of(b); });
  const auto is_same = [&](const Point& a, const Point& b) { return cell_of(a) == cell_of(b); };
  points->erase(std::unique(points->begin(), points->end(), is_same), points->end());
}

}  // namespace

Curve::Curve(std::vector<std::vector<CurvePoint>> runs, std::vector<std::array<Point, 2>> bridges, CurveLook look,
             double spacing, const Style& style)
    : runs_(std::move(runs)),
      bridges_(std::move(bridges)),
      look_(look),
      marker_size_(std::clamp(kMarkerShare * spacing, style.Points(kMinMarker), style.marker_size())),
      line_width_(std::clamp(0.25 * spacing, style.Points(kMinLine), style.curve_width()) * look.width) {
  const bool is_dense = spacing < style.Points(kDenseSpacing);
  for (const std::vector<CurvePoint>& run : runs_) {
    lines_.push_back(Thinned(run, style.curve_column));
    for (const CurvePoint& point : run) {
      if (point.off_scale) {
        marked_off_scale_.push_back(point.at);
      } else if ((!is_dense && look_.has_markers) || run.size() == 1) {
        marked_.push_back(point.at);
      }
    }
  }
  if (is_dense) {
    Thin(0.5 * marker_size_, &marked_);
    Thin(0.5 * marker_size_, &marked_off_scale_);
  }
}

void Curve::Draw(const Color& color, Canvas* canvas) const {
  Shape dashed;
  dashed.part = Part::kCurve;
  dashed.stroke = {.width = 0.5 * line_width_, .cap = Cap::kButt, .dash = 2.0 * line_width_, .gap = 1.5 * line_width_};
  for (const std::array<Point, 2>& bridge : bridges_) dashed.line.AddPolyline(bridge);
  if (!bridges_.empty()) canvas->Draw(dashed, color);
  Shape shape;
  shape.part = Part::kCurve;
  shape.stroke = StrokeOf(look_.dashes, line_width_);
  for (const std::vector<Point>& line : lines_) shape.line.AddPolyline(line);
  for (const Point& point : marked_) AddMarker(look_.marker, point, marker_size_, &shape.fill);
  for (const Point& point : marked_off_scale_) AddMarker(Marker::kDownwards, point, marker_size_, &shape.fill);
  canvas->Draw(shape, color);
}

void Curve::AddTo(LabelPlacer* placer) const {
  for (const std::vector<Point>& line : lines_) placer->AddLine(line, line_width_);
  for (const std::array<Point, 2>& bridge : bridges_) placer->AddLine(bridge, 0.5 * line_width_);
  for (const Point& point : marked_) placer->AddBox(MarkerBox(look_.marker, point, marker_size_));
  for (const Point& point : marked_off_scale_) placer->AddBox(MarkerBox(Marker::kDownwards, point, marker_size_));
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/chart/label_placement.h"

#include <algorithm>
#include <array>

namespace attnscope::render {
namespace {

// Where the middle of a label may be, seen from its point: in label widths and heights, beyond the distance that keeps
// it off the marker in that direction. Best first.
struct Candidate {
  double x;   // label widths
  double y;   // label heights
  double dx;  // distances
  double dy;
};
constexpr std::array<Candidate, 22> kCandidates = {{
    {0.0, -0.5, 0.0, -1.0},   // above
    {0.25, -0.5, 0.0, -1.0},  // above, a little to the right or left
    {-0.25, -0.5, 0.0, -1.0}, {0.5, -0.5, 0.0, -1.0}, {-0.5, -0.5, 0.0, -1.0},  {0.0, 0.5, 0.0, 1.0},  // below
    {0.25, 0.5, 0.0, 1.0},    {-0.25, 0.5, 0.0, 1.0}, {0.5, 0.5, 0.0, 1.0},     {-0.5, 0.5, 0.0, 1.0},
    {0.5, -0.5, 0.8, -0.5},  // at the corners of the marker
    {-0.5, -0.5, -0.8, -0.5}, {0.5, 0.5, 0.8, 0.5},   {-0.5, 0.5, -0.8, 0.5},   {0.5, 0.0, 1.2, 0.0},  // beside
    {-0.5, 0.0, -1.2, 0.0},   {0.0, -0.5, 0.0, -1.8},  // further above and below
    {0.0, 0.5, 0.0, 1.8},     {0.5, -0.5, 1.0, -1.8}, {-0.5, -0.5, -1.0, -1.8}, {0.5, 0.5, 1.0, 1.8},
    {-0.5, 0.5, -1.0, 1.8},
}};

}  // namespace

void LabelPlacer::AddLine(std::span<const Point> points, double width) {
  for (size_t i = 1; i < points.size(); ++i) segments_.push_back({points[i - 1], points[i], 0.5 * width});
}

bool LabelPlacer::MeetsNothing(const Box& box) const {
  return std::none_of(boxes_.begin(), boxes_.end(), [&](const Box& other) { return box.Overlaps(other); }) &&
         std::none_of(segments_.begin(), segments_.end(), [&](const Segment& segment) {
           return SegmentMeetsBox(segment.a, segment.b, box.Grown(segment.half_width));
         });
}

std::optional<Box> LabelPlacer::PlaceAround(Point at, double width, double height, double distance, double gap) {
  for (const Candidate& candidate : kCandidates) {
    const double x = at.x + candidate.x * width + candidate.dx * distance;
    const double y = at.y + candidate.y * height + candidate.dy * distance;
    const Box box = {x - 0.5 * width, y - 0.5 * height, x + 0.5 * width, y + 0.5 * height};
    if (!IsFree(box.Grown(gap))) continue;
    boxes_.push_back(box);
    return box;
  }
  return std::nullopt;
}

double LabelPlacer::Clearance(const Box& box, double most) const {
  if (!IsFree(box)) return -1.0;
  if (MeetsNothing(box.Grown(most))) return most;
  double free = 0.0;
  double taken = most;
  for (int i = 0; i < 12; ++i) {  // bisection: exact enough to compare corners
    const double middle = 0.5 * (free + taken);
    (MeetsNothing(box.Grown(middle)) ? free : taken) = middle;
  }
  return free;
}

std::optional<Box> LabelPlacer::PlaceInCorner(double width, double height, double gap) const {
  const Box inner = frame_.Grown(-gap);
  const double left = inner.left;
  const double right = inner.right - width;
  const double top = inner.top;
  const double bottom = inner.bottom - height;
  const std::array<Point, 4> corners = {{{right, top}, {left, top}, {left, bottom}, {right, bottom}}};
  std::optional<Box> best;
  double best_clearance = 0.5 * gap;
  for (const Point& corner : corners) {
    const Box box = {corner.x, corner.y, corner.x + width, corner.y + height};
    const double clearance = Clearance(box, frame_.Height());
    if (clearance <= best_clearance) continue;
    best = box;
    best_clearance = clearance;
  }
  return best;
}

}  // namespace attnscope::render

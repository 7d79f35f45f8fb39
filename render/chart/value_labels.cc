// SPDX-License-Identifier: Apache-2.0
#include "render/chart/value_labels.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <numeric>

namespace attnscope::render {
namespace {

constexpr double kAllLabelled = 0.85;  // label widths from point to point, where all have one, above or below
constexpr double kThinned = 2.0;       // the same on average where labels are thinned out, and at least
constexpr double kApart = 1.2;
constexpr double kSteps = 1024.0 * 1024.0;  // of a layout unit: points that stand out less apart are alike

// How telling a point is: compared member by member, the first that differs decides.
struct Telling {
  bool is_highest = false;
  bool is_lowest = false;
  bool is_flagged = false;
  bool is_end = false;      // the first point or the last
  double stands_out = 0.0;  // from the middle between its neighbours, in whole steps

  auto operator<=>(const Telling&) const = default;  // NOLINT(modernize-use-nullptr): its 0 is the language's
};

}  // namespace

std::vector<size_t> RankForLabels(std::span<const Point> points, double label_width, double width,
                                  const std::vector<bool>& is_flagged) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (points.size() < 2) return order;
  std::vector<Telling> telling(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    const double before = points[i > 0 ? i - 1 : i + 1].y;
    const double after = points[i + 1 < points.size() ? i + 1 : i - 1].y;
    telling[i].stands_out = std::round(kSteps * std::abs(points[i].y - 0.5 * (before + after)));
    telling[i].is_flagged = i < is_flagged.size() && is_flagged[i];
  }
  const auto [highest, lowest] =
      std::minmax_element(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.y < b.y; });
  telling.front().is_end = telling.back().is_end = true;
  telling[static_cast<size_t>(lowest - points.begin())].is_lowest = true;
  telling[static_cast<size_t>(highest - points.begin())].is_highest = true;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return telling[a] > telling[b]; });
  if (static_cast<double>(points.size()) * kAllLabelled * label_width <= width) return order;
  const auto most = static_cast<size_t>(std::max(2.0, width / (kThinned * label_width)));
  std::vector<size_t> chosen;
  for (const size_t i : order) {
    const auto is_near = [&](size_t j) { return std::abs(points[i].x - points[j].x) < kApart * label_width; };
    if (chosen.size() == most) break;
    if (chosen.size() < 2 || std::none_of(chosen.begin(), chosen.end(), is_near)) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/chart/value_labels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attnscope::render {
namespace {

constexpr double kAllLabelled = 0.85;  // label widths from point to point, where all have one, above or below
constexpr double kThinned = 2.0;       // the same on average where labels are thinned out, and at least
constexpr double kApart = 1.2;

}  // namespace

std::vector<size_t> RankForLabels(std::span<const Point> points, double label_width, double width,
                                  const std::vector<bool>& is_flagged) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (points.size() < 2) return order;
  std::vector<double> weights(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    const double before = points[i > 0 ? i - 1 : i + 1].y;
    const double after = points[i + 1 < points.size() ? i + 1 : i - 1].y;
    weights[i] = std::abs(points[i].y - 0.5 * (before + after));
    if (i < is_flagged.size() && is_flagged[i]) weights[i] += 3e6;
  }
  const auto [highest, lowest] =
      std::minmax_element(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.y < b.y; });
  // Weights are at most the height of a figure, 2e4.
  weights.front() += 1e6;
  weights.back() += 1e6;
  weights[static_cast<size_t>(lowest - points.begin())] += 1e7;
  weights[static_cast<size_t>(highest - points.begin())] += 1e8;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return weights[a] > weights[b]; });
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

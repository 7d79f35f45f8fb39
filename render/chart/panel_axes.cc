// SPDX-License-Identifier: Apache-2.0
//
// Ranges and ticks of a panel's vertical axes; see panel.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "render/chart/panel.h"

namespace attnscope::render {
namespace {

constexpr double kValueMargin = 0.045;  // of the plot's height, above and below the values
constexpr double kMaxValueMargin = 0.2;
constexpr double kOffScaleMargin = 0.12;  // below the values, where some are off the scale
constexpr double kTickSpacing = 2.8;      // least distance of vertical ticks, in sizes of their labels
constexpr int kMinTicks = 3;
constexpr int kMaxTicks = 9;
constexpr int kMinTwinTicks = 4;

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  bool empty() const { return low > high; }
  void Add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

Extent ExtentOf(const std::vector<Series>& all, bool is_right) {
  Extent extent;
  for (const Series& series : all) {
    if (series.on_right_axis != is_right) continue;
    for (const double value : series.values) {
      if (std::isfinite(value)) extent.Add(Clamped(value));
    }
  }
  return extent;
}

}  // namespace

void Panel::FitValues(double height) {
  left_ticks_ = {};
  right_ticks_ = {};
  if (!is_measured_) return;
  const int max_ticks =
      std::clamp(static_cast<int>(height / (kTickSpacing * style_.tick_label())), kMinTicks, kMaxTicks);
  if (spec_.right) return FitTwinAxes(std::max(max_ticks, kMinTwinTicks));
  left_scale_ = FitAxis(spec_.left, false, height);
  left_ticks_ = left_scale_.log ? LogTicks(left_scale_.low, left_scale_.high, max_ticks)
                                : LinearTicks(left_scale_.low, left_scale_.high, max_ticks);
}

void Panel::FitTwinAxes(int max_ticks) {
  const auto widened = [&](bool is_right) {
    Extent extent = ExtentOf(spec_.series, is_right);
    if (extent.empty()) extent = {0.0, 1.0};
    Scale scale = FitLinear(extent.low, extent.high, 0.02, 0.02);
    // Equal values stand in the middle of their axis; were both axes so, one curve would hide the other.
    const double half = 0.5 * (scale.high - scale.low);
    if (extent.low == extent.high) (is_right ? scale.low : scale.high) += is_right ? -half : half;
    // What cannot be negative has an axis that is not.
    if (extent.low >= 0.0) scale.low = std::max(scale.low, 0.0);
    return scale;
  };
  const Scale left = widened(false);
  const Scale right = widened(true);
  SharedTicks ticks = TwinTicks(left.low, left.high, right.low, right.high, max_ticks);
  left_scale_ = {ticks.left.major.front().value, ticks.left.major.back().value, false};
  right_scale_ = {ticks.right.major.front().value, ticks.right.major.back().value, false};
  left_ticks_ = std::move(ticks.left);
  right_ticks_ = std::move(ticks.right);
  // An axis without values has ticks for the grid's sake, but no numbers.
  const auto clear_labels = [](Ticks* unused) {
    for (Tick& tick : unused->major) tick.label.clear();
  };
  if (ExtentOf(spec_.series, false).empty()) clear_labels(&left_ticks_);
  if (ExtentOf(spec_.series, true).empty()) clear_labels(&right_ticks_);
}

Scale Panel::FitAxis(const Axis& axis, bool is_right, double height) const {
  Extent extent = ExtentOf(spec_.series, is_right);
  const bool has_labels = std::any_of(spec_.series.begin(), spec_.series.end(),
                                      [](const Series& series) { return series.label_decimals >= 0; });
  const double label_room = has_labels ? style_.marker_size() + 1.5 * style_.value_label() : 0.0;
  const double margin = std::clamp(label_room / height, kValueMargin, kMaxValueMargin);
  if (axis.kind == Axis::Kind::kShare && extent.low >= 0.0 && extent.high <= 1.0) return {0.0, 1.0, false};
  if (axis.kind != Axis::Kind::kLog) return FitLinear(extent.low, extent.high, margin, margin);

  const auto is_off_scale = [](double value) { return value <= 0.0; };
  const bool has_off_scale =
      extent.low <= 0.0 || std::any_of(spec_.other_values.begin(), spec_.other_values.end(), is_off_scale);
  Extent positive;
  const auto add = [&](double value) {
    if (std::isfinite(value) && value > 0.0) positive.Add(std::clamp(value, kSmallestLogValue, kLargestValue));
  };
  for (const Series& series : spec_.series) std::for_each(series.values.begin(), series.values.end(), add);
  for (const Bound& bound : spec_.bounds) add(bound.value);
  std::for_each(spec_.other_values.begin(), spec_.other_values.end(), add);
  for (const Band& band : spec_.bands) {
    if (!band.widens_axis) continue;
    add(band.low);
    add(band.high);
  }
  if (positive.empty()) positive = {1.0, 10.0};
  return FitLog(positive.low, positive.high, has_off_scale ? std::max(margin, kOffScaleMargin) : margin, margin);
}

}  // namespace attnscope::render

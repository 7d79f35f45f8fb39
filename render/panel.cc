// SPDX-License-Identifier: Apache-2.0
//
// Fitting a panel: ranges, ticks and places. panel_draw.cc draws what is decided here.
#include "render/panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "render/number_format.h"
#include "render/value_labels.h"

namespace attnscope::render {
namespace {

constexpr double kSideMargin = 0.045;   // of the plot's width, beside the first and last position
constexpr double kValueMargin = 0.045;  // of the plot's height, above and below the values
constexpr double kMaxValueMargin = 0.2;
constexpr double kOffScaleMargin = 0.12;  // below the values, where some are off the scale
constexpr double kTickSpacing = 2.8;      // least distance of vertical ticks, in sizes of their labels
constexpr int kMinTicks = 3;
constexpr int kMaxTicks = 9;
constexpr int kMinTwinTicks = 4;
constexpr double kVisibleGap = 8.0;  // layout units; shorter gaps cannot be told from a joined line
constexpr int kMaxHorizontalTicks = 32;
constexpr int kMaxRingLabels = 12;              // that are tried
constexpr double kHorizontalTickSpacing = 1.5;  // least distance of horizontal ticks, in widths of their labels

// Decisions must not hang on the last bit of a logarithm, which differs from one C library to the next.
double Rounded(double units) { return std::round(units * 1024.0) / 1024.0; }

double Clamped(double value) { return std::clamp(value, -kLargestValue, kLargestValue); }

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

Panel::Panel(PanelSpec spec, std::span<const int64_t> positions, const Style& style)
    : spec_(std::move(spec)), positions_(positions), style_(style), legend_({}, style, 1, 0.0) {
  for (size_t i = 1; i < positions_.size(); ++i) {
    usual_distance_ =
        std::min(usual_distance_, static_cast<uint64_t>(positions_[i]) - static_cast<uint64_t>(positions_[i - 1]));
  }
  is_measured_ = std::any_of(spec_.series.begin(), spec_.series.end(),
                             [this](const Series& series) { return IsMeasured(series); });
}

bool Panel::IsMeasured(const Series& series) const {
  return std::any_of(series.values.begin(), series.values.end(), [](double value) { return std::isfinite(value); });
}

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

  const bool has_off_scale = extent.low <= 0.0;
  Extent positive;
  for (const Series& series : spec_.series) {
    for (const double value : series.values) {
      if (std::isfinite(value) && value > 0.0) positive.Add(std::clamp(value, kSmallestLogValue, kLargestValue));
    }
  }
  for (const Bound& bound : spec_.bounds) positive.Add(bound.value);
  for (const Band& band : spec_.bands) {
    positive.Add(band.low);
    positive.Add(band.high);
  }
  if (positive.empty()) positive = {1.0, 10.0};
  return FitLog(positive.low, positive.high, has_off_scale ? std::max(margin, kOffScaleMargin) : margin, margin);
}

bool Panel::IsFarFromPrevious(size_t i) const {
  const auto distance = [this](size_t j) {
    return static_cast<uint64_t>(positions_[j]) - static_cast<uint64_t>(positions_[j - 1]);
  };
  return distance(i) > usual_distance_ && XOf(positions_[i]) - XOf(positions_[i - 1]) > kVisibleGap;
}

double Panel::XOf(int64_t position) const {
  const uint64_t first = static_cast<uint64_t>(positions_.front());
  const auto span = static_cast<double>(static_cast<uint64_t>(positions_.back()) - first);
  const auto offset = static_cast<double>(static_cast<uint64_t>(position) - first);
  const double share = span > 0.0 ? offset / span : 0.5;
  const Box& plot = place_.plot;
  return Rounded(plot.left + plot.Width() * (kSideMargin + (1.0 - 2.0 * kSideMargin) * share));
}

double Panel::YOf(double value, const Scale& scale) const {
  return Rounded(place_.plot.bottom - place_.plot.Height() * scale.Fraction(Clamped(value)));
}

Curve Panel::MakeCurve(const Series& series) const {
  const Scale& scale = series.on_right_axis ? right_scale_ : left_scale_;
  std::vector<std::vector<CurvePoint>> runs;
  std::vector<std::array<Point, 2>> bridges;
  bool is_broken = true;
  for (size_t i = 0; i < std::min(series.values.size(), positions_.size()); ++i) {
    const double value = series.values[i];
    if (!std::isfinite(value)) {
      is_broken = true;
      continue;
    }
    const bool off_scale = scale.log && value <= 0.0;
    const double y = off_scale ? place_.plot.bottom - 0.55 * style_.marker_size() : YOf(value, scale);
    const Point at = {XOf(positions_[i]), y};
    if (!is_broken && IsFarFromPrevious(i)) {
      bridges.push_back({runs.back().back().at, at});
      is_broken = true;
    }
    if (is_broken) runs.emplace_back();
    is_broken = false;
    runs.back().push_back({at, i, off_scale});
  }
  const double gaps = std::max<double>(1.0, static_cast<double>(positions_.size()) - 1.0);
  return Curve(std::move(runs), std::move(bridges), {series.marker, series.dashes, series.width, series.has_markers},
               place_.plot.Width() / gaps, style_);
}

void Panel::Fit(const PanelPlace& place) {
  place_ = place;
  curves_.clear();
  value_labels_.clear();
  legend_origin_.reset();
  FitHorizontalTicks();
  if (!is_measured_) return;
  LabelPlacer placer(place_.plot);
  for (const Series& series : spec_.series) {
    curves_.push_back(MakeCurve(series));
    curves_.back().AddTo(&placer);
  }
  for (const Bound& bound : spec_.bounds) {
    const double y = YOf(bound.value, left_scale_);
    placer.AddLine(std::array<Point, 2>{{{place_.plot.left, y}, {place_.plot.right, y}}}, style_.bound_width());
  }
  FitLegend(&placer);
  for (size_t i = 0; i < curves_.size(); ++i) FitValueLabels(spec_.series[i], curves_[i], &placer);
  FitRingLabels(&placer);
}

Legend Panel::MakeLegend(int max_columns, double max_width) const {
  std::vector<LegendEntry> entries;
  for (const Series& series : spec_.series) {
    const bool is_measured = IsMeasured(series);
    entries.push_back({is_measured ? series.name : series.name + " (not measured)", series.color,
                       is_measured ? style_.theme.text : style_.theme.muted,
                       StrokeOf(series.dashes, style_.curve_width()), series.marker});
  }
  for (const Bound& bound : spec_.bounds) {
    entries.push_back({bound.name, bound.color, style_.theme.text, BoundStroke(bound), std::nullopt});
  }
  for (const Band& band : spec_.bands) {
    entries.push_back({band.name, style_.theme.band, style_.theme.text, {}, std::nullopt, true});
  }
  return Legend(std::move(entries), style_, max_columns, max_width);
}

double Panel::LegendHeightAbove(double plot_width) const {
  return MakeLegend(kMaxTicks, plot_width).Height() + style_.title_gap();
}

void Panel::FitLegend(LabelPlacer* placer) {
  const Box& plot = place_.plot;
  if (!spec_.has_legend) return;
  if (place_.legend_above) {
    const double lane = TopMargin(style_, place_.has_flag_lane) - TopMargin(style_, false);
    legend_ = MakeLegend(kMaxTicks, plot.Width());
    legend_origin_ = {plot.Center().x - 0.5 * legend_.Width(), plot.top - lane - legend_.Height() - style_.title_gap()};
    return;
  }
  legend_ = MakeLegend(1, plot.Width());
  const std::optional<Box> box = placer->PlaceInCorner(legend_.Width(), legend_.Height(), 0.5 * style_.legend_text());
  if (!box) return;
  legend_origin_ = {box->left, box->top};
  placer->AddBox(*box);
}

void Panel::FitValueLabels(const Series& series, const Curve& curve, LabelPlacer* placer) {
  if (series.label_decimals < 0) return;
  std::vector<Point> points;
  std::vector<double> values;
  std::vector<bool> is_flagged;  // of the points
  std::vector<bool> has_flag(positions_.size());
  for (const Flag& flag : spec_.flags) has_flag[flag.index] = flag.whole != Severity::kHealthy;
  for (const std::vector<CurvePoint>& run : curve.runs()) {
    for (const CurvePoint& point : run) {
      points.push_back(point.at);
      values.push_back(series.values[point.index]);
      is_flagged.push_back(has_flag[point.index]);
    }
  }
  const double size = style_.value_label();
  const double height = CapHeight(Face::kBold, size);
  double usual_width = 0.0;  // of a label: the mean
  const size_t samples = std::min<size_t>(values.size(), 100);
  for (size_t i = 0; i < samples; ++i) {
    usual_width += TextWidth(FormatCompact(values[i], series.label_decimals), Face::kBold, size);
  }
  usual_width /= std::max<double>(1.0, static_cast<double>(samples));
  for (const size_t i : RankForLabels(points, usual_width, place_.plot.Width(), is_flagged)) {
    const std::string text = FormatCompact(values[i], series.label_decimals);
    const double width = TextWidth(text, Face::kBold, size);
    const std::optional<Box> box =
        placer->PlaceAround(points[i], width, height, curve.reach() + style_.Points(2.5), style_.Points(1.5));
    if (box) value_labels_.push_back({text, {box->left, box->bottom}});
  }
}

std::optional<Point> Panel::PointOf(const Ring& ring) const {
  const Series& series = spec_.series[ring.series];
  const double value = series.values[ring.flag.index];
  const Scale& scale = series.on_right_axis ? right_scale_ : left_scale_;
  if (!std::isfinite(value) || (scale.log && value <= 0.0)) return std::nullopt;
  return Point{XOf(positions_[ring.flag.index]), YOf(value, scale)};
}

void Panel::FitRingLabels(LabelPlacer* placer) {
  const double reach = 0.6 * style_.flag_size();
  for (const Ring& ring : spec_.rings) {
    if (const std::optional<Point> at = PointOf(ring)) {
      placer->AddBox({at->x - reach, at->y - reach, at->x + reach, at->y + reach});
    }
  }
  const double size = style_.value_label();
  int tries = 0;
  for (const Ring& ring : spec_.rings) {
    const std::optional<Point> at = PointOf(ring);
    if (!at || ++tries > kMaxRingLabels) continue;
    const Box ink = InkBox(ring.label, Face::kBold, size);
    const std::optional<Box> box =
        placer->PlaceAround(*at, ink.Width(), ink.Height(), reach + style_.Points(3.0), style_.Points(1.5));
    if (box) value_labels_.push_back({ring.label, {box->left - ink.left, box->bottom - ink.bottom}});
  }
}

void Panel::FitHorizontalTicks() {
  horizontal_ticks_.clear();
  if (positions_.empty()) return;
  for (int max_count = kMaxHorizontalTicks; max_count > 0; --max_count) {
    horizontal_ticks_ = IntegerTicks(positions_.front(), positions_.back(), max_count);
    if (horizontal_ticks_.size() < 2) return;
    double width = 0.0;
    for (const int64_t position : horizontal_ticks_) {
      width = std::max(width, TextWidth(FormatInteger(position), Face::kRegular, style_.tick_label()));
    }
    if (XOf(horizontal_ticks_[1]) - XOf(horizontal_ticks_[0]) >= kHorizontalTickSpacing * width) return;
  }
}

}  // namespace attnscope::render

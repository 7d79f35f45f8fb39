// SPDX-License-Identifier: Apache-2.0
//
// Fitting a panel: ranges, ticks and places. panel_draw.cc draws what is decided here.
#include "render/chart/panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "render/chart/number_format.h"
#include "render/chart/value_labels.h"

namespace attnscope::render {
namespace {

constexpr double kSideMargin = 0.045;  // of the plot's width, beside the first and last position
constexpr int kMaxLegendColumns = 9;
constexpr double kVisibleGap = 8.0;  // layout units; shorter gaps cannot be told from a joined line
constexpr int kMaxHorizontalTicks = 32;
constexpr int kMaxRingLabels = 12;              // that are tried
constexpr double kHorizontalTickSpacing = 1.5;  // least distance of horizontal ticks, in widths of their labels

// Decisions must not hang on the last bit of a logarithm, which differs from one C library to the next.
double Rounded(double units) { return std::round(units * 1024.0) / 1024.0; }

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

std::string_view Panel::LackOf(const Series& series) { return series.has_bad_numbers ? kBadNumbersOnly : kNotMeasured; }

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
  for (size_t v = 0; v < std::min(series.values.size(), positions_.size()); ++v) {
    const double value = series.values[v];
    const size_t i = series.IndexOf(v);
    if (!std::isfinite(value)) {
      is_broken = true;
      continue;
    }
    const bool off_scale = scale.log && value <= 0.0;
    const double y = off_scale ? place_.plot.bottom - 0.55 * style_.marker_size() : YOf(value, scale);
    const Point at = {XOf(positions_[i]), y};
    const bool is_bridged = spec_.bridges_missing ? is_broken && !runs.empty() : !is_broken && IsFarFromPrevious(i);
    if (is_bridged) {
      bridges.push_back({runs.back().back().at, at});
      is_broken = true;
    }
    if (is_broken) runs.emplace_back();
    is_broken = false;
    runs.back().push_back({at, i, off_scale});
  }
  // One value stands alone, however many positions others have.
  const size_t points = series.values.size() == 1 ? 1 : positions_.size();
  const double gaps = std::max<double>(1.0, static_cast<double>(points) - 1.0);
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
    const Box span = SpanOf(bound.at);
    placer.AddLine(std::array<Point, 2>{{{span.left, y}, {span.right, y}}}, style_.bound_width());
  }
  FitLegend(&placer);
  for (size_t i = 0; i < curves_.size(); ++i) FitValueLabels(spec_.series[i], curves_[i], &placer);
  FitRingLabels(&placer);
}

Legend Panel::MakeLegend(int max_columns, double max_width) const {
  std::vector<LegendEntry> entries;
  for (const Series& series : spec_.series) {
    if (series.name.empty()) continue;
    const bool is_measured = IsMeasured(series);
    entries.push_back({is_measured ? series.name : series.name + " (" + std::string(LackOf(series)) + ")", series.color,
                       is_measured ? style_.theme.text : style_.theme.muted,
                       StrokeOf(series.dashes, style_.curve_width()),
                       series.has_markers ? std::optional(series.marker) : std::nullopt});
  }
  for (const Bound& bound : spec_.bounds) {
    entries.push_back({bound.name, bound.color, style_.theme.text, BoundStroke(bound), std::nullopt});
  }
  for (const Band& band : spec_.bands) {
    if (band.name.empty()) continue;
    entries.push_back({band.name, style_.theme.band, style_.theme.text, {}, std::nullopt, true});
  }
  return Legend(std::move(entries), style_, max_columns, max_width);
}

double Panel::LegendHeightAbove(double plot_width) const {
  return MakeLegend(kMaxLegendColumns, plot_width).Height() + style_.title_gap();
}

void Panel::FitLegend(LabelPlacer* placer) {
  const Box& plot = place_.plot;
  if (!spec_.has_legend) return;
  if (place_.legend_above) {
    const double lane = TopMargin(style_, place_.has_flag_lane) - TopMargin(style_, false);
    legend_ = MakeLegend(kMaxLegendColumns, plot.Width());
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
  const double value = series.values[ring.value];
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

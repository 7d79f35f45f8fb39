// SPDX-License-Identifier: Apache-2.0
#include "render/figures/history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "render/chart/color_bar.h"
#include "render/chart/color_map.h"
#include "render/chart/headline.h"
#include "render/chart/number_format.h"
#include "render/chart/panel_grid.h"
#include "render/figures/healthy_range.h"
#include "render/figures/timeline.h"
#include "report/pathologies.h"

namespace attnscope::render {
namespace {

constexpr Axis::Kind KindOf(MetricScale scale) {
  switch (scale) {
    case MetricScale::kLinear:
      return Axis::Kind::kLinear;
    case MetricScale::kLog:
      return Axis::Kind::kLog;
    case MetricScale::kShare:
      return Axis::Kind::kShare;
  }
  return Axis::Kind::kLinear;
}

double ValueOf(const Report& report, int64_t layer, Metric metric) {
  const LayerReport* const found = report.Find(layer);
  return found == nullptr ? std::numeric_limits<double>::quiet_NaN() : found->stats.layer[metric];
}

bool IsMeasured(const Timeline& timeline, Metric metric) {
  return std::any_of(timeline.reports.begin(), timeline.reports.end(), [&](const Report* report) {
    return std::any_of(report->layers.begin(), report->layers.end(),
                       [&](const LayerReport& layer) { return std::isfinite(layer.stats.layer[metric]); });
  });
}

// The part of the colour map that stands out from the background.
struct DepthColors {
  int first_step;
  int last_step;

  Color Of(size_t layer, size_t layers) const {
    const double depth = layers > 1 ? static_cast<double>(layer) / static_cast<double>(layers - 1) : 0.5;
    return ColorMap(first_step + static_cast<int>(std::lround(depth * (last_step - first_step))));
  }
};

DepthColors DepthColorsOn(const Color& background) {
  return ContrastTo(background) == Rgb(0x000000) ? DepthColors{10, 216} : DepthColors{64, kColorMapSteps - 1};
}

// The order in which layers are drawn: those with onsets last, so that no other hides them.
struct DrawingOrder {
  std::vector<size_t> layers;
  size_t first_ill = 0;  // index in `layers`
};

DrawingOrder MakeDrawingOrder(const Timeline& timeline, const std::vector<Onset>& onsets) {
  std::vector<bool> is_ill(timeline.layers.size());
  for (const Onset& onset : onsets) is_ill[onset.layer] = true;
  DrawingOrder order;
  order.layers.resize(timeline.layers.size());
  std::iota(order.layers.begin(), order.layers.end(), size_t{0});
  const auto first_ill =
      std::stable_partition(order.layers.begin(), order.layers.end(), [&](size_t layer) { return !is_ill[layer]; });
  order.first_ill = static_cast<size_t>(first_ill - order.layers.begin());
  return order;
}

PanelSpec MakeSpec(const MetricInfo& info, const Timeline& timeline, const DrawingOrder& order,
                   const FigureLook& look) {
  const DepthColors colors = DepthColorsOn(look.theme.background);
  // Many lines are thin, and without markers.
  const size_t layers = order.layers.size();
  const double width = layers <= 16 ? 1.0 : layers <= 48 ? 0.75 : 0.55;
  PanelSpec spec = {.title = std::string(info.title),
                    .left = {std::string(info.axis), look.theme.text, KindOf(info.scale)}};
  for (size_t i = 0; i < layers; ++i) {
    const size_t layer = order.layers[i];
    Series series = {.name = "", .values = {}, .color = colors.Of(layer, layers)};
    series.width = i < order.first_ill ? width : 1.0;
    series.has_markers = layers <= 16;
    for (const Report* report : timeline.reports) {
      series.values.push_back(ValueOf(*report, timeline.layers[layer], info.metric));
    }
    spec.series.push_back(std::move(series));
  }
  // All layers share the shade: it is that of the last, as the first block's may be another one.
  const int64_t last = timeline.layers.empty() ? 0 : timeline.layers.back();
  const std::optional<HealthyRange> healthy = HealthyRangeOf(info.metric, last, look.thresholds);
  if (healthy && !look.plain) spec.bands = {{"", healthy->low, healthy->high}};
  spec.has_legend = false;
  spec.horizontal_title = timeline.unit;
  spec.bridges_missing = true;  // reports may be at any distance; one may lack a layer or a value
  return spec;
}

void AddOnsets(const std::vector<Onset>& onsets, const MetricInfo& info, const Timeline& timeline,
               const DrawingOrder& order, PanelSpec* spec) {
  std::vector<size_t> series_of(order.layers.size());
  for (size_t i = 0; i < series_of.size(); ++i) series_of[order.layers[i]] = i;
  std::vector<Severity> worst(timeline.times.size(), Severity::kHealthy);
  for (const Onset& onset : onsets) {
    if (!internal::IsShownBy(onset.verdict, info.metric)) continue;
    const Severity severity = onset.verdict.severity;
    worst[onset.time] = std::max(worst[onset.time], severity);
    spec->rings.push_back(
        {series_of[onset.layer], {onset.time, severity}, "layer " + FormatInteger(timeline.layers[onset.layer])});
  }
  std::stable_sort(spec->rings.begin(), spec->rings.end(), [](const Ring& a, const Ring& b) {
    return static_cast<int>(a.flag.severity) > static_cast<int>(b.flag.severity);
  });
  for (size_t i = 0; i < worst.size(); ++i) {
    if (worst[i] != Severity::kHealthy) spec->flags.push_back({i, worst[i]});
  }
}

ColorBar MakeBar(const Timeline& timeline, const DepthColors& colors) {
  ColorBar bar = {
      .title = "Transformer Layer", .first_step = colors.first_step, .last_step = colors.last_step, .ticks = {}};
  const size_t count = timeline.layers.size();
  if (count == 1) bar.ticks.push_back({0.5, FormatInteger(timeline.layers[0])});
  if (count < 2) return bar;
  constexpr int kMostTicks = 12;
  for (const int64_t tick : IntegerTicks(0, static_cast<int64_t>(count) - 1, kMostTicks)) {
    bar.ticks.push_back({static_cast<double>(tick) / static_cast<double>(count - 1),
                         FormatInteger(timeline.layers[static_cast<size_t>(tick)])});
  }
  return bar;
}

// Smaller text where there are many panels, thinner curves where there are many.
Style HistoryStyle(const FigureLook& look, double width, double height, size_t columns) {
  Style style = StyleOf(look, width, height);
  if (columns > 2) style.unit *= columns > 3 ? 0.75 : 0.9;
  style.curve_points = 1.5;
  style.marker_points = 4.5;
  return style;
}

}  // namespace

void DrawHistory(std::span<const Report> reports, const FigureLook& look, double width, double height, Canvas* canvas) {
  const Timeline timeline = MakeTimeline(reports);
  std::vector<Onset> onsets;
  if (!look.plain) onsets = FindOnsets(timeline, look.thresholds, look.baseline);
  const DrawingOrder order = MakeDrawingOrder(timeline, onsets);
  std::vector<PanelSpec> specs;
  const auto add = [&](const MetricInfo& info) {
    specs.push_back(MakeSpec(info, timeline, order, look));
    AddOnsets(onsets, info, timeline, order, &specs.back());
  };
  for (const MetricInfo& info : AllMetrics()) {
    if (!info.title.empty() && IsMeasured(timeline, info.metric)) add(info);
  }
  // A figure without a panel would not say that nothing was measured.
  if (specs.empty()) add(InfoOf(Metric::kGradientNorm));
  const size_t columns = specs.size() == 1 ? 1 : specs.size() <= 4 ? 2 : specs.size() <= 12 ? 3 : 4;
  const Style style = HistoryStyle(look, width, height, columns);

  Headline headline("Transformer Attention over Time", style);
  if (!look.plain && !timeline.layers.empty()) {
    const std::string when = timeline.unit + " " + FormatInteger(timeline.times.back()) + ": ";
    headline.AddDiagnosis(Judge(*timeline.reports.back(), look.thresholds, look.baseline), when);
    if (std::any_of(specs.begin(), specs.end(), [](const PanelSpec& spec) { return !spec.bands.empty(); })) {
      headline.AddBandKey();
    }
  }
  headline.Draw(width, canvas);

  const ColorBar bar = MakeBar(timeline, DepthColorsOn(look.theme.background));
  const double bar_width = ColorBarWidth(bar, style);
  const Box inner = {style.outer_gap(), headline.Bottom(), width - style.outer_gap(), height - style.outer_gap()};
  std::vector<Panel> panels;
  panels.reserve(specs.size());
  for (PanelSpec& spec : specs) panels.emplace_back(std::move(spec), timeline.times, style);
  PanelGrid grid(std::move(panels), columns, style);
  grid.Fit({inner.left, inner.top, inner.right - bar_width - 2.0 * style.outer_gap(), inner.bottom});
  grid.Draw(canvas);
  DrawColorBar(bar, style, {inner.right - bar_width, grid.PlotTop(), inner.right, grid.PlotBottom()}, canvas);
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/figures/history.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "render/chart/color_bar.h"
#include "render/chart/color_map.h"
#include "render/chart/headline.h"
#include "render/chart/number_format.h"
#include "render/chart/panel_grid.h"
#include "render/figures/bad_numbers.h"
#include "render/figures/healthy_range.h"
#include "render/figures/timeline.h"
#include "report/metrics_of.h"
#include "report/pathologies.h"
#include "report/utf8.h"

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

void AddValue(const Report& report, int64_t layer, Metric metric, Series* series) {
  const LayerReport* const found = report.Find(layer);
  series->values.push_back(found == nullptr ? std::numeric_limits<double>::quiet_NaN() : found->stats.layer[metric]);
  if (found != nullptr && HasBadNumber(found->stats.layer, metric)) series->has_bad_numbers = true;
}

// Whether some layer has a value, be it a bad number.
bool IsMeasured(const Timeline& timeline, Metric metric) {
  const auto has = [&](const Report* report) {
    return std::any_of(report->layers.begin(), report->layers.end(),
                       [&](const LayerReport& layer) { return internal::IsGiven(layer.stats.layer, metric); });
  };
  return std::any_of(timeline.runs.begin(), timeline.runs.end(),
                     [&](const StageRun& run) { return std::any_of(run.reports.begin(), run.reports.end(), has); });
}

// How the lines of each stage look, beside the colour, which is their layer's.
struct StageLook {
  Dashes dashes;
  Marker marker;
};
constexpr std::array<StageLook, kMostStages> kStageLooks = {{{Dashes::kNone, Marker::kCircle},
                                                             {Dashes::kLong, Marker::kSquare},
                                                             {Dashes::kShort, Marker::kTriangle},
                                                             {Dashes::kMedium, Marker::kDiamond}}};

// Of long names the beginning and the end: all texts below the title share one line.
std::string NameOfStage(const StageRun& run) {
  constexpr size_t kMost = 24;
  constexpr size_t kFirst = 15;
  if (run.stage.empty()) return "no stage";
  std::vector<std::string> characters;
  internal::ForEachShownCharacter(run.stage, [&](std::string_view character) { characters.emplace_back(character); });
  const size_t left_out = characters.size() <= kMost ? 0 : characters.size() - kMost + 1;
  std::string name;
  for (size_t i = 0; i < characters.size(); ++i) {
    if (left_out > 0 && i == kFirst) {
      name += "…";
      i += left_out;
    }
    name += characters[i];
  }
  return name;
}

// One line of each panel.
struct Line {
  size_t run;
  size_t layer;  // index among the timeline's layers
};

// The order in which lines are drawn: those with onsets last, so that no other hides them.
struct DrawingOrder {
  std::vector<Line> lines;
  size_t first_ill = 0;  // index in `lines`

  // The index of a line.
  size_t Find(size_t run, size_t layer) const {
    const auto is_it = [&](const Line& line) { return line.run == run && line.layer == layer; };
    return static_cast<size_t>(std::find_if(lines.begin(), lines.end(), is_it) - lines.begin());
  }
};

// The onsets of each run.
using Onsets = std::vector<std::vector<Onset>>;

DrawingOrder MakeDrawingOrder(const Timeline& timeline, const Onsets& onsets) {
  DrawingOrder order;
  for (size_t run = 0; run < timeline.runs.size(); ++run) {
    for (size_t layer = 0; layer < timeline.layers.size(); ++layer) order.lines.push_back({run, layer});
  }
  const auto is_well = [&](const Line& line) {
    return std::none_of(onsets[line.run].begin(), onsets[line.run].end(),
                        [&](const Onset& onset) { return onset.layer == line.layer; });
  };
  const auto first_ill = std::stable_partition(order.lines.begin(), order.lines.end(), is_well);
  order.first_ill = static_cast<size_t>(first_ill - order.lines.begin());
  return order;
}

PanelSpec MakeSpec(const MetricInfo& info, const Timeline& timeline, const DrawingOrder& order,
                   const FigureLook& look) {
  const DepthColors colors = DepthColorsOn(look.theme.background);
  // Many lines are thin, and without markers.
  const size_t lines = order.lines.size();
  const double width = lines <= 16 ? 1.0 : lines <= 48 ? 0.75 : 0.55;
  PanelSpec spec = {.title = std::string(info.title),
                    .left = {std::string(info.axis), look.theme.text, KindOf(info.scale)}};
  for (size_t i = 0; i < lines; ++i) {
    const Line& line = order.lines[i];
    const StageRun& run = timeline.runs[line.run];
    std::string name = "layer " + FormatInteger(timeline.layers[line.layer]);
    if (timeline.runs.size() > 1) name += ", " + NameOfStage(run);
    Series series = {.name = std::move(name), .values = {}, .color = colors.Of(line.layer, timeline.layers.size())};
    series.width = i < order.first_ill ? width : 1.0;
    series.has_markers = lines <= 16;
    series.marker = kStageLooks[line.run].marker;
    series.dashes = kStageLooks[line.run].dashes;
    series.at = run.at;
    for (const Report* report : run.reports) AddValue(*report, timeline.layers[line.layer], info.metric, &series);
    spec.series.push_back(std::move(series));
  }
  // All layers share the shade: it is that of the last, as the first block's may be another one.
  const int64_t last = timeline.layers.empty() ? 0 : timeline.layers.back();
  const std::optional<HealthyRange> healthy = HealthyRangeOf(info.metric, last, look.thresholds);
  if (healthy && !look.plain) spec.bands = {{"", healthy->low, healthy->high}};
  spec.has_legend = false;
  spec.horizontal_title = timeline.unit;
  spec.unit = timeline.unit;
  spec.bridges_missing = true;  // reports may be at any distance; one may lack a layer or a value
  return spec;
}

// A panel without a finite value has no axis for its bands.
bool ShowsBand(const PanelSpec& spec) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  return !spec.bands.empty() && std::any_of(spec.series.begin(), spec.series.end(), [&](const Series& series) {
    return std::any_of(series.values.begin(), series.values.end(), is_finite);
  });
}

void AddOnsets(const Onsets& onsets, const MetricInfo& info, const Timeline& timeline, const DrawingOrder& order,
               PanelSpec* spec) {
  std::vector<Severity> worst(timeline.times.size(), Severity::kHealthy);
  for (size_t run = 0; run < onsets.size(); ++run) {
    for (const Onset& onset : onsets[run]) {
      const LayerReport* const layer = timeline.runs[run].reports[onset.report]->Find(onset.verdict.layer);
      if (layer == nullptr) continue;
      if (!internal::IsShownBy(onset.verdict, info.metric, ValuesAt(*layer, onset.verdict.head))) continue;
      const Severity severity = onset.verdict.severity;
      const size_t time = timeline.runs[run].at[onset.report];
      worst[time] = std::max(worst[time], severity);
      std::string label = "layer " + FormatInteger(timeline.layers[onset.layer]);
      if (onsets.size() > 1) label += ", " + NameOfStage(timeline.runs[run]);
      spec->rings.push_back({order.Find(run, onset.layer), onset.report, {time, severity}, std::move(label)});
    }
  }
  std::stable_sort(spec->rings.begin(), spec->rings.end(), [](const Ring& a, const Ring& b) {
    return static_cast<int>(a.flag.severity) > static_cast<int>(b.flag.severity);
  });
  for (size_t i = 0; i < worst.size(); ++i) {
    if (worst[i] != Severity::kHealthy) spec->flags.push_back({i, worst[i]});
  }
}

// What is said of the last report of each stage, or of the one that is the worst of them.
void AddLatest(const Timeline& timeline, const FigureLook& look, Headline* headline) {
  const StageRun* worst = nullptr;
  Diagnosis said;
  for (const StageRun& run : timeline.runs) {
    if (run.reports.empty()) continue;
    Diagnosis diagnosis = Judge(*run.reports.back(), look.thresholds, look.baseline);
    // Of equally ill ones the first, and rather one that was judged.
    const auto rank = [](const Diagnosis& d) {
      return std::pair(WorstSeverity(d.verdicts), d.outcome != Outcome::kNotJudged);
    };
    if (worst != nullptr && rank(diagnosis) <= rank(said)) continue;
    worst = &run;
    said = std::move(diagnosis);
  }
  if (worst == nullptr) return;
  std::string when = timeline.unit + " " + FormatInteger(timeline.times[worst->at.back()]);
  if (timeline.runs.size() > 1) when += ", " + NameOfStage(*worst);
  headline->AddDiagnosis(said, when + ": ");
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

Color DepthColors::Of(size_t layer, size_t layers) const {
  const double depth = layers > 1 ? static_cast<double>(layer) / static_cast<double>(layers - 1) : 0.5;
  return ColorMap(first_step + static_cast<int>(std::lround(depth * (last_step - first_step))));
}

DepthColors DepthColorsOn(const Color& background) {
  return ContrastTo(background) == Rgb(0x000000) ? DepthColors{10, 216} : DepthColors{64, kColorMapSteps - 1};
}

void DrawHistory(std::span<const Report> reports, const FigureLook& look, double width, double height, Canvas* canvas) {
  const Timeline timeline = MakeTimeline(reports);
  Onsets onsets(timeline.runs.size());
  for (size_t run = 0; !look.plain && run < onsets.size(); ++run) {
    onsets[run] = FindOnsets(timeline, timeline.runs[run], look.thresholds, look.baseline);
  }
  const DrawingOrder order = MakeDrawingOrder(timeline, onsets);
  std::vector<PanelSpec> specs;
  const auto add = [&](const MetricInfo& info) {
    specs.push_back(MakeSpec(info, timeline, order, look));
    AddOnsets(onsets, info, timeline, order, &specs.back());
  };
  for (const MetricInfo& info : MetricsOf(reports)) {
    if (!info.title.empty() && IsMeasured(timeline, info.metric)) add(info);
  }
  // A figure without a panel would not say that nothing was measured.
  if (specs.empty()) add(InfoOf(Metric::kEntropy));
  const size_t columns = specs.size() == 1 ? 1 : specs.size() <= 4 ? 2 : specs.size() <= 12 ? 3 : 4;
  const Style style = HistoryStyle(look, width, height, columns);

  Headline headline("Transformer Attention over Time", style);
  if (timeline.runs.size() > 1) {
    for (size_t run = 0; run < timeline.runs.size(); ++run) {
      headline.AddLineKey(NameOfStage(timeline.runs[run]), kStageLooks[run].dashes, kStageLooks[run].marker);
    }
  }
  if (!look.plain) {
    AddLatest(timeline, look, &headline);
    if (std::any_of(specs.begin(), specs.end(), ShowsBand)) {
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

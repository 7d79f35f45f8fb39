// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "render/figures/timeline.h"
#include "tools/output/report_text.h"
#include "tools/output/table_cells.h"
#include "tools/watch/sparkline.h"

namespace attnscope::tools {
namespace {

// What verdicts are mostly about comes first.
constexpr std::array kMetrics = {
    Metric::kNormalizedEntropy, Metric::kMaxRowWeight,    Metric::kSinkMass,  Metric::kResidualRatio,
    Metric::kMaxLogit,          Metric::kSaturationRatio, Metric::kEntropy,   Metric::kEffectiveRank,
    Metric::kColEntropy,        Metric::kGradientNorm,    Metric::kMaxColSum, Metric::kTop5,
};
constexpr size_t kGap = 2;
constexpr size_t kCurveWidth = 12;
constexpr size_t kValueWidth = 8;
constexpr size_t kLabelWidth = 8;

// A metric of all layers over the run.
struct Column {
  Metric metric;
  std::vector<std::vector<double>> curves = {};  // [layer][report], as they are drawn: logarithms on such axes
  SparkRange range = {};
  size_t width = 0;
};

double OnScale(Metric metric, double value) {
  if (InfoOf(metric).scale != MetricScale::kLog) return value;
  return value > 0.0 ? std::log10(value) : std::nan("");
}

double ValueOf(const Report& report, int64_t layer, Metric metric) {
  const LayerReport* const found = report.Find(layer);
  return found == nullptr ? std::nan("") : found->stats.layer[metric];
}

Column MakeColumn(Metric metric, const render::StageRun& run, std::span<const int64_t> layers) {
  Column column{.metric = metric, .width = std::max(InfoOf(metric).name.size(), kCurveWidth + 1 + kValueWidth)};
  for (const int64_t layer : layers) {
    std::vector<double>& curve = column.curves.emplace_back();
    for (const Report* report : run.reports) curve.push_back(OnScale(metric, ValueOf(*report, layer, metric)));
    column.range.Widen(curve);
  }
  return column;
}

bool HasAny(const Column& column) {
  return std::any_of(column.curves.begin(), column.curves.end(), [](const std::vector<double>& curve) {
    return std::any_of(curve.begin(), curve.end(), [](double value) { return !std::isnan(value); });
  });
}

// As many as there is room for, at least one.
std::vector<Column> MakeColumns(const render::StageRun& run, std::span<const int64_t> layers, size_t room) {
  std::vector<Column> columns;
  size_t used = kLabelWidth;
  for (const Metric metric : kMetrics) {
    Column column = MakeColumn(metric, run, layers);
    if (!HasAny(column)) continue;
    if (!columns.empty() && used + kGap + column.width > room) break;
    used += kGap + column.width;
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string Padded(std::string_view text, size_t width, bool to_right) {
  const std::string padding(width - std::min(width, text.size()), ' ');
  return to_right ? padding + std::string(text) : std::string(text) + padding;
}

std::string HeaderLine(const std::vector<Column>& columns) {
  std::string line = Padded("layer", kLabelWidth, false);
  for (const Column& column : columns) {
    line += std::string(kGap, ' ') + Padded(InfoOf(column.metric).name, column.width, true);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string LayerLine(const std::vector<Column>& columns, size_t index, int64_t layer, const Report& last,
                      const Severities& severities, bool color) {
  std::string line = Paint(Padded(std::to_string(layer), kLabelWidth, false), severities.OfPlace(layer, -1), color);
  for (const Column& column : columns) {
    const size_t curve = column.width - 1 - kValueWidth;
    const LayerReport* const found = last.Find(layer);
    const std::string value = found == nullptr ? "-" : ValueText(column.metric, found->stats.layer);
    line += std::string(kGap, ' ') + Sparkline(column.curves[index], column.range, curve) + " ";
    line += Paint(Padded(value, kValueWidth, true), severities.OfCell(layer, -1, column.metric), color);
  }
  return line + "\n";
}

// Indices of the layers that are shown, ascending: the worst of more than `most`.
std::vector<size_t> ShownLayers(std::span<const int64_t> layers, const Severities& severities, size_t most) {
  std::vector<size_t> shown(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) shown[i] = i;
  if (shown.size() <= most) return shown;
  std::stable_sort(shown.begin(), shown.end(), [&](size_t a, size_t b) {
    return severities.OfPlace(layers[a], -1) > severities.OfPlace(layers[b], -1);
  });
  shown.resize(most);
  std::sort(shown.begin(), shown.end());
  return shown;
}

const render::StageRun& LongestRun(const render::Timeline& timeline) {
  return *std::max_element(
      timeline.runs.begin(), timeline.runs.end(),
      [](const render::StageRun& a, const render::StageRun& b) { return a.reports.size() < b.reports.size(); });
}

std::string Headline(const render::StageRun& run) {
  const Report& last = *run.reports.back();
  std::string text = std::to_string(run.reports.size()) + (run.reports.size() == 1 ? " report" : " reports");
  if (!last.stage.empty()) text += ", " + last.stage;
  if (last.epoch) text += ", epoch " + std::to_string(*last.epoch);
  if (last.step) text += ", step " + std::to_string(*last.step);
  return text + "\n";
}

size_t CountLines(std::string_view text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace

std::string FormatWatch(std::span<const Report> reports, const Thresholds& thresholds, const Baseline* baseline,
                        const WatchStyle& style) {
  const render::Timeline timeline = render::MakeTimeline(reports);
  const render::StageRun& run = LongestRun(timeline);
  const Report& last = *run.reports.back();
  const Diagnosis diagnosis = Judge(last, thresholds, baseline);
  const Severities severities(diagnosis.verdicts);
  const std::vector<Column> columns = MakeColumns(run, timeline.layers, style.columns);
  std::string text = Headline(run) + HeaderLine(columns);
  const std::string found = FormatDiagnosis(diagnosis, {.color = style.color, .max_verdicts = style.max_verdicts});
  const size_t others = CountLines(text) + CountLines(found) + 3;  // the end of the table, and room for the cursor
  const size_t room = style.lines == 0 ? timeline.layers.size() : style.lines - std::min(style.lines, others);
  const std::vector<size_t> shown = ShownLayers(timeline.layers, severities, std::max(room, size_t{1}));
  for (const size_t i : shown) text += LayerLine(columns, i, timeline.layers[i], last, severities, style.color);
  const size_t hidden = timeline.layers.size() - shown.size();
  if (hidden > 0) text += "and " + std::to_string(hidden) + " more layers\n";
  return text + "\n" + found;
}

}  // namespace attnscope::tools

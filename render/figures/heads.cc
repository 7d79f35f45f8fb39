// SPDX-License-Identifier: Apache-2.0
#include "render/figures/heads.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "render/chart/color_bar.h"
#include "render/chart/color_map.h"
#include "render/chart/frame.h"
#include "render/chart/headline.h"
#include "render/chart/heat_map.h"
#include "render/chart/number_format.h"
#include "render/figures/bad_numbers.h"
#include "report/pathologies.h"

namespace attnscope::render {
namespace {

constexpr double kMapGap = 26.0;  // points, between maps, and before the colour bar

struct MapKind {
  const char* title;
  Metric metric;
};
constexpr std::array<MapKind, 3> kMaps = {{
    {"Normalized Entropy", Metric::kNormalizedEntropy},
    {"Max Row Weight", Metric::kMaxRowWeight},
    {"Sink Mass", Metric::kSinkMass},
}};

HeatMapSpec MakeSpec(const MapKind& kind, const Report& report, const std::vector<Verdict>& verdicts) {
  HeatMapSpec spec = {.title = kind.title, .values = {}};
  for (const LayerReport& layer : report.layers) {
    std::vector<double>& row = spec.values.emplace_back();
    std::vector<bool>& bad = spec.bad_numbers.emplace_back();
    for (const MetricValues& head : layer.stats.heads) {
      row.push_back(head[kind.metric]);
      bad.push_back(HasBadNumber(head, kind.metric));
    }
  }
  // The worst verdict of each head comes first.
  for (const Verdict& verdict : verdicts) {
    const LayerReport* const layer = report.Find(verdict.layer);
    if (verdict.head < 0 || layer == nullptr) continue;
    if (!internal::IsShownBy(verdict, kind.metric, ValuesAt(*layer, verdict.head))) continue;
    const auto row = static_cast<size_t>(layer - report.layers.data());
    spec.marks.push_back({row, static_cast<size_t>(verdict.head), verdict.severity});
  }
  const auto place = [](const CellMark& mark) { return std::pair(mark.row, mark.column); };
  std::stable_sort(spec.marks.begin(), spec.marks.end(),
                   [&](const CellMark& a, const CellMark& b) { return place(a) < place(b); });
  spec.marks.erase(std::unique(spec.marks.begin(), spec.marks.end(),
                               [&](const CellMark& a, const CellMark& b) { return place(a) == place(b); }),
                   spec.marks.end());
  return spec;
}

// The maps stand side by side or one above another, whichever makes cells more like squares.
class MapLayout {
 public:
  MapLayout(const Box& area, double left_margin, const Style& style, size_t rows, size_t columns)
      : area_(area), left_margin_(left_margin), style_(style) {
    // Whose logarithm is 0 for squares.
    const auto stretch = [&] {
      const Box map = MapOf(0);
      const double height = map.Height() / static_cast<double>(std::max<size_t>(rows, 1));
      const double width = map.Width() / static_cast<double>(std::max<size_t>(columns, 1));
      return std::abs(std::log(std::max(height, 1e-3) / std::max(width, 1e-3)));
    };
    const double beside = stretch();
    is_stacked_ = true;
    is_stacked_ = stretch() < beside - 1e-6;
  }

  Box MapOf(size_t i) const {
    constexpr auto kCount = static_cast<double>(kMaps.size());
    const double gap = style_.Points(kMapGap);
    const double around = MarginAbove(style_) + MarginBelow(style_);
    const auto at = static_cast<double>(i);
    const double columns = is_stacked_ ? 1.0 : kCount;
    const double rows = is_stacked_ ? kCount : 1.0;
    const double width = (area_.Width() - (columns - 1.0) * gap) / columns - left_margin_;
    const double height = (area_.Height() - (rows - 1.0) * gap) / rows - around;
    const double left = area_.left + left_margin_ + (is_stacked_ ? 0.0 : at * (width + left_margin_ + gap));
    const double top = area_.top + MarginAbove(style_) + (is_stacked_ ? at * (height + around + gap) : 0.0);
    return {left, top, left + width, top + height};
  }

 private:
  Box area_;
  double left_margin_;
  Style style_;
  bool is_stacked_ = false;
};

ColorBar MakeBar(bool shows_missing, const Style& style) {
  ColorBar bar = {.title = "Share (0 to 1)", .first_step = 0, .last_step = kColorMapSteps - 1, .ticks = {}};
  for (const double value : {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}) bar.ticks.push_back({value, FormatFixed(value, 1)});
  if (shows_missing) bar.swatches.push_back({"none", style.theme.missing});
  return bar;
}

// What is said of heads alone.
Diagnosis JudgeHeads(Report report, const FigureLook& look) {
  for (LayerReport& layer : report.layers) layer.stats.layer = MetricValues();
  Diagnosis diagnosis = Judge(report, look.thresholds, look.baseline);
  std::erase_if(diagnosis.unjudged, [](const Unjudged& unjudged) { return unjudged.head < 0; });
  return diagnosis;
}

}  // namespace

void DrawHeads(const Report& report, const FigureLook& look, double width, double height, Canvas* canvas) {
  const Style style = StyleOf(look, width, height);
  std::vector<int64_t> layers;
  size_t heads = 0;
  for (const LayerReport& layer : report.layers) {
    layers.push_back(layer.layer);
    heads = std::max(heads, layer.stats.heads.size());
  }
  Diagnosis diagnosis;
  if (!look.plain) diagnosis = JudgeHeads(report, look);

  std::string title = "Transformer Attention by Layer and Head";
  if (report.epoch) title += " - Epoch " + FormatInteger(*report.epoch);
  Headline headline(std::move(title), style);
  if (!look.plain && heads > 0) headline.AddDiagnosis(diagnosis, "");
  headline.Draw(width, canvas);

  std::vector<HeatMap> maps;
  maps.reserve(kMaps.size());
  for (const MapKind& kind : kMaps) maps.emplace_back(MakeSpec(kind, report, diagnosis.verdicts), layers, heads, style);
  const ColorBar bar =
      MakeBar(std::any_of(maps.begin(), maps.end(), [](const HeatMap& map) { return map.HasMissing(); }), style);
  const double bar_width = ColorBarWidth(bar, style);
  const Box inner = {style.outer_gap(), headline.Bottom(), width - style.outer_gap(), height - style.outer_gap()};
  const MapLayout layout({inner.left, inner.top, inner.right - bar_width - style.Points(kMapGap), inner.bottom},
                         maps[0].LeftMargin(), style, layers.size(), heads);
  for (size_t i = 0; i < maps.size(); ++i) maps[i].Draw(layout.MapOf(i), canvas);
  DrawColorBar(bar, style,
               {inner.right - bar_width, layout.MapOf(0).top, inner.right, layout.MapOf(kMaps.size() - 1).bottom},
               canvas);
}

}  // namespace attnscope::render

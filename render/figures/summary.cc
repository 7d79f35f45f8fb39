// SPDX-License-Identifier: Apache-2.0
#include "render/figures/summary.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "render/chart/headline.h"
#include "render/chart/number_format.h"
#include "render/chart/panel_grid.h"
#include "render/figures/bad_numbers.h"
#include "render/figures/healthy_range.h"
#include "report/pathologies.h"

namespace attnscope::render {
namespace {

constexpr size_t kColumns = 2;

// Curves of top-k masses that one panel has.
constexpr size_t kMostMasses = 3;

bool IsUsualMass(size_t k) { return std::find(kDefaultTopK.begin(), kDefaultTopK.end(), k) != kDefaultTopK.end(); }

// How a mass is drawn.
struct MassLook {
  size_t k;
  Marker marker;
  Color color;
  Dashes dashes;
};

Series SeriesOf(const Report& report, Metric metric, std::string name, Marker marker, const Color& color,
                int label_decimals = -1, Dashes dashes = Dashes::kNone) {
  Series series = {.name = std::move(name), .values = {}, .marker = marker, .color = color};
  series.label_decimals = label_decimals;
  series.dashes = dashes;
  series.values.reserve(report.layers.size());
  for (const LayerReport& layer : report.layers) {
    series.values.push_back(layer.stats.layer[metric]);
    series.has_bad_numbers = series.has_bad_numbers || HasBadNumber(layer.stats.layer, metric);
  }
  return series;
}

std::vector<Band> BandsOf(Metric metric, const Report& report, const FigureLook& look) {
  constexpr const char* kName = "Healthy Range";
  const int64_t last = report.layers.empty() ? 0 : report.layers.back().layer;
  const std::optional<HealthyRange> range = HealthyRangeOf(metric, last, look.thresholds);
  std::vector<Band> bands;
  if (range) bands.push_back({kName, range->low, range->high});
  if (last == 0 || report.layers.front().layer != 0) return bands;
  // The first block's range may be another one. It is shown as far as the others' axis goes.
  const std::optional<HealthyRange> first = HealthyRangeOf(metric, 0, look.thresholds);
  if (range && first && range->low == first->low && range->high == first->high) return bands;
  if (range) bands[0].at.first = 1;
  if (first) bands.push_back({range ? "" : kName, first->low, first->high, {0, 1}, !range});
  return bands;
}

PanelSpec EntropyPanel(const Report& report, const Theme& theme) {
  return {.title = "Attention Entropy per Layer",
          .left = {"Entropy (nats)", theme.text},
          .series = {SeriesOf(report, Metric::kEntropy, "Attention Entropy", Marker::kCircle, theme.data.entropy, 2)}};
}

PanelSpec EffectiveRankPanel(const Report& report, const FigureLook& look) {
  const Theme& theme = look.theme;
  return {.title = "Attention Concentration (Effective Rank)",
          .left = {"Effective Rank (# effective positions)", theme.text, Axis::Kind::kLog},
          .series = {SeriesOf(report, Metric::kEffectiveRank, "Effective Rank", Marker::kSquare,
                              theme.data.effective_rank, 1)},
          .bands = BandsOf(Metric::kEffectiveRank, report, look)};
}

// Up to three top-k masses: 5, 10 and 50 where the report has all of them, or none at all; else the first ones.
std::vector<MetricInfo> ShownMasses(const Report& report) {
  std::vector<MetricInfo> masses;
  bool has_usual = true;
  for (const MetricInfo& info : MetricsOf(std::span(&report, 1))) {
    if (info.top_k == 0) continue;
    const bool has = std::any_of(report.layers.begin(), report.layers.end(),
                                 [&](const LayerReport& layer) { return layer.stats.layer.Has(info.metric); });
    if (has) masses.push_back(info);
    has_usual = has_usual && (has || !IsUsualMass(info.top_k));
  }
  if (has_usual || masses.empty()) return {InfoOf(Metric::kTop5), InfoOf(Metric::kTop10), InfoOf(Metric::kTop50)};
  if (masses.size() > kMostMasses) masses.resize(kMostMasses);
  return masses;
}

PanelSpec TopKPanel(const Report& report, const Theme& theme) {
  const MassLook usual[kMostMasses] = {{5, Marker::kCircle, theme.data.top5, Dashes::kNone},
                                       {10, Marker::kSquare, theme.data.top10, Dashes::kLong},
                                       {50, Marker::kTriangle, theme.data.top50, Dashes::kShort}};
  const std::vector<MetricInfo> masses = ShownMasses(report);
  // A mass that has a look of its own keeps it; the others take those that are left, in order.
  std::vector<MassLook> left;
  for (const MassLook& look : usual) {
    const auto is_its = [&](const MetricInfo& info) { return info.top_k == look.k; };
    if (std::none_of(masses.begin(), masses.end(), is_its)) left.push_back(look);
  }
  PanelSpec spec = {.title = "Top-K Attention Concentration",
                    .left = {"Fraction of Attention Mass", theme.text, Axis::Kind::kShare}};
  size_t next = 0;
  for (const MetricInfo& info : masses) {
    const auto* const own =
        std::find_if(std::begin(usual), std::end(usual), [&](const MassLook& look) { return look.k == info.top_k; });
    const MassLook& look = own != std::end(usual) ? *own : left[next++];
    spec.series.push_back(
        SeriesOf(report, info.metric, std::string(info.title), look.marker, look.color, -1, look.dashes));
  }
  return spec;
}

PanelSpec MaxRowWeightPanel(const Report& report, const FigureLook& look) {
  const Theme& theme = look.theme;
  return {.title = "Max Row Weight (One-Hot Detection)",
          .left = {"Max Attention Weight", theme.text, Axis::Kind::kShare},
          .series = {SeriesOf(report, Metric::kMaxRowWeight, "Max Row Weight", Marker::kDiamond,
                              theme.data.max_row_weight, 3)},
          .bands = BandsOf(Metric::kMaxRowWeight, report, look)};
}

PanelSpec ColumnPanel(const Report& report, const Theme& theme) {
  Series sums = SeriesOf(report, Metric::kMaxColSum, "Max Column Sum", Marker::kSquare, theme.data.max_col_sum, -1,
                         Dashes::kLong);
  sums.on_right_axis = true;
  return {.title = "Column Concentration (Sink Collapse Detection)",
          .left = {"Column Entropy (nats)", theme.data.col_entropy},
          .right = Axis{"Max Column Sum", theme.data.max_col_sum},
          .series = {SeriesOf(report, Metric::kColEntropy, "Column Entropy", Marker::kCircle, theme.data.col_entropy),
                     std::move(sums)}};
}

PanelSpec ResidualPanel(const Report& report, const FigureLook& look) {
  const Theme& theme = look.theme;
  PanelSpec spec = {.title = "Residual Update Ratio (Layer Health)",
                    .left = {"Update Ratio (||Δx|| / ||x||)", theme.text, Axis::Kind::kLog},
                    .series = {SeriesOf(report, Metric::kResidualRatio, "Residual Update Ratio", Marker::kDiamond,
                                        theme.data.residual_ratio, 3)},
                    .bands = BandsOf(Metric::kResidualRatio, report, look)};
  if (spec.bands.empty()) return spec;
  // Those of all layers but the first block, whose shade is enough.
  const Band& band = spec.bands.front();
  const bool same_low = spec.bands.back().low == band.low;
  // The axis is logarithmic, and an end without a bound is infinite.
  if (band.low > 0.0) {
    spec.bounds.push_back({"Healthy Lower Bound", band.low, theme.data.lower_bound, Dashes::kMedium,
                           same_low ? PositionRange() : band.at});
  }
  if (std::isfinite(band.high)) {
    spec.bounds.push_back({"Healthy Upper Bound", band.high, theme.data.upper_bound, Dashes::kLong, band.at});
  }
  return spec;
}

// The bare reference layout: all that this tool adds to it is left out.
void MakePlain(PanelSpec* spec) {
  spec->bands.clear();
  for (Series& series : spec->series) series.dashes = Dashes::kNone;
  for (Bound& bound : spec->bounds) {
    bound.dashes = Dashes::kLong;
    bound.at = {};
  }
}

// Marks the layers that have a verdict that this metric shows, of themselves or of a head; a layer's own verdict also
// shades it.
void AddFlags(const Report& report, const std::vector<Verdict>& verdicts, Metric metric, PanelSpec* spec) {
  std::vector<Severity> worst(report.layers.size(), Severity::kHealthy);
  std::vector<Severity> own = worst;
  for (const Verdict& verdict : verdicts) {
    const LayerReport* const layer = report.Find(verdict.layer);
    if (layer == nullptr || !internal::IsShownBy(verdict, metric, ValuesAt(*layer, verdict.head))) continue;
    const auto i = static_cast<size_t>(layer - report.layers.data());
    worst[i] = std::max(worst[i], verdict.severity);
    if (verdict.head < 0) own[i] = std::max(own[i], verdict.severity);
  }
  for (size_t i = 0; i < worst.size(); ++i) {
    if (worst[i] != Severity::kHealthy) spec->flags.push_back({i, worst[i], own[i]});
  }
}

std::vector<PanelSpec> MakeSpecs(const Report& report, const FigureLook& look, const std::vector<Verdict>& verdicts) {
  const Theme& theme = look.theme;
  std::vector<PanelSpec> specs;
  // The panel has the marks of this metric.
  const auto add = [&](Metric marks, PanelSpec spec) {
    if (look.plain) {
      MakePlain(&spec);
    } else {
      AddFlags(report, verdicts, marks, &spec);
    }
    specs.push_back(std::move(spec));
  };
  add(Metric::kEntropy, EntropyPanel(report, theme));
  add(Metric::kEffectiveRank, EffectiveRankPanel(report, look));
  add(Metric::kEffectiveRank, TopKPanel(report, theme));  // the mass of few keys is another view of the rank
  add(Metric::kMaxRowWeight, MaxRowWeightPanel(report, look));
  add(Metric::kColEntropy, ColumnPanel(report, theme));
  add(Metric::kResidualRatio, ResidualPanel(report, look));
  return specs;
}

}  // namespace

void DrawSummary(const Report& report, const FigureLook& look, double width, double height, Canvas* canvas) {
  const Style style = StyleOf(look, width, height);
  std::vector<int64_t> layers;
  for (const LayerReport& layer : report.layers) layers.push_back(layer.layer);
  Diagnosis diagnosis;
  if (!look.plain) diagnosis = Judge(report, look.thresholds, look.baseline);

  std::vector<Panel> panels;
  for (PanelSpec& spec : MakeSpecs(report, look, diagnosis.verdicts)) {
    panels.emplace_back(std::move(spec), layers, style);
  }

  std::string title = "Transformer Attention Diagnostics";
  if (report.epoch) title += " - Epoch " + FormatInteger(*report.epoch);
  Headline headline(std::move(title), style);
  if (!look.plain) headline.AddDiagnosis(diagnosis, "");
  headline.Draw(width, canvas);

  PanelGrid grid(std::move(panels), kColumns, style);
  grid.Fit({style.outer_gap(), headline.Bottom(), width - style.outer_gap(), height - style.outer_gap()});
  grid.Draw(canvas);
}

}  // namespace attnscope::render

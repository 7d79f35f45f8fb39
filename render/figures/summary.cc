// SPDX-License-Identifier: Apache-2.0
#include "render/figures/summary.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "render/chart/headline.h"
#include "render/chart/number_format.h"
#include "render/chart/panel_grid.h"

namespace attnscope::render {
namespace {

constexpr size_t kColumns = 2;

std::vector<double> ValuesOf(const Report& report, Metric metric) {
  std::vector<double> values;
  values.reserve(report.layers.size());
  for (const LayerReport& layer : report.layers) values.push_back(layer.stats.layer[metric]);
  return values;
}

PanelSpec EntropyPanel(const Report& report, const Theme& theme) {
  return {.title = "Attention Entropy per Layer",
          .left = {"Entropy (nats)", theme.text},
          .series = {{"Attention Entropy", ValuesOf(report, Metric::kEntropy), Marker::kCircle, theme.data.entropy,
                      false, 2}}};
}

PanelSpec EffectiveRankPanel(const Report& report, const Theme& theme) {
  return {.title = "Attention Concentration (Effective Rank)",
          .left = {"Effective Rank (# effective positions)", theme.text, Axis::Kind::kLog},
          .series = {{"Effective Rank", ValuesOf(report, Metric::kEffectiveRank), Marker::kSquare,
                      theme.data.effective_rank, false, 1}},
          .bands = {{"Healthy Range", 5.0, 50.0}}};
}

PanelSpec TopKPanel(const Report& report, const Theme& theme) {
  return {.title = "Top-K Attention Concentration",
          .left = {"Fraction of Attention Mass", theme.text, Axis::Kind::kShare},
          .series = {{"Top-5 Mass", ValuesOf(report, Metric::kTop5), Marker::kCircle, theme.data.top5},
                     {"Top-10 Mass", ValuesOf(report, Metric::kTop10), Marker::kSquare, theme.data.top10, false, -1,
                      Dashes::kLong},
                     {"Top-50 Mass", ValuesOf(report, Metric::kTop50), Marker::kTriangle, theme.data.top50, false, -1,
                      Dashes::kShort}}};
}

PanelSpec MaxRowWeightPanel(const Report& report, const Theme& theme) {
  return {.title = "Max Row Weight (One-Hot Detection)",
          .left = {"Max Attention Weight", theme.text, Axis::Kind::kShare},
          .series = {{"Max Row Weight", ValuesOf(report, Metric::kMaxRowWeight), Marker::kDiamond,
                      theme.data.max_row_weight, false, 3}},
          .bands = {{"Healthy Range", 0.1, 0.5}}};
}

PanelSpec ColumnPanel(const Report& report, const Theme& theme) {
  return {.title = "Column Concentration (Sink Collapse Detection)",
          .left = {"Column Entropy (nats)", theme.data.col_entropy},
          .right = Axis{"Max Column Sum", theme.data.max_col_sum},
          .series = {{"Column Entropy", ValuesOf(report, Metric::kColEntropy), Marker::kCircle, theme.data.col_entropy},
                     {"Max Column Sum", ValuesOf(report, Metric::kMaxColSum), Marker::kSquare, theme.data.max_col_sum,
                      true, -1, Dashes::kLong}}};
}

PanelSpec ResidualPanel(const Report& report, const Theme& theme) {
  return {.title = "Residual Update Ratio (Layer Health)",
          .left = {"Update Ratio (||Δx|| / ||x||)", theme.text, Axis::Kind::kLog},
          .series = {{"Residual Update Ratio", ValuesOf(report, Metric::kResidualRatio), Marker::kDiamond,
                      theme.data.residual_ratio, false, 3}},
          .bounds = {{"Healthy Lower Bound", 0.1, theme.data.lower_bound, Dashes::kMedium},
                     {"Healthy Upper Bound", 1.0, theme.data.upper_bound, Dashes::kLong}},
          .bands = {{"Healthy Range", 0.1, 1.0}}};
}

// The bare reference layout: all that this tool adds to it is left out.
void MakePlain(PanelSpec* spec) {
  spec->bands.clear();
  for (Series& series : spec->series) series.dashes = Dashes::kNone;
  for (Bound& bound : spec->bounds) bound.dashes = Dashes::kLong;
}

// Marks the layers that have a verdict of these kinds, of themselves or of a head; a layer's own verdict also shades
// it.
void AddFlags(const Report& report, const std::vector<Verdict>& verdicts, std::initializer_list<Pathology> pathologies,
              PanelSpec* spec) {
  std::vector<Severity> worst(report.layers.size(), Severity::kHealthy);
  std::vector<Severity> own = worst;
  for (const Verdict& verdict : verdicts) {
    if (std::find(pathologies.begin(), pathologies.end(), verdict.pathology) == pathologies.end()) continue;
    const LayerReport* const layer = report.Find(verdict.layer);
    if (layer == nullptr) continue;
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
  std::vector<PanelSpec> specs = {EntropyPanel(report, theme), EffectiveRankPanel(report, theme),
                                  TopKPanel(report, theme),    MaxRowWeightPanel(report, theme),
                                  ColumnPanel(report, theme),  ResidualPanel(report, theme)};
  if (look.plain) {
    for (PanelSpec& spec : specs) MakePlain(&spec);
    return specs;
  }
  using enum Pathology;
  for (const size_t panel : {size_t{0}, size_t{1}, size_t{2}}) {
    AddFlags(report, verdicts, {kOneHotCollapse, kUniformAttention, kBadNumbers}, &specs[panel]);
  }
  AddFlags(report, verdicts, {kOneHotCollapse, kSaturatedSoftmax, kBadNumbers}, &specs[3]);
  AddFlags(report, verdicts, {kSinkCollapse, kBadNumbers}, &specs[4]);
  AddFlags(report, verdicts, {kVanishingLayer, kExplodingUpdate}, &specs[5]);
  return specs;
}

}  // namespace

void DrawSummary(const Report& report, const FigureLook& look, double width, double height, Canvas* canvas) {
  const Style style = StyleOf(look, width, height);
  std::vector<int64_t> layers;
  for (const LayerReport& layer : report.layers) layers.push_back(layer.layer);
  std::vector<Verdict> verdicts;
  if (!look.plain) verdicts = Diagnose(report, look.thresholds);

  std::vector<Panel> panels;
  for (PanelSpec& spec : MakeSpecs(report, look, verdicts)) panels.emplace_back(std::move(spec), layers, style);

  std::string title = "Transformer Attention Diagnostics";
  if (report.epoch) title += " - Epoch " + FormatInteger(*report.epoch);
  Headline headline(std::move(title), style);
  if (!look.plain && !layers.empty()) headline.AddVerdicts(verdicts, "");
  headline.Draw(width, canvas);

  PanelGrid grid(std::move(panels), kColumns, style);
  grid.Fit({style.outer_gap(), headline.Bottom(), width - style.outer_gap(), height - style.outer_gap()});
  grid.Draw(canvas);
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/summary.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "render/number_format.h"
#include "render/panel.h"

namespace attnscope::render {
namespace {

constexpr size_t kRows = 3;
constexpr size_t kColumns = 2;

constexpr Color kSteel = Rgb(0x7191A9);
constexpr Color kRed = Rgb(0xB73C39);
constexpr Color kBlack = Rgb(0x000000);
constexpr Color kOrange = Rgb(0xCC8250);
constexpr Color kOlive = Rgb(0x6B8D3A);
constexpr Color kDeepBlue = Rgb(0x34699D);
constexpr Color kTeal = Rgb(0x3D796E);
constexpr Color kGreen = Rgb(0x4A9C60);
constexpr Color kBlue = Rgb(0x3978B5);

constexpr double kCurveAlpha = 0.8;  // of curves that often lie on one another
constexpr double kBoundAlpha = 0.5;

constexpr Color Translucent(Color color, double alpha) {
  color.alpha = alpha;
  return color;
}

std::vector<double> ValuesOf(const Report& report, Metric metric) {
  std::vector<double> values;
  values.reserve(report.layers.size());
  for (const LayerReport& layer : report.layers) values.push_back(layer.stats.layer[metric]);
  return values;
}

PanelSpec EntropyPanel(const Report& report, const Theme& theme) {
  return {.title = "Attention Entropy per Layer",
          .left = {"Entropy (nats)", theme.text},
          .series = {{"Attention Entropy", ValuesOf(report, Metric::kEntropy), Marker::kCircle, kSteel, false, 2}}};
}

PanelSpec EffectiveRankPanel(const Report& report, const Theme& theme) {
  return {.title = "Attention Concentration (Effective Rank)",
          .left = {"Effective Rank (# effective positions)", theme.text, Axis::Kind::kLog},
          .series = {{"Effective Rank", ValuesOf(report, Metric::kEffectiveRank), Marker::kSquare, kRed, false, 1}}};
}

PanelSpec TopKPanel(const Report& report, const Theme& theme) {
  return {.title = "Top-K Attention Concentration",
          .left = {"Fraction of Attention Mass", theme.text, Axis::Kind::kShare},
          .series = {
              {"Top-5 Mass", ValuesOf(report, Metric::kTop5), Marker::kCircle, Translucent(kBlack, kCurveAlpha)},
              {"Top-10 Mass", ValuesOf(report, Metric::kTop10), Marker::kSquare, Translucent(kOrange, kCurveAlpha)},
              {"Top-50 Mass", ValuesOf(report, Metric::kTop50), Marker::kTriangle, Translucent(kOlive, kCurveAlpha)}}};
}

PanelSpec MaxRowWeightPanel(const Report& report, const Theme& theme) {
  return {
      .title = "Max Row Weight (One-Hot Detection)",
      .left = {"Max Attention Weight", theme.text, Axis::Kind::kShare},
      .series = {{"Max Row Weight", ValuesOf(report, Metric::kMaxRowWeight), Marker::kDiamond, kDeepBlue, false, 3}}};
}

PanelSpec ColumnPanel(const Report& report) {
  return {.title = "Column Concentration (Sink Collapse Detection)",
          .left = {"Column Entropy (nats)", kTeal},
          .right = Axis{"Max Column Sum", kGreen},
          .series = {{"Column Entropy", ValuesOf(report, Metric::kColEntropy), Marker::kCircle, kTeal},
                     {"Max Column Sum", ValuesOf(report, Metric::kMaxColSum), Marker::kSquare, kGreen, true}}};
}

PanelSpec ResidualPanel(const Report& report, const Theme& theme) {
  return {.title = "Residual Update Ratio (Layer Health)",
          .left = {"Update Ratio (||Δx|| / ||x||)", theme.text, Axis::Kind::kLog},
          .series = {{"Residual Update Ratio", ValuesOf(report, Metric::kResidualRatio), Marker::kDiamond, kBlue, false,
                      3}},
          .bounds = {{"Healthy Lower Bound", 0.1, Translucent(kOlive, kBoundAlpha)},
                     {"Healthy Upper Bound", 1.0, Translucent(kRed, kBoundAlpha)}}};
}

// Text of full size needs a figure of about this size.
constexpr double kFullTextWidth = 1400.0;
constexpr double kFullTextHeight = 1050.0;
// A legend's height above a plot is found before the plot's final width, which may be a little less than it was.
constexpr double kSafely = 0.9;
constexpr double kMinTextShare = 0.42;

// Distances in points.
constexpr double kOuterGap = 10.0;   // between the figure's border and what is in it
constexpr double kRowGap = 14.0;     // between one row's axis titles and the next row's panel titles
constexpr double kColumnGap = 20.0;  // between the columns
constexpr double kTitleGap = 14.0;   // below the figure's title

class SummaryLayout {
 public:
  SummaryLayout(std::vector<Panel>* panels, const Style& style, double width, double height)
      : panels_(*panels), style_(style), width_(width), height_(height) {}

  // Places all panels; legends that find no free corner get room above their plot. That makes all plots lower, and may
  // leave another legend without a corner, so it is repeated: at most once for each panel.
  void Fit() {
    for (bool all_fit = false; !all_fit;) {
      FitOnce();
      all_fit = true;
      for (size_t i = 0; i < panels_.size(); ++i) {
        if (panels_[i].LegendFits()) continue;
        legend_above_[i] = true;
        all_fit = false;
      }
    }
  }

  double TitleBaseline() const { return style_.Points(kOuterGap) + CapHeight(Face::kBold, style_.figure_title()); }

 private:
  void FitOnce() {
    const double outer = style_.Points(kOuterGap);
    const double around = Panel::TopMargin(style_) + Panel::BottomMargin(style_);
    std::array<double, kRows> legend_room = {};
    for (size_t i = 0; i < panels_.size(); ++i) {
      if (legend_above_[i]) {
        double& room = legend_room[i / kColumns];
        room = std::max(room, panels_[i].LegendHeightAbove(kSafely * plot_width_));
      }
    }
    double top = TitleBaseline() + style_.Points(kTitleGap);
    const double row_gap = style_.Points(kRowGap);
    double plot_height = height_ - outer - top - kRows * around - (kRows - 1) * row_gap;
    for (const double room : legend_room) plot_height -= room;
    plot_height /= kRows;
    for (Panel& panel : panels_) panel.FitValues(plot_height);
    const auto margins = FitColumns();
    for (size_t row = 0; row < kRows; ++row) {
      double left = outer;
      top += Panel::TopMargin(style_) + legend_room[row];
      for (size_t column = 0; column < kColumns; ++column) {
        const size_t i = row * kColumns + column;
        left += margins[column].left;
        panels_[i].Fit({.plot = {left, top, left + plot_width_, top + plot_height},
                        .left_margin = margins[column].left,
                        .right_margin = margins[column].right,
                        .legend_above = legend_above_[i]});
        left += plot_width_ + margins[column].right + style_.Points(kColumnGap);
      }
      top += plot_height + Panel::BottomMargin(style_) + row_gap;
    }
  }

  struct Margins {
    double left = 0.0;
    double right = 0.0;
  };

  // All plots have one width, and those of a column the same margins.
  std::array<Margins, kColumns> FitColumns() {
    std::array<Margins, kColumns> margins = {};
    for (size_t i = 0; i < panels_.size(); ++i) {
      Margins& margin = margins[i % kColumns];
      margin.left = std::max(margin.left, panels_[i].LeftMargin());
      margin.right = std::max(margin.right, panels_[i].RightMargin());
    }
    double free = width_ - 2.0 * style_.Points(kOuterGap) - (kColumns - 1) * style_.Points(kColumnGap);
    for (const Margins& margin : margins) free -= margin.left + margin.right;
    plot_width_ = free / kColumns;
    return margins;
  }

  std::vector<Panel>& panels_;
  Style style_;
  double width_;
  double height_;
  double plot_width_ = 0.0;
  std::array<bool, kRows* kColumns> legend_above_ = {};
};

}  // namespace

void DrawSummary(const Report& report, double width, double height, Canvas* canvas) {
  Style style;
  style.unit *= std::clamp(std::min(width / kFullTextWidth, height / kFullTextHeight), kMinTextShare, 1.0);
  std::vector<int64_t> layers;
  for (const LayerReport& layer : report.layers) layers.push_back(layer.layer);

  std::vector<Panel> panels;
  for (PanelSpec& spec : std::array<PanelSpec, kRows * kColumns>{
           EntropyPanel(report, style.theme), EffectiveRankPanel(report, style.theme), TopKPanel(report, style.theme),
           MaxRowWeightPanel(report, style.theme), ColumnPanel(report), ResidualPanel(report, style.theme)}) {
    panels.emplace_back(std::move(spec), layers, style);
  }
  SummaryLayout layout(&panels, style, width, height);
  layout.Fit();

  std::string title = "Transformer Attention Diagnostics";
  if (report.epoch) title += " - Epoch " + FormatInteger(*report.epoch);
  const double title_size =
      FittingSize(title, Face::kBold, style.figure_title(), width - 2.0 * style.Points(kOuterGap));
  canvas->DrawText(title, {0.5 * width, layout.TitleBaseline()},
                   {.face = Face::kBold, .size = title_size, .color = style.theme.text, .align = Align::kCenter});
  for (const Panel& panel : panels) panel.Draw(canvas);
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/figures/keys.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "render/chart/headline.h"
#include "render/chart/number_format.h"
#include "render/chart/panel_grid.h"

namespace attnscope::render {
namespace {

// What one panel is drawn from: keys of a profile, several to a point where there are more than can be told apart.
struct Points {
  std::vector<int64_t> positions;  // the first key of each
  std::vector<double> mean;
  std::vector<double> largest;
  size_t keys_each = 1;
};

// A hundredth of an even share is as good as nothing, and would only lengthen the logarithmic axis.
double Shown(double share, size_t keys) { return share * static_cast<double>(keys) < 0.01 ? 0.0 : share; }

// The largest share of each point's keys, so that no sink is lost; NaN where none is a number.
std::vector<double> Pooled(const std::vector<double>& shares, size_t keys_each) {
  std::vector<double> pooled;
  for (size_t begin = 0; begin < shares.size(); begin += keys_each) {
    double most = std::numeric_limits<double>::quiet_NaN();
    for (size_t key = begin; key < std::min(begin + keys_each, shares.size()); ++key)
      most = std::fmax(most, shares[key]);
    pooled.push_back(Shown(most, shares.size()));
  }
  return pooled;
}

Points PointsOf(const KeyProfile& profile, size_t most_points) {
  Points points;
  const size_t keys = profile.mean.size();
  points.keys_each = (keys + most_points - 1) / most_points;
  points.keys_each = std::max<size_t>(points.keys_each, 1);
  for (size_t key = 0; key < keys; key += points.keys_each) points.positions.push_back(static_cast<int64_t>(key));
  points.mean = Pooled(profile.mean, points.keys_each);
  points.largest = Pooled(profile.largest, points.keys_each);
  return points;
}

// Of those that are numbers, the first of equals.
size_t IndexOfLargest(const std::vector<double>& values) {
  size_t largest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > values[largest] || std::isnan(values[largest])) largest = i;
  }
  return largest;
}

// "Layer 3 - head 5: 0.83 at key 0".
std::string TitleOf(const KeyProfile& profile) {
  std::string name = "Layer " + FormatInteger(profile.layer);
  if (profile.largest.empty()) return name;
  name += " - head " + FormatInteger(profile.largest_head);
  const auto most = profile.largest.begin() + static_cast<std::ptrdiff_t>(IndexOfLargest(profile.largest));
  if (!std::isfinite(*most)) return name;
  const double share = std::clamp(*most, 0.0, 1e300);
  return name + ": " + FormatCompact(share, share < 0.1 ? 3 : 2) + " at key " +
         FormatInteger(most - profile.largest.begin());
}

// With as few digits as tell it.
std::string BoundText(double bound) {
  int decimals = 1;
  for (double scaled = 10.0 * bound; decimals < 4 && std::abs(scaled - std::round(scaled)) > 1e-9; scaled *= 10.0) {
    ++decimals;
  }
  return FormatCompact(bound, decimals);
}

bool ShowsBound(const FigureLook& look) {
  return !look.plain && std::isfinite(look.thresholds.sink_mass_warning) && look.thresholds.sink_mass_warning > 0.0;
}

PanelSpec MakeSpec(const KeyProfile& profile, const Points& points, const FigureLook& look) {
  PanelSpec spec = {.title = TitleOf(profile), .left = {"Share of attention", look.theme.text, Axis::Kind::kLog}};
  const DataColors& colors = look.theme.data;
  if (!points.largest.empty()) {
    Series largest = {.name = "head " + FormatInteger(profile.largest_head),
                      .values = points.largest,
                      .color = colors.effective_rank};
    largest.dashes = Dashes::kShort;
    largest.has_markers = false;
    spec.series.push_back(largest);
    // Its largest share is marked.
    largest.marker = Marker::kDiamond;
    largest.has_markers = true;
    largest.at = {IndexOfLargest(largest.values)};
    largest.values = {largest.values[largest.at[0]]};
    spec.series.push_back(std::move(largest));
  }
  Series mean = {.name = "mean over heads", .values = points.mean, .color = colors.max_row_weight};
  mean.has_markers = false;
  spec.series.push_back(std::move(mean));
  const double bound = look.thresholds.sink_mass_warning;
  if (ShowsBound(look)) {
    spec.bounds.push_back({"a sink above", bound, colors.upper_bound});
  }
  spec.has_legend = false;  // the headline's keys hold for all panels
  spec.horizontal_title = "Key Position";
  spec.unit = "key";
  return spec;
}

// Of all panels; zero too, if there is one.
std::vector<double> ExtremesOf(const std::vector<Points>& all) {
  double least = std::numeric_limits<double>::infinity();
  double most = 0.0;
  bool has_zero = false;
  for (const Points& points : all) {
    for (const std::vector<double>* shares : {&points.mean, &points.largest}) {
      for (const double share : *shares) {
        if (!std::isfinite(share)) continue;
        has_zero |= share <= 0.0;
        if (share <= 0.0) continue;
        least = std::min(least, share);
        most = std::max(most, share);
      }
    }
  }
  std::vector<double> extremes;
  if (most > 0.0) extremes = {least, most};
  if (has_zero) extremes.push_back(0.0);
  return extremes;
}

size_t ColumnsFor(size_t panels) {
  return panels == 1 ? 1 : panels <= 4 ? 2 : panels <= 9 ? 3 : panels <= 16 ? 4 : panels <= 25 ? 5 : 6;
}

// Smaller text where there are many panels.
Style KeysStyle(const FigureLook& look, double width, double height, size_t columns) {
  Style style = StyleOf(look, width, height);
  if (columns > 2) style.unit *= columns > 4 ? 0.62 : columns > 3 ? 0.75 : 0.9;
  style.curve_points = 1.5;
  return style;
}

// Explains the lines.
void AddKeys(std::span<const KeyProfile> profiles, const FigureLook& look, Headline* headline) {
  const DataColors& colors = look.theme.data;
  headline->AddCurveKey("mean over heads", Dashes::kNone, std::nullopt, colors.max_row_weight);
  const auto has_largest = [](const KeyProfile& profile) { return !profile.largest.empty(); };
  if (std::any_of(profiles.begin(), profiles.end(), has_largest)) {
    headline->AddCurveKey("the head with the largest share", Dashes::kShort, Marker::kDiamond, colors.effective_rank);
  }
  if (!ShowsBound(look)) return;
  headline->AddCurveKey("a sink above " + BoundText(look.thresholds.sink_mass_warning), Dashes::kLong, std::nullopt,
                        colors.upper_bound);
}

}  // namespace

void DrawKeys(std::span<const KeyProfile> profiles, const Report* report, const FigureLook& look, double width,
              double height, Canvas* canvas) {
  const size_t columns = ColumnsFor(profiles.size());
  const Style style = KeysStyle(look, width, height, columns);
  const auto most_points = static_cast<size_t>(std::max(64.0, 0.4 * width / static_cast<double>(columns)));
  std::vector<Points> points;
  for (const KeyProfile& profile : profiles) points.push_back(PointsOf(profile, most_points));

  Headline headline("Transformer Attention by Key Position", style);
  if (report != nullptr && !look.plain) {
    headline.AddDiagnosis(Judge(*report, look.thresholds, look.baseline), "");
  }
  AddKeys(profiles, look, &headline);
  const auto by_keys = [](const Points& a, const Points& b) { return a.keys_each < b.keys_each; };
  const size_t keys_each = std::max_element(points.begin(), points.end(), by_keys)->keys_each;
  if (keys_each > 1) headline.AddNote("each point is the largest of " + std::to_string(keys_each) + " keys");
  headline.Draw(width, canvas);

  const std::vector<double> extremes = ExtremesOf(points);
  std::vector<Panel> panels;
  panels.reserve(profiles.size());
  for (size_t i = 0; i < profiles.size(); ++i) {
    PanelSpec spec = MakeSpec(profiles[i], points[i], look);
    spec.other_values = extremes;
    panels.emplace_back(std::move(spec), points[i].positions, style);
  }
  PanelGrid grid(std::move(panels), columns, style);
  grid.Fit({style.outer_gap(), headline.Bottom(), width - style.outer_gap(), height - style.outer_gap()});
  grid.Draw(canvas);
}

}  // namespace attnscope::render

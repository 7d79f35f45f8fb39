// SPDX-License-Identifier: Apache-2.0
//
// One panel of a figure: curves over the layer index (or over time), with axes, ticks, grid, healthy ranges, flags,
// value labels and a legend.
#ifndef ATTNSCOPE_RENDER_CHART_PANEL_H_
#define ATTNSCOPE_RENDER_CHART_PANEL_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "render/chart/curve.h"
#include "render/chart/flag.h"
#include "render/chart/frame.h"
#include "render/chart/legend.h"
#include "render/chart/scale.h"
#include "render/chart/style.h"
#include "render/chart/ticks.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

struct Series {
  std::string name;            // in the legend, and for those who point at it; empty: not there
  std::vector<double> values;  // one for each position, or of `at`; what is not finite is missing
  Marker marker = Marker::kCircle;
  Color color;
  bool on_right_axis = false;
  // Digits after the point of the labels beside the points; no labels if negative.
  int label_decimals = -1;
  Dashes dashes = Dashes::kNone;
  double width = 1.0;       // times the style's
  bool has_markers = true;  // if not, only points that stand alone are marked
  // Positions that have a value, by their index, ascending: others are none of this series, and not missing. Empty:
  // all.
  std::vector<size_t> at = {};

  // Where no value is finite: some were given, or would be there but for NaN.
  bool has_bad_numbers = false;

  size_t IndexOf(size_t i) const { return at.empty() ? i : at[i]; }
};

// The positions from `first` to before `end`, by their index.
struct PositionRange {
  size_t first = 0;
  size_t end = std::numeric_limits<size_t>::max();

  bool Has(size_t index) const { return first <= index && index < end; }
};

// A dashed horizontal line.
struct Bound {
  std::string name;
  double value = 0.0;
  Color color;
  Dashes dashes = Dashes::kLong;
  PositionRange at = {};
};

// A range of values that is shaded. An end may be infinite: the shade then reaches the frame.
struct Band {
  std::string name;  // in the legend; empty: not there
  double low = 0.0;
  double high = 0.0;
  PositionRange at = {};
  bool widens_axis = true;  // a logarithmic axis shows its ends
};

// A point of a curve that is ringed, and named where there is room.
struct Ring {
  size_t series = 0;
  size_t value = 0;  // among the series' values
  Flag flag;
  std::string label;
};

struct Axis {
  enum class Kind : uint8_t {
    kLinear,
    kShare,  // 0 to 1; linear if a value is outside
    kLog,
  };
  Axis() = default;
  // GCC 12 destroys an aggregate twice that is written in braces within another one of which a later member throws:
  // with a constructor it is none. The run tests/faults/every_allocation shows it.
  Axis(std::string title_text, Color line_color, Kind its_kind = Kind::kLinear)
      : title(std::move(title_text)), color(line_color), kind(its_kind) {}

  std::string title;
  Color color;
  Kind kind = Kind::kLinear;
};

struct PanelSpec {
  std::string title;
  Axis left;
  // For series with on_right_axis. Then both axes are linear and share their grid lines.
  std::optional<Axis> right = std::nullopt;
  std::vector<Series> series = {};
  // The range of the left axis includes the bounds and, if it is logarithmic, the ends of bands that widen it, and
  // other panels' values, where they are to be compared.
  std::vector<Bound> bounds = {};
  std::vector<Band> bands = {};  // of one position from the highest to the lowest
  std::vector<double> other_values = {};
  // Marked above the plot. Ascending, one for each index at most.
  std::vector<Flag> flags = {};
  std::vector<Ring> rings = {};  // the most important first
  std::string horizontal_title = "Transformer Layer";
  std::string unit = "layer";  // what a position is, for those who point at it
  // What a thin dashed line bridges: missing values, or (else) positions that are further apart than others.
  bool bridges_missing = false;
  bool has_legend = true;
};

// Where a panel is drawn.
struct PanelPlace {
  Box plot;                    // the frame
  double left_margin = 0.0;    // from the outer edge of the left axis title to the frame
  double right_margin = 0.0;   // the same to the right; the title of a right axis is drawn at its outer edge
  bool legend_above = false;   // between title and frame, instead of in a corner of the plot
  bool has_flag_lane = false;  // flags have room above the frame
};

// Use: FitValues, then Fit (any number of times), then Draw.
class Panel {
 public:
  // `positions` are the layers, or the times, that the values belong to, ascending; they must outlive the panel.
  Panel(PanelSpec spec, std::span<const int64_t> positions, const Style& style);

  // Chooses ranges and ticks of the vertical axes for a plot of this height.
  void FitValues(double height);
  // What ticks and axis titles need beside the plot; known after FitValues.
  double LeftMargin() const;
  double RightMargin() const;

  // Gives everything its place.
  void Fit(const PanelPlace& place);
  // Whether the legend has a place that covers nothing; known after Fit.
  bool LegendFits() const { return !spec_.has_legend || legend_.empty() || legend_origin_.has_value(); }
  // How much a legend above the plot needs there.
  double LegendHeightAbove(double plot_width) const;

  void Draw(Canvas* canvas) const;

  const Box& plot() const { return place_.plot; }
  bool HasFlags() const { return !spec_.flags.empty(); }

  // Above a plot, for its title and the flags below that.
  static double TopMargin(const Style& style, bool has_flag_lane);

 private:
  struct ValueLabel {
    std::string text;
    Point anchor;
  };

  bool IsMeasured(const Series& series) const;
  static std::string_view LackOf(const Series& series);
  void FitTwinAxes(int max_ticks);
  Scale FitAxis(const Axis& axis, bool is_right, double height) const;
  bool IsFarFromPrevious(size_t i) const;
  double XOf(int64_t position) const;
  double YOf(double value, const Scale& scale) const;
  Curve MakeCurve(const Series& series) const;
  Legend MakeLegend(int max_columns, double max_width) const;
  void FitLegend(LabelPlacer* placer);
  void FitValueLabels(const Series& series, const Curve& curve, LabelPlacer* placer);
  void FitRingLabels(LabelPlacer* placer);
  void FitHorizontalTicks();
  // Where a ring is drawn, if its value has a place.
  std::optional<Point> PointOf(const Ring& ring) const;
  // What belongs to position i on the horizontal axis, half the way to its neighbours.
  Box StripeOf(size_t i) const;
  // From one side of the plot to the other, or to half the way between the positions.
  Box SpanOf(const PositionRange& at) const;
  Box BoxOf(const Band& band) const;
  void AddBesideBands(size_t i, Path* path) const;
  Stroke BoundStroke(const Bound& bound) const;

  void Describe(Canvas* canvas) const;
  void DrawBands(Canvas* canvas) const;
  void DrawFlags(Canvas* canvas) const;
  void DrawGrid(Canvas* canvas) const;
  void DrawFrame(Canvas* canvas) const;
  void DrawBounds(Canvas* canvas) const;
  void DrawTickLabels(Canvas* canvas) const;
  void DrawAxisTitle(const Axis& axis, const Ticks& ticks, Side side, Canvas* canvas) const;
  void DrawTitles(Canvas* canvas) const;

  PanelSpec spec_;
  std::span<const int64_t> positions_;
  Style style_;
  uint64_t usual_distance_ = std::numeric_limits<uint64_t>::max();  // of positions: the smallest
  bool is_measured_ = false;                                        // has at least one value
  Scale left_scale_;
  Scale right_scale_;
  Ticks left_ticks_;
  Ticks right_ticks_;
  PanelPlace place_;
  std::vector<int64_t> horizontal_ticks_;
  std::vector<Curve> curves_;  // of spec_.series
  Legend legend_;
  std::optional<Point> legend_origin_;
  std::vector<ValueLabel> value_labels_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_PANEL_H_

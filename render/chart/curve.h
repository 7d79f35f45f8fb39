// SPDX-License-Identifier: Apache-2.0
//
// One curve of a panel after its values have been given places: lines that break where a value is missing, and markers.
#ifndef ATTNSCOPE_RENDER_CHART_CURVE_H_
#define ATTNSCOPE_RENDER_CHART_CURVE_H_

#include <array>
#include <cstddef>
#include <vector>

#include "render/chart/label_placement.h"
#include "render/chart/marker.h"
#include "render/chart/style.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

struct CurveLook {
  Marker marker = Marker::kCircle;
  Dashes dashes = Dashes::kNone;
  double width = 1.0;       // times the style's
  bool has_markers = true;  // if not, only points that stand alone are marked
};

struct CurvePoint {
  Point at;
  size_t index = 0;        // in the series
  bool off_scale = false;  // the value has no place on its axis; `at` is at the axis's lower end
};

class Curve {
 public:
  // `runs` from left to right: the line breaks between one run and the next. `bridges` are drawn thin and dashed: there
  // may be more between their ends than was measured. `spacing` is the usual distance between neighbours: where it is
  // small, line and markers are smaller, and a very dense curve has markers only where a point stands alone.
  Curve(std::vector<std::vector<CurvePoint>> runs, std::vector<std::array<Point, 2>> bridges, CurveLook look,
        double spacing, const Style& style);

  const std::vector<std::vector<CurvePoint>>& runs() const { return runs_; }
  // The furthest that a marker reaches from its point.
  double reach() const { return 0.7 * marker_size_; }

  void Draw(const Color& color, Canvas* canvas) const;
  // Adds line and markers as obstacles.
  void AddTo(LabelPlacer* placer) const;

 private:
  std::vector<std::vector<CurvePoint>> runs_;
  std::vector<std::array<Point, 2>> bridges_;
  // What is drawn: the runs, without lines and markers that no one could tell from others.
  std::vector<std::vector<Point>> lines_;
  std::vector<Point> marked_;
  std::vector<Point> marked_off_scale_;
  CurveLook look_;
  double marker_size_;
  double line_width_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_CURVE_H_

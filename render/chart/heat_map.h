// SPDX-License-Identifier: Apache-2.0
//
// A map of layers by heads: one coloured cell for each value.
#ifndef ATTNSCOPE_RENDER_CHART_HEAT_MAP_H_
#define ATTNSCOPE_RENDER_CHART_HEAT_MAP_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attnscope/diagnosis.h"
#include "render/chart/style.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

// A cell with a verdict.
struct CellMark {
  size_t row = 0;
  size_t column = 0;
  Severity severity = Severity::kWarning;
};

struct HeatMapSpec {
  std::string title;
  // [rows][its columns]: shares from 0 to 1, NaN where nothing was measured. Rows may be of different lengths.
  std::vector<std::vector<double>> values;
  // The same: what is NaN not because nothing was measured.
  std::vector<std::vector<bool>> bad_numbers = {};
  std::vector<CellMark> marks = {};
};

class HeatMap {
 public:
  // `rows` are the layers' indices, one for each row of the values.
  HeatMap(HeatMapSpec spec, std::vector<int64_t> rows, size_t columns, const Style& style);

  bool HasMissing() const;

  // What ticks and the axis title need left of the map.
  double LeftMargin() const;

  // Draws the map into this box, everything else around it.
  void Draw(const Box& map, Canvas* canvas) const;

 private:
  Box CellOf(const Box& map, size_t row, size_t column) const;
  bool IsMeasured() const;
  bool IsBadNumber(size_t row, size_t column) const;
  void Describe(const Box& map, Canvas* canvas) const;
  void DrawCells(const Box& map, Canvas* canvas) const;
  void DrawSeparators(const Box& map, Canvas* canvas) const;
  void DrawCellTexts(const Box& map, Canvas* canvas) const;
  void DrawMarks(const Box& map, Canvas* canvas) const;
  void DrawAxes(const Box& map, Canvas* canvas) const;
  Color ColorOf(double value) const;
  double CellTextSize(const Box& map) const;
  bool HasCellTexts(const Box& map) const;

  HeatMapSpec spec_;
  std::vector<int64_t> rows_;
  size_t columns_;
  Style style_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_HEAT_MAP_H_

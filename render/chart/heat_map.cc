// SPDX-License-Identifier: Apache-2.0
#include "render/chart/heat_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "render/chart/color_map.h"
#include "render/chart/flag.h"
#include "render/chart/frame.h"
#include "render/chart/number_format.h"

namespace attnscope::render {
namespace {

constexpr double kSeparated = 14.0;       // layout units; smaller cells have no lines between them
constexpr double kSmallestMark = 2.5;     // layout units
constexpr double kMarkShare = 0.6;        // of a cell
constexpr double kMarkBesideText = 0.25;  // of a cell's height, where its value has the rest
constexpr int kCellDecimals = 2;

// The smallest of 1, 2, 5, 10, ... such that labels this far apart are at least `least` away from one another.
uint64_t LabelStep(double distance, double least) {
  for (uint64_t power = 1; power < uint64_t{1000000000}; power *= 10) {
    for (const uint64_t step : {power, 2 * power, 5 * power}) {
      if (static_cast<double>(step) * distance >= least) return step;
    }
  }
  return uint64_t{1000000000};
}

// Which rows get their number: those of layers that are multiples of the step, where the layers follow one another;
// else every step-th.
std::vector<size_t> LabelledRows(const std::vector<int64_t>& rows, uint64_t step) {
  const bool is_dense =
      !rows.empty() && static_cast<uint64_t>(rows.back()) - static_cast<uint64_t>(rows.front()) == rows.size() - 1;
  std::vector<size_t> labelled;
  for (size_t i = 0; i < rows.size(); ++i) {
    if ((is_dense ? static_cast<uint64_t>(rows[i]) : i) % step == 0) labelled.push_back(i);
  }
  if (labelled.empty() && !rows.empty()) labelled.push_back(0);
  return labelled;
}

}  // namespace

HeatMap::HeatMap(HeatMapSpec spec, std::vector<int64_t> rows, size_t columns, const Style& style)
    : spec_(std::move(spec)), rows_(std::move(rows)), columns_(columns), style_(style) {}

bool HeatMap::IsMeasured() const {
  const auto has_value = [](const std::vector<double>& row) {
    return std::any_of(row.begin(), row.end(), [](double value) { return !std::isnan(value); });
  };
  const auto has_bad = [](const std::vector<bool>& row) {
    return std::find(row.begin(), row.end(), true) != row.end();
  };
  return std::any_of(spec_.values.begin(), spec_.values.end(), has_value) ||
         std::any_of(spec_.bad_numbers.begin(), spec_.bad_numbers.end(), has_bad);
}

bool HeatMap::IsBadNumber(size_t row, size_t column) const {
  return row < spec_.bad_numbers.size() && column < spec_.bad_numbers[row].size() && spec_.bad_numbers[row][column];
}

bool HeatMap::HasMissing() const {
  return IsMeasured() && std::any_of(spec_.values.begin(), spec_.values.end(), [](const std::vector<double>& row) {
           return std::any_of(row.begin(), row.end(), [](double value) { return std::isnan(value); });
         });
}

double HeatMap::LeftMargin() const {
  double width = 0.0;
  for (const int64_t row : rows_) {
    width = std::max(width, TextWidth(FormatInteger(row), Face::kRegular, style_.tick_label()));
  }
  return MarginBeside(width, style_);
}

Box HeatMap::CellOf(const Box& map, size_t row, size_t column) const {
  const auto edge = [](double low, double length, size_t i, size_t count) {
    return low + length * static_cast<double>(i) / static_cast<double>(count);
  };
  return {edge(map.left, map.Width(), column, columns_), edge(map.top, map.Height(), row, rows_.size()),
          edge(map.left, map.Width(), column + 1, columns_), edge(map.top, map.Height(), row + 1, rows_.size())};
}

void HeatMap::Draw(const Box& map, Canvas* canvas) const {
  DrawTitleAbove(spec_.title, map, map.top - style_.title_gap(), style_, canvas);
  if (IsMeasured()) {
    DrawCells(map, canvas);
    DrawSeparators(map, canvas);
    DrawCellTexts(map, canvas);
    DrawMarks(map, canvas);
    Describe(map, canvas);
  } else {
    DrawLack(kNotMeasured, map, style_, canvas);
  }
  DrawAxes(map, canvas);
}

void HeatMap::Describe(const Box& map, Canvas* canvas) const {
  Region region = {.kind = Region::Kind::kCells,
                   .title = spec_.title,
                   .across = "head",
                   .box = map,
                   .columns = {},
                   .rows = rows_,
                   .lines = {}};
  for (size_t column = 0; column < columns_; ++column) region.columns.push_back(static_cast<int64_t>(column));
  for (const std::vector<double>& row : spec_.values) region.lines.push_back({"", row});
  canvas->Describe(region);
}

Color HeatMap::ColorOf(double value) const {
  return std::isnan(value) ? style_.theme.missing : ColorMap(ColorMapStep(value));
}

// All cells of one colour are one shape.
void HeatMap::DrawCells(const Box& map, Canvas* canvas) const {
  std::vector<Shape> shapes(kColorMapSteps + 1);
  for (size_t row = 0; row < spec_.values.size(); ++row) {
    for (size_t column = 0; column < spec_.values[row].size(); ++column) {
      const double value = spec_.values[row][column];
      const int step = std::isnan(value) ? kColorMapSteps : ColorMapStep(value);
      shapes[static_cast<size_t>(step)].fill.AddBox(CellOf(map, row, column));
    }
  }
  for (int step = 0; step <= kColorMapSteps; ++step) {
    Shape& shape = shapes[static_cast<size_t>(step)];
    if (shape.fill.empty()) continue;
    shape.part = Part::kCell;
    shape.crisp = true;
    canvas->Draw(shape, step == kColorMapSteps ? style_.theme.missing : ColorMap(step));
  }
}

void HeatMap::DrawSeparators(const Box& map, Canvas* canvas) const {
  const Box cell = CellOf(map, 0, 0);
  if (std::min(cell.Width(), cell.Height()) < kSeparated) return;
  Shape lines;
  lines.part = Part::kGrid;
  lines.crisp = true;
  lines.stroke = {.width = style_.frame_width(), .cap = Cap::kButt};
  for (size_t row = 1; row < rows_.size(); ++row) {
    const double y = CellOf(map, row, 0).top;
    AddSegment({map.left, y}, {map.right, y}, &lines.line);
  }
  for (size_t column = 1; column < columns_; ++column) {
    const double x = CellOf(map, 0, column).left;
    AddSegment({x, map.top}, {x, map.bottom}, &lines.line);
  }
  canvas->Draw(lines, style_.theme.background);
}

// Larger where there is much room, up to the size of axis titles.
double HeatMap::CellTextSize(const Box& map) const {
  const double room = CellOf(map, 0, 0).Height() / 5.0;
  return std::clamp(room, style_.value_label(), style_.axis_title());
}

bool HeatMap::HasCellTexts(const Box& map) const {
  const Box cell = CellOf(map, 0, 0);
  const double size = CellTextSize(map);
  return cell.Width() >= 1.6 * TextWidth("0.00", Face::kBold, size) && cell.Height() >= 2.2 * size;
}

void HeatMap::DrawCellTexts(const Box& map, Canvas* canvas) const {
  if (!HasCellTexts(map)) return;
  const double size = CellTextSize(map);
  for (size_t row = 0; row < spec_.values.size(); ++row) {
    for (size_t column = 0; column < spec_.values[row].size(); ++column) {
      const double value = spec_.values[row][column];
      if (std::isnan(value) && !IsBadNumber(row, column)) continue;
      const Box cell = CellOf(map, row, column);
      const std::string text = FormatCompact(value, kCellDecimals);
      canvas->DrawText(text, {cell.Center().x, cell.Center().y + 0.5 * CapHeight(Face::kBold, size)},
                       {.face = Face::kBold,
                        .size = FittingSize(text, Face::kBold, size, 0.9 * cell.Width()),
                        .color = ContrastTo(ColorOf(value)),
                        .align = Align::kCenter,
                        .part = Part::kValueLabel});
    }
  }
}

// In black or white: a severity's own colour would vanish on some cells. The shape tells the severity.
void HeatMap::DrawMarks(const Box& map, Canvas* canvas) const {
  const bool beside_text = HasCellTexts(map);
  for (const CellMark& mark : spec_.marks) {
    const Box cell = CellOf(map, mark.row, mark.column);
    const double room =
        beside_text ? kMarkBesideText * cell.Height() : kMarkShare * std::min(cell.Width(), cell.Height());
    const double size = std::min(room, beside_text ? CellTextSize(map) : style_.flag_size());
    if (size < kSmallestMark) continue;
    const Color below = ColorOf(spec_.values[mark.row][mark.column]);
    const Point center = beside_text ? Point{cell.Center().x, cell.top + 0.2 * room + 0.5 * size} : cell.Center();
    DrawFlag(mark.severity, center, size, ContrastTo(below), canvas);
  }
}

void HeatMap::DrawAxes(const Box& map, Canvas* canvas) const {
  const double size = style_.tick_label();
  Frame frame(style_);
  frame.AddBox(map);
  if (!rows_.empty()) {
    const double height = CellOf(map, 0, 0).Height();
    for (const size_t row : LabelledRows(rows_, LabelStep(height, 1.8 * size))) {
      const double y = CellOf(map, row, 0).Center().y;
      frame.AddTick(map, Side::kLeft, y, style_.tick_length());
      DrawTickLabel(FormatInteger(rows_[row]), map, Side::kLeft, y, style_, canvas);
    }
  }
  const double widest = TextWidth(std::to_string(columns_), Face::kRegular, size);
  const uint64_t step = rows_.empty() || columns_ == 0 ? 1 : LabelStep(CellOf(map, 0, 0).Width(), 1.6 * widest);
  for (size_t column = 0; column < columns_ && !rows_.empty(); column += step) {
    const double x = CellOf(map, 0, column).Center().x;
    frame.AddTick(map, Side::kBelow, x, style_.tick_length());
    DrawTickLabel(std::to_string(column), map, Side::kBelow, x, style_, canvas);
  }
  frame.Draw(canvas);
  DrawTitleBelow("Head", map, style_, canvas);
  const std::string layers = "Transformer Layer";
  const double title_size = FittingSize(layers, Face::kRegular, style_.axis_title(), map.Height());
  DrawTitleBeside(layers, map, Side::kLeft, map.left - LeftMargin(), title_size, style_.theme.text, canvas);
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/figures/maps.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "render/chart/color_bar.h"
#include "render/chart/color_map.h"
#include "render/chart/flag.h"
#include "render/chart/frame.h"
#include "render/chart/headline.h"
#include "render/chart/number_format.h"

namespace attnscope::render {
namespace {

constexpr double kGapShare = 0.08;      // between thumbnails, of their distance
constexpr double kMostGap = 10.0;       // points
constexpr double kMostStretch = 1.6;    // of a map's true shape
constexpr double kWorthWrapping = 1.5;  // as much larger thumbnails must become by it
constexpr double kFlagShare = 0.2;      // of a thumbnail's smaller side
constexpr double kSmallestFlag = 4.0;   // layout units
constexpr double kBarGap = 26.0;        // points, before the colour bar

// Weights to colours: powers of ten from `low` to 0, which is a weight of 1.
struct WeightScale {
  int low = -3;

  double Share(float weight) const {
    if (!(weight > 0.0f)) return 0.0;
    const double share = 1.0 - std::log10(static_cast<double>(weight)) / low;
    // No colour hangs on the last bit of a logarithm, which differs from one C library to the next.
    return std::round(share * 65536.0) / 65536.0;
  }
};

// An even share of the longest rows is well above the lower end.
WeightScale ScaleOf(std::span<const AttentionMap> maps) {
  size_t keys = 1;
  for (const AttentionMap& map : maps) keys = std::max(keys, map.keys);
  int low = -2;
  for (double least = 0.01; least * static_cast<double>(keys) > 0.25 && low > -9; least /= 10.0) --low;
  return {low};
}

Color ColorOf(float cell, const WeightScale& scale, const Theme& theme) {
  if (std::isnan(cell)) return theme.critical;
  return cell < 0.0f ? theme.missing : ColorMap(ColorMapStep(scale.Share(cell)));
}

// Keys for each query.
double ShapeOf(const AttentionMap& map) {
  if (map.queries == 0 || map.keys == 0) return 1.0;
  return std::clamp(static_cast<double>(map.keys) / static_cast<double>(map.queries), 0.25, 4.0);
}

struct Size {
  double width;
  double height;
};

// As large as the room, but not of quite another shape.
Size Fitted(double shape, double width, double height) {
  return {std::min(width, kMostStretch * shape * height), std::min(height, kMostStretch / shape * width)};
}

// Where thumbnails stand: lines of a layer's heads, `of_line` a line.
struct Grid {
  std::vector<int64_t> layers;
  std::vector<int64_t> heads;
  size_t of_line = 1;
  size_t lines_each = 1;  // of each layer

  size_t lines() const { return layers.size() * lines_each; }
  bool is_wrapped() const { return lines_each > 1; }
};

Grid GridOf(std::span<const AttentionMap> maps, double width, double height) {
  Grid grid;
  for (const AttentionMap& map : maps) {
    if (grid.layers.empty() || grid.layers.back() != map.layer) grid.layers.push_back(map.layer);
    grid.heads.push_back(map.head);
  }
  std::sort(grid.heads.begin(), grid.heads.end());
  grid.heads.erase(std::unique(grid.heads.begin(), grid.heads.end()), grid.heads.end());
  const size_t heads = grid.heads.size();
  const auto size_of = [&](size_t lines_each) {
    const size_t of_line = (heads + lines_each - 1) / lines_each;
    const Size size = Fitted(ShapeOf(maps[0]), width / static_cast<double>(of_line),
                             height / static_cast<double>(grid.layers.size() * lines_each));
    return std::sqrt(size.width * size.height);
  };
  size_t best = 1;
  for (size_t lines_each = 2; lines_each <= heads; ++lines_each) {
    if (size_of(lines_each) > size_of(best)) best = lines_each;
  }
  if (size_of(best) < kWorthWrapping * size_of(1)) best = 1;
  grid.of_line = (heads + best - 1) / best;
  grid.lines_each = (heads + grid.of_line - 1) / grid.of_line;
  return grid;
}

class MapsFigure {
 public:
  MapsFigure(std::span<const AttentionMap> maps, const Report* report, const FigureLook& look, const Style& style)
      : maps_(maps), style_(style), scale_(ScaleOf(maps)) {
    if (report == nullptr || look.plain) return;
    diagnosis_ = Judge(*report, look.thresholds, look.baseline);
    for (const Verdict& verdict : diagnosis_.verdicts) {  // the worst of each head come first
      if (verdict.head >= 0) worst_.try_emplace({verdict.layer, verdict.head}, verdict.severity);
    }
  }

  const Diagnosis& diagnosis() const { return diagnosis_; }

  void Draw(const Box& inner, Canvas* canvas) {
    const ColorBar bar = MakeBar();
    const double bar_width = ColorBarWidth(bar, style_);
    Box area = {inner.left, inner.top, inner.right - bar_width - style_.Points(kBarGap), inner.bottom};
    grid_ = GridOf(maps_, area.Width(), area.Height());
    if (!grid_.is_wrapped()) {
      area.left += MarginBeside(WidestOf(grid_.layers), style_);
      area.bottom -= MarginBelow(style_);
    }
    Place(area);
    for (const AttentionMap& map : maps_) DrawThumbnail(map, canvas);
    DrawFrames(canvas);
    if (grid_.is_wrapped()) {
      for (const AttentionMap& map : maps_) DrawName(map, canvas);
    } else {
      DrawAxes(canvas);
    }
    DrawColorBar(bar, style_, {inner.right - bar_width, plot_.top, inner.right, plot_.bottom}, canvas);
  }

 private:
  double WidestOf(const std::vector<int64_t>& numbers) const {
    double widest = 0.0;
    for (const int64_t number : numbers) {
      widest = std::max(widest, TextWidth(FormatInteger(number), Face::kRegular, style_.tick_label()));
    }
    return widest;
  }
  double BorderWidth() const { return std::max(2.0, style_.Points(2.0)); }
  // From a name's baseline to its thumbnail, whose border it does not meet.
  double NameGap() const { return 0.3 * name_size_ + BorderWidth(); }
  double NameHeight() const { return grid_.is_wrapped() ? CapHeight(Face::kRegular, name_size_) + NameGap() : 0.0; }

  // The size of thumbnails, and where the first one stands: in the middle of the area.
  void Place(const Box& area) {
    const auto columns = static_cast<double>(grid_.of_line);
    const auto lines = static_cast<double>(grid_.lines());
    name_size_ = std::min(style_.tick_label(), 0.22 * area.Height() / lines);
    const double room_x = area.Width() / columns;
    const double room_y = area.Height() / lines - NameHeight();
    gap_ = std::max(std::min(style_.Points(kMostGap), kGapShare * std::min(room_x, room_y)), BorderWidth());
    const Size size = Fitted(ShapeOf(maps_[0]), room_x - gap_, room_y - gap_);
    width_ = size.width;
    height_ = size.height;
    const double all_x = columns * (width_ + gap_) - gap_;
    const double all_y = lines * (height_ + NameHeight() + gap_) - gap_;
    const double left = area.left + 0.5 * std::max(0.0, area.Width() - all_x);
    plot_ = {left, area.top, left + all_x, area.top + all_y};
  }

  Box BoxOf(size_t line, size_t column) const {
    const double left = plot_.left + static_cast<double>(column) * (width_ + gap_);
    const double top = plot_.top + static_cast<double>(line) * (height_ + NameHeight() + gap_) + NameHeight();
    return {left, top, left + width_, top + height_};
  }

  Box BoxOf(const AttentionMap& map) const {
    const auto index = [](const std::vector<int64_t>& all, int64_t number) {
      return static_cast<size_t>(std::lower_bound(all.begin(), all.end(), number) - all.begin());
    };
    const size_t head = index(grid_.heads, map.head);
    return BoxOf(index(grid_.layers, map.layer) * grid_.lines_each + head / grid_.of_line, head % grid_.of_line);
  }

  void DrawThumbnail(const AttentionMap& map, Canvas* canvas) const {
    const Box box = BoxOf(map);
    CellGrid cells = {.rows = map.rows, .columns = map.columns, .colors = {}};
    cells.colors.reserve(map.cells.size());
    for (const float cell : map.cells) cells.colors.push_back(ColorOf(cell, scale_, style_.theme));
    if (!cells.colors.empty()) {
      canvas->DrawCells(cells, box);
      Describe(map, box, canvas);
    }
    const auto worst = worst_.find({map.layer, map.head});
    if (worst == worst_.end()) return;
    Shape border;
    border.part = Part::kFlag;
    border.crisp = true;
    border.stroke = {.width = BorderWidth(), .cap = Cap::kButt};
    border.line.AddBox(box);
    canvas->Draw(border, render::ColorOf(worst->second, style_.theme));
    const double size = std::min(kFlagShare * std::min(width_, height_), style_.flag_size());
    if (size < kSmallestFlag || cells.colors.empty()) return;
    // In the upper right corner, in what stands out from the cell there.
    const Color& below = cells.colors[std::min<size_t>(cells.columns, cells.colors.size()) - 1];
    DrawFlag(worst->second, {box.right - size, box.top + size}, size, ContrastTo(below), canvas);
  }

  static void Describe(const AttentionMap& map, const Box& box, Canvas* canvas) {
    Region region = {.kind = Region::Kind::kMap,
                     .title = "layer " + FormatInteger(map.layer) + ", head " + FormatInteger(map.head),
                     .across = "key",
                     .box = box,
                     .columns = {},
                     .rows = {map.layer, map.head, static_cast<int64_t>(map.queries), static_cast<int64_t>(map.keys)},
                     .lines = {}};
    for (size_t row = 0; row < map.rows; ++row) {
      const auto first = map.cells.begin() + static_cast<std::ptrdiff_t>(row * map.columns);
      region.lines.push_back({"", {first, first + static_cast<std::ptrdiff_t>(map.columns)}});
    }
    canvas->Describe(region);
  }

  void DrawFrames(Canvas* canvas) const {
    Frame frame(style_);
    for (const AttentionMap& map : maps_) {
      if (!worst_.contains({map.layer, map.head})) frame.AddBox(BoxOf(map));
    }
    frame.Draw(canvas);
  }

  void DrawName(const AttentionMap& map, Canvas* canvas) const {
    const Box box = BoxOf(map);
    const std::string name = "layer " + FormatInteger(map.layer) + ", head " + FormatInteger(map.head);
    canvas->DrawText(name, {box.Center().x, box.top - NameGap()},
                     {.size = FittingSize(name, Face::kRegular, name_size_, 0.95 * width_),
                      .color = style_.theme.text,
                      .align = Align::kCenter,
                      .part = Part::kTickLabel});
  }

  // Every n-th number, such that they do not meet.
  static size_t StepOf(double distance, double least) {
    size_t step = 1;
    while (static_cast<double>(step) * distance < least) ++step;
    return step;
  }

  void DrawAxes(Canvas* canvas) const {
    const size_t layer_step = StepOf(height_ + gap_, 1.6 * style_.tick_label());
    for (size_t line = 0; line < grid_.layers.size(); line += layer_step) {
      DrawTickLabel(FormatInteger(grid_.layers[line]), plot_, Side::kLeft, BoxOf(line, 0).Center().y, style_, canvas);
    }
    const size_t head_step = StepOf(width_ + gap_, 1.4 * WidestOf(grid_.heads));
    for (size_t column = 0; column < grid_.heads.size(); column += head_step) {
      DrawTickLabel(FormatInteger(grid_.heads[column]), plot_, Side::kBelow, BoxOf(0, column).Center().x, style_,
                    canvas);
    }
    DrawTitleBelow("Head", plot_, style_, canvas);
    const std::string layers = "Transformer Layer";
    DrawTitleBeside(layers, plot_, Side::kLeft, plot_.left - MarginBeside(WidestOf(grid_.layers), style_),
                    FittingSize(layers, Face::kRegular, style_.axis_title(), plot_.Height()), style_.theme.text,
                    canvas);
  }

  ColorBar MakeBar() const {
    ColorBar bar = {.title = "Largest weight of a cell", .first_step = 0, .last_step = kColorMapSteps - 1, .ticks = {}};
    for (int power = scale_.low; power <= 0; ++power) {
      const std::string label = power == 0 ? "1" : PowerOfTen(power);
      bar.ticks.push_back({1.0 - static_cast<double>(power) / scale_.low, power == scale_.low ? "≤" + label : label});
    }
    const auto has = [&](const auto& is_such) {
      return std::any_of(maps_.begin(), maps_.end(), [&](const AttentionMap& map) {
        return std::any_of(map.cells.begin(), map.cells.end(), is_such);
      });
    };
    if (has([](float cell) { return cell < 0.0f; })) bar.swatches.push_back({"hidden", style_.theme.missing});
    if (has([](float cell) { return std::isnan(cell); })) bar.swatches.push_back({"invalid", style_.theme.critical});
    return bar;
  }

  std::span<const AttentionMap> maps_;
  Style style_;
  WeightScale scale_;
  Diagnosis diagnosis_;
  std::map<std::pair<int64_t, int64_t>, Severity> worst_;  // of [layer, head]
  Grid grid_;
  Box plot_ = {};  // of all thumbnails
  double width_ = 0.0;
  double height_ = 0.0;
  double gap_ = 0.0;
  double name_size_ = 0.0;
};

// "queries downwards, keys to the right, of 2048 x 2048".
std::string NoteOf(std::span<const AttentionMap> maps) {
  const AttentionMap& first = maps[0];
  std::string note = "queries downwards, keys to the right";
  const auto is_as_large = [&](const AttentionMap& map) {
    return map.queries == first.queries && map.keys == first.keys;
  };
  if (!std::all_of(maps.begin(), maps.end(), is_as_large)) return note;
  return note + "; " + std::to_string(first.queries) + " x " + std::to_string(first.keys);
}

}  // namespace

void DrawMaps(std::span<const AttentionMap> maps, const Report* report, const FigureLook& look, double width,
              double height, Canvas* canvas) {
  const Style style = StyleOf(look, width, height);
  MapsFigure figure(maps, report, look, style);
  Headline headline("Transformer Attention Maps", style);
  if (report != nullptr && !look.plain) headline.AddDiagnosis(figure.diagnosis(), "");
  headline.AddNote(NoteOf(maps));
  headline.Draw(width, canvas);
  figure.Draw({style.outer_gap(), headline.Bottom(), width - style.outer_gap(), height - style.outer_gap()}, canvas);
}

}  // namespace attnscope::render

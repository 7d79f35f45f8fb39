// SPDX-License-Identifier: Apache-2.0
//
// Figures of a page: SVG, and beside it what each place of it shows.
#ifndef ATTNSCOPE_PAGE_PAGE_CANVAS_H_
#define ATTNSCOPE_PAGE_PAGE_CANVAS_H_

#include <string>
#include <string_view>

#include "render/draw/svg_canvas.h"

namespace attnscope::page {

// Draws as SVG, and keeps the regions that figures describe.
class PageCanvas final : public render::Canvas {
 public:
  PageCanvas(double width, double height, const render::Color& background) : svg_(width, height, 1.0, background) {}

  void Draw(const render::Shape& shape, const render::Color& color) override { svg_.Draw(shape, color); }
  void DrawCells(const render::CellGrid& cells, const render::Box& box) override { svg_.DrawCells(cells, box); }
  void DrawText(std::string_view text, render::Point anchor, const render::TextStyle& style) override {
    svg_.DrawText(text, anchor, style);
  }
  void Describe(const render::Region& region) override;

  // The document, with a class and the element's role and name.
  std::string Svg(std::string_view name, std::string_view title) const;
  // An array of the regions, as JSON in which no "<" stands.
  std::string Regions() const { return "[" + regions_ + "]"; }

 private:
  render::SvgCanvas svg_;
  std::string regions_;
  int maps_ = 0;
};

}  // namespace attnscope::page

#endif  // ATTNSCOPE_PAGE_PAGE_CANVAS_H_

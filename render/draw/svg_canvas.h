// SPDX-License-Identifier: Apache-2.0
//
// The canvas that writes SVG: shapes as paths, text as text.
#ifndef ATTNSCOPE_RENDER_DRAW_SVG_CANVAS_H_
#define ATTNSCOPE_RENDER_DRAW_SVG_CANVAS_H_

#include <string>
#include <string_view>

#include "render/draw/canvas.h"

namespace attnscope::render {

// "#rrggbb", as SVG and CSS name colours.
std::string HexOf(const Color& color);

// As the text of an element of XML, which has neither control characters nor bytes that are no UTF-8. Quotes stay.
std::string EscapedText(std::string_view text);

// Builds a standalone SVG 1.1 document, without scripts, style sheets or links. Every element's class is its part's
// name, so that a page can restyle it. Text names the embedded face first and states its length, so that a reader's
// other font cannot run over its neighbours. Not thread-safe.
class SvgCanvas final : public Canvas {
 public:
  // `scale`: CSS pixels per layout unit. The background is filled.
  SvgCanvas(double width, double height, double scale, const Color& background);

  void Draw(const Shape& shape, const Color& color) override;
  void DrawCells(const CellGrid& cells, const Box& box) override;
  void DrawText(std::string_view text, Point anchor, const TextStyle& style) override;

  // The document so far. `title` names it for screen readers and tooltips.
  std::string Document(std::string_view title) const;

 private:
  void AppendPath(const Path& path, double snap, std::string* out) const;

  std::string head_;
  std::string body_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_SVG_CANVAS_H_

// SPDX-License-Identifier: Apache-2.0
#include "render/canvas.h"

namespace attnscope::render {

double AlignOffset(std::string_view text, const TextStyle& style) {
  if (style.align == Align::kLeft) return 0.0;
  const double width = TextWidth(text, style.face, style.size);
  return style.align == Align::kCenter ? -0.5 * width : -width;
}

Box TextBox(std::string_view text, Point anchor, const TextStyle& style) {
  const Box ink = InkBox(text, style.face, style.size);
  const double offset = AlignOffset(text, style);
  if (style.upwards) {
    return {anchor.x + ink.top, anchor.y - offset - ink.right, anchor.x + ink.bottom, anchor.y - offset - ink.left};
  }
  return {anchor.x + offset + ink.left, anchor.y + ink.top, anchor.x + offset + ink.right, anchor.y + ink.bottom};
}

}  // namespace attnscope::render

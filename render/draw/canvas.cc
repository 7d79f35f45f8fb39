// SPDX-License-Identifier: Apache-2.0
#include "render/draw/canvas.h"

#include <array>

namespace attnscope::render {

std::string_view NameOf(Part part) {
  constexpr std::array<std::string_view, 19> kNames = {
      "title", "caption", "panel-title", "axis-title",  "tick-label", "value-label", "note",
      "band",  "stripe",  "flag",        "ring",        "grid",       "frame",       "bound",
      "curve", "legend",  "legend-key",  "legend-text", "cell"};
  static_assert(kNames.size() == static_cast<size_t>(Part::kCell) + 1);
  return kNames[static_cast<size_t>(part)];
}

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

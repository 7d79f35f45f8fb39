// SPDX-License-Identifier: Apache-2.0
//
// Colours and how they are mixed.
#ifndef ATTNSCOPE_RENDER_DRAW_COLOR_H_
#define ATTNSCOPE_RENDER_DRAW_COLOR_H_

#include <cstdint>

namespace attnscope::render {

// 8-bit sRGB and an opacity from 0 to 1. Colours are mixed as they are stored, without linear light. Decided by looking
// at both, three times enlarged: in linear light dark text of 9 to 12 points on white turns thin and grey, light text
// on dark hardly changes, and translucent areas look neither like the reference's nor as SVG viewers draw them.
struct Color {
  uint8_t red = 0;
  uint8_t green = 0;
  uint8_t blue = 0;
  double alpha = 1.0;

  friend bool operator==(const Color&, const Color&) = default;
};

// 0xRRGGBB
constexpr Color Rgb(uint32_t code, double alpha = 1.0) {
  return {static_cast<uint8_t>(code >> 16 & 0xFF), static_cast<uint8_t>(code >> 8 & 0xFF),
          static_cast<uint8_t>(code & 0xFF), alpha};
}

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_COLOR_H_

// SPDX-License-Identifier: Apache-2.0
//
// Colours, and the theme that gives every part of a figure which is no data its colour. Included by everything that
// draws.
#ifndef ATTNSCOPE_RENDER_COLOR_H_
#define ATTNSCOPE_RENDER_COLOR_H_

#include <cstdint>

namespace attnscope::render {

// 8-bit sRGB and an opacity from 0 to 1. Colours are mixed as they are stored, without linear light: that is what the
// reference look and its alpha values assume, and dark text on white keeps its weight.
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

struct Theme {
  Color background = Rgb(0xFFFFFF);
  Color text = Rgb(0x000000);
  Color frame = Rgb(0x000000);
  Color grid = Rgb(0xB0B0B0, 0.3);
  Color muted = Rgb(0x8A8A8A);  // says that something is absent
  Color legend_fill = Rgb(0xFFFFFF, 0.8);
  Color legend_frame = Rgb(0xCCCCCC, 0.8);
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_COLOR_H_

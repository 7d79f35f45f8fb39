// SPDX-License-Identifier: Apache-2.0
//
// The two embedded faces: measures in layout units for placing text, and outlines in pixels for drawing it. Everything
// here is thread-safe.
#ifndef ATTNSCOPE_RENDER_DRAW_FONT_H_
#define ATTNSCOPE_RENDER_DRAW_FONT_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "render/draw/geometry.h"
#include "render/draw/path.h"

namespace attnscope::render {

enum class Face : uint8_t { kRegular, kBold };

// Sizes are those of the em square, as everywhere in typography. Strings are UTF-8; a malformed byte is drawn as the
// replacement character. Everything measured is proportional to `size`.

// Distance that the pen moves over the text, with kerning.
double TextWidth(std::string_view text, Face face, double size);

// The size, at most `size`, at which the text is no wider than `width`.
double FittingSize(std::string_view text, Face face, double size, double width);

// The ink of the text, whose pen starts at (0, 0) on the baseline; y grows downwards. Empty if there is no ink.
Box InkBox(std::string_view text, Face face, double size);

// Height of capital letters and digits above the baseline.
double CapHeight(Face face, double size);

struct PlacedGlyph {
  int glyph = 0;   // index in the font
  double x = 0.0;  // of the pen, from the start of the text
};

std::vector<PlacedGlyph> PlaceGlyphs(std::string_view text, Face face, double size);

// The outline of a glyph whose pen is at (0, 0), in pixels, y downwards. Heights are fitted to the pixel grid: the tops
// of small and of capital letters fall on whole pixels, so that with the baseline on a whole pixel text is crisp;
// widths are left as designed.
Path GlyphOutline(int glyph, Face face, double size_pixels);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_FONT_H_

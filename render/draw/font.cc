// SPDX-License-Identifier: Apache-2.0
#include "render/draw/font.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace {

// Where there is no memory, stb leaves out a glyph, or an accent of one; `failed`, a bool, tells.
void* AllocateForShape(size_t size, void* failed) {
  void* const memory = std::malloc(size);
  if (memory == nullptr && failed != nullptr) *static_cast<bool*>(failed) = true;
  return memory;
}

}  // namespace

#define STBTT_malloc(size, user) AllocateForShape(size, user)
#define STBTT_free(memory, user) (static_cast<void>(user), std::free(memory))
#define STB_TRUETYPE_IMPLEMENTATION
#define STBTT_STATIC
#include <stb_truetype.h>

#include "render/draw/font_data.h"

namespace attnscope::render {
namespace {

struct Font {
  explicit Font(const unsigned char* data) {
    // The files are part of the program, so that opening them cannot fail.
    stbtt_InitFont(&info, data, 0);
    unit = static_cast<double>(stbtt_ScaleForMappingEmToPixels(&info, 1.0F));
    x_height = HeightOf('x');
    cap_height = HeightOf('H');
  }

  double HeightOf(int codepoint) const {
    int left = 0, bottom = 0, right = 0, top = 0;
    stbtt_GetCodepointBox(&info, codepoint, &left, &bottom, &right, &top);
    return top;
  }

  stbtt_fontinfo info = {};
  double unit = 0.0;        // ems per font unit
  double x_height = 0.0;    // font units
  double cap_height = 0.0;  // font units
};

const Font& FontOf(Face face) {
  static const Font regular(attnscope_font_regular);
  static const Font bold(attnscope_font_bold);
  return face == Face::kBold ? bold : regular;
}

// What a glyph is drawn of. Throws std::bad_alloc.
class Shape {
 public:
  Shape(const Font& font, int glyph) {
    bool failed = false;
    stbtt_fontinfo info = font.info;
    info.userdata = &failed;
    stbtt_vertex* vertices = nullptr;
    count_ = static_cast<size_t>(stbtt_GetGlyphShape(&info, glyph, &vertices));
    vertices_.reset(vertices);
    if (failed) throw std::bad_alloc();
  }

  std::span<const stbtt_vertex> vertices() const { return {vertices_.get(), count_}; }

 private:
  std::unique_ptr<stbtt_vertex, decltype(&std::free)> vertices_{nullptr, &std::free};
  size_t count_ = 0;
};

constexpr int kReplacement = 0xFFFD;

// Takes one code point off the front of the text.
int NextCodepoint(std::string_view* text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned first = byte(0);
  const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  unsigned code = length < 2 ? first : first & (0x7FU >> length);
  bool well_formed = length > 0 && length <= text->size();
  for (size_t i = 1; well_formed && i < length; ++i) {
    well_formed = byte(i) >> 6 == 2;
    code = code << 6 | (byte(i) & 0x3F);
  }
  text->remove_prefix(well_formed ? length : 1);
  return well_formed ? static_cast<int>(code) : kReplacement;
}

// Moves a height in font units to pixels such that the tops of small and of capital letters are whole pixels.
class HeightFitter {
 public:
  HeightFitter(const Font& font, double size_pixels) : scale_(font.unit * size_pixels) {
    knots_ = {{{font.x_height, std::max(1.0, std::round(font.x_height * scale_))},
               {font.cap_height, std::max(1.0, std::round(font.cap_height * scale_))}}};
  }

  double operator()(double height) const {
    const auto [small, capital] = knots_;
    if (height <= 0.0) return height * scale_;
    if (height <= small.units) return height * (small.pixels / small.units);
    if (height >= capital.units) return capital.pixels + (height - capital.units) * scale_;
    const double share = (height - small.units) / (capital.units - small.units);
    return small.pixels + share * (capital.pixels - small.pixels);
  }

 private:
  struct Knot {
    double units;
    double pixels;
  };
  double scale_;
  std::array<Knot, 2> knots_;
};

}  // namespace

std::vector<PlacedGlyph> PlaceGlyphs(std::string_view text, Face face, double size) {
  const Font& font = FontOf(face);
  const double scale = font.unit * size;
  std::vector<PlacedGlyph> glyphs;
  int pen = 0;  // font units
  while (!text.empty()) {
    const int glyph = stbtt_FindGlyphIndex(&font.info, NextCodepoint(&text));
    if (!glyphs.empty()) pen += stbtt_GetGlyphKernAdvance(&font.info, glyphs.back().glyph, glyph);
    glyphs.push_back({glyph, pen * scale});
    int advance = 0;
    stbtt_GetGlyphHMetrics(&font.info, glyph, &advance, nullptr);
    pen += advance;
  }
  return glyphs;
}

double TextWidth(std::string_view text, Face face, double size) {
  const std::vector<PlacedGlyph> glyphs = PlaceGlyphs(text, face, size);
  if (glyphs.empty()) return 0.0;
  const Font& font = FontOf(face);
  int advance = 0;
  stbtt_GetGlyphHMetrics(&font.info, glyphs.back().glyph, &advance, nullptr);
  return glyphs.back().x + advance * font.unit * size;
}

double FittingSize(std::string_view text, Face face, double size, double width) {
  const double full_width = TextWidth(text, face, size);
  return full_width <= width ? size : size * (width / full_width);
}

Box InkBox(std::string_view text, Face face, double size) {
  const Font& font = FontOf(face);
  const double scale = font.unit * size;
  Box ink;
  bool any = false;
  for (const PlacedGlyph& placed : PlaceGlyphs(text, face, size)) {
    int left = 0, bottom = 0, right = 0, top = 0;
    if (stbtt_GetGlyphBox(&font.info, placed.glyph, &left, &bottom, &right, &top) == 0) continue;
    const Box box = {placed.x + left * scale, -top * scale, placed.x + right * scale, -bottom * scale};
    ink = any ? Box{std::min(ink.left, box.left), std::min(ink.top, box.top), std::max(ink.right, box.right),
                    std::max(ink.bottom, box.bottom)}
              : box;
    any = true;
  }
  return ink;
}

double CapHeight(Face face, double size) {
  const Font& font = FontOf(face);
  return font.cap_height * font.unit * size;
}

Path GlyphOutline(int glyph, Face face, double size_pixels) {
  const Font& font = FontOf(face);
  const double scale = font.unit * size_pixels;
  const HeightFitter fit(font, size_pixels);
  const auto to_pixels = [&](double x, double y) { return Point{x * scale, -fit(y)}; };
  Path path;
  const Shape shape(font, glyph);  // outlives the loop, which a temporary would not
  for (const stbtt_vertex& v : shape.vertices()) {
    switch (v.type) {
      case STBTT_vmove:
        if (!path.empty()) path.Close();
        path.MoveTo(to_pixels(v.x, v.y));
        break;
      case STBTT_vline:
        path.LineTo(to_pixels(v.x, v.y));
        break;
      case STBTT_vcurve:
        path.QuadraticTo(to_pixels(v.cx, v.cy), to_pixels(v.x, v.y));
        break;
      default:
        path.CubicTo(to_pixels(v.cx, v.cy), to_pixels(v.cx1, v.cy1), to_pixels(v.x, v.y));
    }
  }
  if (!path.empty()) path.Close();
  return path;
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "render/draw/font.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace attnscope::render {
namespace {

TEST(Font, WidthsAreProportionalToSize) {
  for (const Face face : {Face::kRegular, Face::kBold}) {
    const double width = TextWidth("Attention Entropy", face, 10.0);
    EXPECT_GT(width, 60.0);
    EXPECT_NEAR(TextWidth("Attention Entropy", face, 25.0), 2.5 * width, 1e-9);
  }
  EXPECT_GT(TextWidth("Entropy", Face::kBold, 10.0), TextWidth("Entropy", Face::kRegular, 10.0));
  EXPECT_EQ(TextWidth("", Face::kRegular, 10.0), 0.0);
}

TEST(Font, DigitsHaveOneWidth) {
  // A font property that columns of tick labels rely on; DejaVu Sans digits advance by 1303 of 2048 units.
  for (char digit = '0'; digit <= '9'; ++digit) {
    EXPECT_NEAR(TextWidth(std::string(1, digit), Face::kRegular, 2048.0), 1303.0, 1e-3);
  }
}

TEST(Font, KernsPairs) {
  const double apart = TextWidth("A", Face::kRegular, 100.0) + TextWidth("V", Face::kRegular, 100.0);
  EXPECT_LT(TextWidth("AV", Face::kRegular, 100.0), apart - 2.0);
}

TEST(Font, HasEveryCharacterOfFigures) {
  for (const Face face : {Face::kRegular, Face::kBold}) {
    for (const char* text : {"Δ", "×", "−", "⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹", "⁻", "|", "#", "("}) {
      const std::vector<PlacedGlyph> glyphs = PlaceGlyphs(text, face, 10.0);
      ASSERT_EQ(glyphs.size(), 1U) << text;
      EXPECT_NE(glyphs[0].glyph, 0) << text;
    }
  }
}

TEST(Font, MalformedTextIsReplaced) {
  const int replacement = PlaceGlyphs("\xEF\xBF\xBD", Face::kRegular, 10.0)[0].glyph;
  for (const std::string text : {"\xFF", "\xC3", "\xE2\x82", "\x80", "\xF8\x80"}) {
    const std::vector<PlacedGlyph> glyphs = PlaceGlyphs(text, Face::kRegular, 10.0);
    ASSERT_GE(glyphs.size(), 1U);
    for (const PlacedGlyph& glyph : glyphs) EXPECT_EQ(glyph.glyph, replacement);
  }
}

TEST(Font, InkIsWhereItShouldBe) {
  const Box capital = InkBox("H", Face::kRegular, 100.0);
  EXPECT_NEAR(capital.top, -CapHeight(Face::kRegular, 100.0), 1e-9);
  EXPECT_NEAR(capital.bottom, 0.0, 1e-9);
  EXPECT_GT(InkBox("g", Face::kRegular, 100.0).bottom, 15.0);
  EXPECT_EQ(InkBox(" ", Face::kRegular, 100.0), Box{});
  const Box text = InkBox("Hg", Face::kBold, 100.0);
  EXPECT_GT(text.left, 0.0);
  EXPECT_LT(text.right, TextWidth("Hg", Face::kBold, 100.0));
}

TEST(Font, FittingSize) {
  const double width = TextWidth("Effective Rank", Face::kRegular, 12.0);
  EXPECT_EQ(FittingSize("Effective Rank", Face::kRegular, 12.0, width + 1.0), 12.0);
  const double size = FittingSize("Effective Rank", Face::kRegular, 12.0, 0.5 * width);
  EXPECT_NEAR(TextWidth("Effective Rank", Face::kRegular, size), 0.5 * width, 1e-9);
}

TEST(Font, OutlinesAreFittedToThePixelGrid) {
  for (const Face face : {Face::kRegular, Face::kBold}) {
    for (double size = 6.0; size < 40.0; size += 0.7) {
      for (const char* text : {"x", "H", "I", "z"}) {
        const Path outline = GlyphOutline(PlaceGlyphs(text, face, size)[0].glyph, face, size);
        double top = 0.0;
        for (const Point& p : outline.points()) top = std::min(top, p.y);
        EXPECT_NEAR(top, std::round(top), 1e-9) << text << " at " << size;
        EXPECT_NEAR(top, InkBox(text, face, size).top, 0.51);
      }
    }
  }
}

}  // namespace
}  // namespace attnscope::render

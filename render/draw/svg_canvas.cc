// SPDX-License-Identifier: Apache-2.0
#include "render/draw/svg_canvas.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <new>
#include <vector>

#include "attnscope/figure.h"
#include "report/utf8.h"

namespace attnscope::render {
namespace {

// At most two digits after the point: 1/100 layout unit is 1/10000 inch. The same text in every locale.
void AppendNumber(double value, std::string* out) {
  const double rounded = std::round(value * 100.0);
  std::array<char, 40> buffer = {};
  auto whole = static_cast<int64_t>(rounded);
  if (whole < 0) *out += '-';
  whole = whole < 0 ? -whole : whole;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), whole / 100);
  out->append(buffer.data(), end.ptr);
  const int64_t rest = whole % 100;
  if (rest == 0) return;
  *out += '.';
  *out += static_cast<char>('0' + rest / 10);
  if (rest % 10 != 0) *out += static_cast<char>('0' + rest % 10);
}

std::string Number(double value) {
  std::string text;
  AppendNumber(value, &text);
  return text;
}

std::string Attribute(std::string_view name, std::string_view value) {
  std::string text = " ";
  text.append(name).append("=\"").append(value) += '"';
  return text;
}

void AppendBase64(const std::vector<uint8_t>& bytes, std::string* out) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < count ? bytes[i + j] : 0);
    for (size_t j = 0; j < 4; ++j) *out += j <= count ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
  }
}

}  // namespace

std::string HexOf(const Color& color) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const uint8_t channel : {color.red, color.green, color.blue}) {
    text += kDigits[channel >> 4];
    text += kDigits[channel & 15];
  }
  return text;
}

// XML allows neither these three characters nor most control characters.

std::string EscapedText(std::string_view text) {
  std::string escaped;
  internal::ForEachShownCharacter(text, [&](std::string_view character) {
    switch (character[0]) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      default:
        escaped += character;
    }
  });
  return escaped;
}

SvgCanvas::SvgCanvas(double width, double height, double scale, const Color& background) {
  const std::string w = Number(width);
  const std::string h = Number(height);
  head_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" + Attribute("width", Number(width * scale)) +
          Attribute("height", Number(height * scale)) + Attribute("viewBox", "0 0 " + w + " " + h) +
          " role=\"img\" font-family=\"'DejaVu Sans','Bitstream Vera Sans',Verdana,sans-serif\">\n";
  body_ = "<rect class=\"background\"" + Attribute("width", w) + Attribute("height", h) +
          Attribute("fill", HexOf(background)) + "/>\n";
}

// Crisp shapes get their lines on the middles of CSS pixels, as in the raster picture at scale 1.
void SvgCanvas::AppendPath(const Path& path, double snap, std::string* out) const {
  size_t next = 0;
  const auto append = [&](char command, size_t count) {
    *out += command;
    for (size_t i = 0; i < count; ++i) {
      Point p = path.points()[next++];
      if (snap >= 0.0) p = {std::round(p.x - snap) + snap, std::round(p.y - snap) + snap};
      if (i > 0) *out += ' ';
      AppendNumber(p.x, out);
      *out += ' ';
      AppendNumber(p.y, out);
    }
  };
  for (const Path::Verb verb : path.verbs()) {
    switch (verb) {
      case Path::Verb::kMove:
        append('M', 1);
        break;
      case Path::Verb::kLine:
        append('L', 1);
        break;
      case Path::Verb::kQuadratic:
        append('Q', 2);
        break;
      case Path::Verb::kCubic:
        append('C', 3);
        break;
      case Path::Verb::kClose:
        *out += 'Z';
        break;
    }
  }
}

void SvgCanvas::Draw(const Shape& shape, const Color& color) {
  if (shape.fill.empty() && shape.line.empty()) return;
  const std::string paint = HexOf(color);
  // The opacity is the group's: fill and line of a shape are one.
  body_ += "<g" + Attribute("class", NameOf(shape.part));
  if (color.alpha < 1.0) body_ += Attribute("opacity", Number(color.alpha));
  if (shape.crisp) body_ += " shape-rendering=\"crispEdges\"";
  body_ += '>';
  if (!shape.line.empty()) {
    Stroke stroke = shape.stroke;
    if (shape.crisp) stroke.width = std::max(1.0, std::round(stroke.width));
    const double snap = shape.crisp ? std::fmod(stroke.width, 2.0) * 0.5 : -1.0;
    body_ += "<path fill=\"none\"" + Attribute("stroke", paint) + Attribute("stroke-width", Number(stroke.width)) +
             " stroke-linejoin=\"round\"";
    if (stroke.cap == Cap::kRound) body_ += " stroke-linecap=\"round\"";
    if (stroke.dash > 0.0 && stroke.gap > 0.0) {
      body_ += Attribute("stroke-dasharray", Number(stroke.dash) + " " + Number(stroke.gap));
    }
    body_ += " d=\"";
    AppendPath(shape.line, snap, &body_);
    body_ += "\"/>";
  }
  if (!shape.fill.empty()) {
    body_ += "<path" + Attribute("fill", paint) + " d=\"";
    AppendPath(shape.fill, shape.crisp ? 0.0 : -1.0, &body_);
    body_ += "\"/>";
  }
  body_ += "</g>\n";
}

// As a picture within: thousands of cells would be as many elements.
void SvgCanvas::DrawCells(const CellGrid& cells, const Box& box) {
  Image image;
  image.width = static_cast<int>(cells.columns);
  image.height = static_cast<int>(cells.rows);
  for (const Color& color : cells.colors) image.rgb.insert(image.rgb.end(), {color.red, color.green, color.blue});
  std::vector<uint8_t> png;
  if (!EncodePng(image, &png).ok()) throw std::bad_alloc();
  const Box snapped = {std::round(box.left), std::round(box.top), std::round(box.right), std::round(box.bottom)};
  body_ += "<image" + Attribute("class", NameOf(Part::kCell)) + Attribute("x", Number(snapped.left)) +
           Attribute("y", Number(snapped.top)) + Attribute("width", Number(snapped.Width())) +
           Attribute("height", Number(snapped.Height())) +
           " preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,";
  AppendBase64(png, &body_);
  body_ += "\"/>\n";
}

void SvgCanvas::DrawText(std::string_view text, Point anchor, const TextStyle& style) {
  const std::string x = Number(anchor.x);
  const std::string y = Number(anchor.y);
  body_ += "<text" + Attribute("class", NameOf(style.part)) + Attribute("x", x) + Attribute("y", y) +
           Attribute("font-size", Number(style.size)) + Attribute("fill", HexOf(style.color));
  if (style.color.alpha < 1.0) body_ += Attribute("opacity", Number(style.color.alpha));
  if (style.face == Face::kBold) body_ += " font-weight=\"bold\"";
  if (style.align != Align::kLeft) {
    body_ += Attribute("text-anchor", style.align == Align::kCenter ? "middle" : "end");
  }
  if (style.upwards) body_ += Attribute("transform", "rotate(-90 " + x + " " + y + ")");
  body_ += Attribute("textLength", Number(TextWidth(text, style.face, style.size))) +
           " lengthAdjust=\"spacingAndGlyphs\">" + EscapedText(text) + "</text>\n";
}

std::string SvgCanvas::Document(std::string_view title) const {
  return head_ + "<title>" + EscapedText(title) + "</title>\n" + body_ + "</svg>\n";
}

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "tests/support/svg_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

namespace attnscope::render {
namespace {

using Attributes = std::map<std::string, std::string>;

struct Element {
  std::string name;  // "/g" for an end tag
  Attributes attributes;
};

class SvgReader {
 public:
  explicit SvgReader(std::string_view svg) : svg_(svg) {}

  RecordingCanvas Read() {
    Expect("<svg ");
    const Element root = ReadTag("svg");
    EXPECT_EQ(root.attributes.at("xmlns"), "http://www.w3.org/2000/svg");
    EXPECT_TRUE(root.attributes.contains("viewBox"));
    while (Skip(), svg_.starts_with('<')) {
      svg_.remove_prefix(1);
      const size_t end = svg_.find_first_of(" >/", 1);
      const std::string name(svg_.substr(0, end));
      svg_.remove_prefix(end);
      if (name == "/svg") {
        closed_ = true;
        svg_.remove_prefix(1);
        break;
      }
      Take(ReadTag(name));
    }
    EXPECT_TRUE(closed_) << "the document is not closed";
    EXPECT_EQ(svg_, "\n");
    return canvas_;
  }

 private:
  void Skip() { svg_.remove_prefix(std::min(svg_.find_first_not_of(" \n"), svg_.size())); }
  void Expect(std::string_view text) {
    EXPECT_TRUE(svg_.starts_with(text)) << svg_.substr(0, 60);
    svg_.remove_prefix(std::min(text.size(), svg_.size()));
  }

  // What follows a name, up to and with ">".
  Element ReadTag(const std::string& name) {
    Element element = {name, {}};
    for (;;) {
      Skip();
      if (svg_.starts_with("/>") || svg_.starts_with('>') || svg_.empty()) {
        svg_.remove_prefix(std::min<size_t>(svg_.starts_with('/') ? 2 : 1, svg_.size()));
        return element;
      }
      const size_t equals = svg_.find("=\"");
      const size_t end = svg_.find('"', equals + 2);
      if (equals == std::string_view::npos || end == std::string_view::npos) {
        ADD_FAILURE() << "no attribute: " << svg_.substr(0, 60);
        svg_ = {};
        return element;
      }
      const std::string key(svg_.substr(0, equals));
      EXPECT_FALSE(element.attributes.contains(key)) << key << " twice";
      element.attributes[key] = svg_.substr(equals + 2, end - equals - 2);
      svg_.remove_prefix(end + 1);
    }
  }

  std::string ReadText(const std::string& name) {
    const std::string end_tag = "</" + name + ">";
    const size_t end = svg_.find(end_tag);
    EXPECT_NE(end, std::string_view::npos);
    std::string text(svg_.substr(0, end));
    svg_.remove_prefix(std::min(end + end_tag.size(), svg_.size()));
    EXPECT_EQ(text.find('<'), std::string::npos);
    for (const auto& [code, character] : {std::pair("&lt;", "<"), std::pair("&gt;", ">"), std::pair("&amp;", "&")}) {
      for (size_t at = 0; (at = text.find(code, at)) != std::string::npos; ++at) {
        text.replace(at, std::string_view(code).size(), character);
      }
    }
    return text;
  }

  void Take(const Element& element) {
    const Attributes& attributes = element.attributes;
    if (element.name == "title") {
      EXPECT_FALSE(ReadText("title").empty());
    } else if (element.name == "rect") {
      EXPECT_EQ(attributes.at("class"), "background");
    } else if (element.name == "g") {
      shape_ = {};
      CheckKeys(attributes, {"class", "opacity", "shape-rendering"});
      shape_.shape.part = PartOf(attributes.at("class"));
      shape_.shape.crisp = attributes.contains("shape-rendering");
      opacity_ = attributes.contains("opacity") ? NumberOf(attributes.at("opacity")) : 1.0;
    } else if (element.name == "/g") {
      canvas_.shapes.push_back(shape_);
    } else if (element.name == "image") {
      TakeImage(element.attributes);
    } else if (element.name == "path") {
      TakePath(attributes);
    } else if (element.name == "text") {
      TakeText(attributes);
    } else {
      ADD_FAILURE() << "unknown element " << element.name;
    }
  }

  void TakePath(const Attributes& attributes) {
    const Path path = PathOf(attributes.at("d"));
    if (attributes.contains("stroke")) {
      CheckKeys(attributes,
                {"fill", "stroke", "stroke-width", "stroke-linejoin", "stroke-linecap", "stroke-dasharray", "d"});
      EXPECT_EQ(attributes.at("fill"), "none");
      shape_.shape.line = path;
      shape_.shape.stroke.width = NumberOf(attributes.at("stroke-width"));
      shape_.color = ColorOf(attributes.at("stroke"));
      if (attributes.contains("stroke-dasharray")) {
        const std::string& dashes = attributes.at("stroke-dasharray");
        shape_.shape.stroke.dash = NumberOf(dashes.substr(0, dashes.find(' ')));
        shape_.shape.stroke.gap = NumberOf(dashes.substr(dashes.find(' ') + 1));
      }
    } else {
      CheckKeys(attributes, {"fill", "d"});
      shape_.shape.fill = path;
      shape_.color = ColorOf(attributes.at("fill"));
    }
  }

  // Where it is: its cells are within.
  void TakeImage(const Attributes& attributes) {
    EXPECT_TRUE(attributes.at("href").starts_with("data:image/png;base64,iVBOR"));
    const auto number = [&](const char* name) { return std::strtod(attributes.at(name).c_str(), nullptr); };
    const Point at = {number("x"), number("y")};
    canvas_.cells.push_back({{}, {at.x, at.y, at.x + number("width"), at.y + number("height")}});
  }

  void TakeText(const Attributes& attributes) {
    CheckKeys(attributes, {"class", "x", "y", "font-size", "fill", "opacity", "font-weight", "text-anchor", "transform",
                           "textLength", "lengthAdjust"});
    TextStyle style = {.size = NumberOf(attributes.at("font-size")), .part = PartOf(attributes.at("class"))};
    opacity_ = 1.0;
    style.color = ColorOf(attributes.at("fill"));
    if (attributes.contains("font-weight")) style.face = Face::kBold;
    if (attributes.contains("text-anchor")) {
      style.align = attributes.at("text-anchor") == "middle" ? Align::kCenter : Align::kRight;
    }
    const std::string& x = attributes.at("x");
    const std::string& y = attributes.at("y");
    style.upwards = attributes.contains("transform");
    if (style.upwards) {
      EXPECT_EQ(attributes.at("transform"), "rotate(-90 " + x + " " + y + ")");
    }
    const std::string text = ReadText("text");
    // The size is rounded to 0.005.
    const double width = TextWidth(text, style.face, style.size);
    EXPECT_NEAR(NumberOf(attributes.at("textLength")), width, 0.006 + 0.0051 / style.size * width);
    canvas_.DrawText(text, {NumberOf(x), NumberOf(y)}, style);
  }

  static void CheckKeys(const Attributes& attributes, std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : attributes) {
      EXPECT_NE(std::find(known.begin(), known.end(), key), known.end()) << "unknown attribute " << key;
    }
  }

  static double NumberOf(const std::string& text) {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    EXPECT_EQ(*end, '\0') << text;
    EXPECT_TRUE(std::isfinite(number)) << text;
    return number;
  }

  static Part PartOf(const std::string& name) {
    for (int i = 0; i <= static_cast<int>(Part::kCell); ++i) {
      if (NameOf(static_cast<Part>(i)) == name) return static_cast<Part>(i);
    }
    ADD_FAILURE() << "unknown part " << name;
    return Part::kNote;
  }

  Color ColorOf(const std::string& text) const {
    EXPECT_EQ(text.size(), 7U);
    return Rgb(static_cast<uint32_t>(std::stoul(text.substr(1), nullptr, 16)), opacity_);
  }

  static Path PathOf(const std::string& data) {
    Path path;
    const char* at = data.c_str();
    const auto point = [&at] {
      char* end = nullptr;
      const double x = std::strtod(at, &end);
      const double y = std::strtod(end, &end);
      EXPECT_NE(end, at);
      at = end;
      return Point{x, y};
    };
    while (*at != '\0') {
      switch (*at++) {
        case 'M':
          path.MoveTo(point());
          break;
        case 'L':
          path.LineTo(point());
          break;
        case 'Q': {
          const Point control = point();
          path.QuadraticTo(control, point());
          break;
        }
        case 'C': {
          const Point control1 = point();
          const Point control2 = point();
          path.CubicTo(control1, control2, point());
          break;
        }
        case 'Z':
          path.Close();
          break;
        default:
          ADD_FAILURE() << "unknown path command before " << at;
          return path;
      }
    }
    return path;
  }

  std::string_view svg_;
  bool closed_ = false;
  RecordingCanvas canvas_;
  RecordingCanvas::DrawnShape shape_;
  double opacity_ = 1.0;
};

}  // namespace

RecordingCanvas ReadSvg(std::string_view svg) { return SvgReader(svg).Read(); }

}  // namespace attnscope::render

// SPDX-License-Identifier: Apache-2.0
#include "page/page_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "render/draw/svg_canvas.h"
#include "report/utf8.h"

namespace attnscope::page {

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : render::EscapedText(text)) {
    if (c == '"') {
      escaped += "&quot;";
    } else if (c == '\'') {
      escaped += "&#39;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string JsonText(std::string_view text) {
  std::string json = "\"";
  internal::ForEachShownCharacter(text, [&](std::string_view character) {
    if (character == "<") {
      json += "\\u003c";
    } else {
      if (character == "\"" || character == "\\") json += '\\';
      json += character;
    }
  });
  return json + '"';
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "";
  std::array<char, 40> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4);
  return {text.data(), end.ptr};
}

std::string NumberText(const MetricValues& values, Metric metric) {
  return values.IsGivenAsNaN(metric) ? "NaN" : NumberText(values[metric]);
}

}  // namespace attnscope::page

// SPDX-License-Identifier: Apache-2.0
#include "page/page_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "report/utf8.h"

namespace attnscope::page {

std::string Escaped(std::string_view text) {
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
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += character;
    }
  });
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

}  // namespace attnscope::page

// SPDX-License-Identifier: Apache-2.0
#include "page/page_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace attnscope::page {
namespace {

// Bytes of the character that `text` begins with; 0 if it is no UTF-8: cut off, too long, a surrogate or beyond
// U+10FFFF.
size_t CharacterSize(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = byte(1);
  const bool is_bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return is_bad ? 0 : size;
}

// Calls `take` with each character, printable.
template <typename Take>
void ForEachCharacter(std::string_view text, const Take& take) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const bool is_control = size == 1 && (static_cast<uint8_t>(text[0]) < 0x20 || text[0] == 0x7F);
    take(size == 0 ? kReplacement : is_control ? std::string_view(" ") : text.substr(0, size));
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

}  // namespace

std::string Escaped(std::string_view text) {
  std::string escaped;
  ForEachCharacter(text, [&](std::string_view character) {
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
  ForEachCharacter(text, [&](std::string_view character) {
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

// SPDX-License-Identifier: Apache-2.0
//
// Text that comes from elsewhere, character by character: what is no UTF-8 must not reach a file that says it is.
#ifndef ATTNSCOPE_REPORT_UTF8_H_
#define ATTNSCOPE_REPORT_UTF8_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace attnscope::internal {

// What stands for a byte that is no UTF-8: U+FFFD.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// Bytes of the UTF-8 sequence that `text`, which is not empty, starts with, or 0 if it is none: overlong forms,
// surrogates and numbers above U+10FFFF are not UTF-8 (Unicode 15, table 3-7).
inline size_t Utf8Length(std::string_view text) {
  struct Form {
    uint8_t first_low, first_high, second_low, second_high;
    size_t length;
  };
  constexpr std::array<Form, 9> kForms = {{{0x00, 0x7F, 0x00, 0x00, 1},
                                           {0xC2, 0xDF, 0x80, 0xBF, 2},
                                           {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                           {0xE1, 0xEC, 0x80, 0xBF, 3},
                                           {0xED, 0xED, 0x80, 0x9F, 3},
                                           {0xEE, 0xEF, 0x80, 0xBF, 3},
                                           {0xF0, 0xF0, 0x90, 0xBF, 4},
                                           {0xF1, 0xF3, 0x80, 0xBF, 4},
                                           {0xF4, 0xF4, 0x80, 0x8F, 4}}};
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto* const form = std::find_if(
      kForms.begin(), kForms.end(), [&](const Form& f) { return byte(0) >= f.first_low && byte(0) <= f.first_high; });
  if (form == kForms.end() || text.size() < form->length) return 0;
  if (form->length >= 2 && (byte(1) < form->second_low || byte(1) > form->second_high)) return 0;
  for (size_t i = 2; i < form->length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return form->length;
}

// Calls take(character) for each character of `text` as it can be shown: a space for a control character,
// kReplacementCharacter for a byte that is no UTF-8.
template <typename Take>
void ForEachShownCharacter(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const bool is_control = length == 1 && (static_cast<uint8_t>(text[0]) < 0x20 || text[0] == 0x7F);
    take(length == 0 ? kReplacementCharacter : is_control ? std::string_view(" ") : text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
  }
}

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_UTF8_H_

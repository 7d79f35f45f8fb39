// SPDX-License-Identifier: Apache-2.0
#include "report/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace attnscope::internal {
namespace {

// Bytes of the UTF-8 sequence that `text` starts with, or 0 if it is none: overlong forms, surrogates and numbers above
// U+10FFFF are not UTF-8 (Unicode 15, table 3-7).
size_t Utf8Length(std::string_view text) {
  struct Form {
    uint8_t first_low, first_high, second_low, second_high;
    size_t length;
  };
  static constexpr std::array<Form, 9> kForms = {{{0x00, 0x7F, 0x00, 0x00, 1},
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

void AppendEscaped(char c, std::string* out) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const auto code = static_cast<uint8_t>(c);
  if (c == '"' || c == '\\') {
    (*out += '\\') += c;
  } else if (c == '\n') {
    *out += "\\n";
  } else if (c == '\t') {
    *out += "\\t";
  } else {
    (((*out += "\\u00") += kHex[code >> 4])) += kHex[code & 15];
  }
}

}  // namespace

void AppendJsonNumber(double value, bool is_count, std::string* out) {
  if (std::isnan(value)) {
    *out += "null";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char digits[400];  // a count's fixed notation may have 309 digits
  const bool is_whole = is_count && value == std::floor(value);
  const auto end = is_whole ? std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::fixed)
                            : std::to_chars(digits, digits + sizeof(digits), value);
  const std::string_view text(digits, static_cast<size_t>(end.ptr - digits));
  *out += text;
  if (!is_whole && text.find_first_of(".e") == std::string_view::npos) *out += ".0";
}

void AppendJsonString(std::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      *out += "\xEF\xBF\xBD";
    } else if (length == 1 && (static_cast<uint8_t>(text[0]) < 0x20 || text[0] == '"' || text[0] == '\\')) {
      AppendEscaped(text[0], out);
    } else {
      *out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  *out += '"';
}

std::string* JsonObject::Member(std::string_view key, std::string_view between) {
  if (is_empty_) {
    out_ += spacing_.before_first;
  } else {
    (out_ += ',') += between;
  }
  is_empty_ = false;
  ((out_ += '"') += key) += "\": ";
  return &out_;
}

void JsonObject::End() {
  if (!is_empty_) out_ += spacing_.after_last;
  out_ += '}';
}

bool AnyHas(const std::vector<MetricValues>& heads, Metric metric) {
  return std::any_of(heads.begin(), heads.end(), [&](const MetricValues& head) { return IsWritten(head, metric); });
}

void AppendJsonMetric(const MetricValues& values, const MetricInfo& info, std::string* out) {
  if (values.IsGivenAsNaN(info.metric)) {
    *out += "\"NaN\"";
  } else {
    AppendJsonNumber(values[info.metric], info.is_count, out);
  }
}

void AppendJsonHeads(const std::vector<MetricValues>& heads, const MetricInfo& info, std::string* out) {
  char separator = '[';
  for (const MetricValues& head : heads) {
    *out += separator;
    AppendJsonMetric(head, info, out);
    separator = ',';
  }
  *out += ']';
}

}  // namespace attnscope::internal

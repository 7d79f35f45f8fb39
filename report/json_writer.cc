// SPDX-License-Identifier: Apache-2.0
#include "report/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "report/metrics_of.h"
#include "report/utf8.h"

namespace attnscope::internal {
namespace {

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
      *out += kReplacementCharacter;
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
  return std::any_of(heads.begin(), heads.end(), [&](const MetricValues& head) { return IsGiven(head, metric); });
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

// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/row_rules_text.h"

#include <zlib.h>

#include <array>
#include <charconv>
#include <vector>

#include "tools/files/tensor.h"

namespace attnscope::tools {
namespace {

std::string ChecksumText(const void* bytes, size_t size) {
  const auto checksum = static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(bytes), size));
  std::array<char, 8> digits;
  const char* const stop = std::to_chars(digits.data(), digits.data() + digits.size(), checksum, 16).ptr;
  return " of checksum " + std::string(static_cast<const char*>(digits.data()), stop);
}

template <typename T>
std::string ChecksumText(const std::vector<T>& values) {
  return ChecksumText(values.data(), values.size() * sizeof(T));
}

// The numbers, or, of many, how many they are.
std::string ListText(const std::vector<int64_t>& values) {
  constexpr size_t kShown = 16;
  if (values.size() > kShown) return std::to_string(values.size()) + " numbers" + ChecksumText(values);
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(values[i]);
  return text;
}

class TextBuilder {
 public:
  void Add(const char* option, const std::string& value) {
    if (!text_.empty()) text_ += ' ';
    text_ += option;
    if (!value.empty()) (text_ += ' ') += value;
  }
  void AddList(const char* option, const std::vector<int64_t>& values) {
    if (!values.empty()) Add(option, ListText(values));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string DoubleText(double value) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

}  // namespace

std::string TextOfRules(const RowOptions& options, const RowRules& rules) {
  TextBuilder builder;
  if (rules.causal_offset.has_value()) builder.Add("--causal-offset", std::to_string(*rules.causal_offset));
  for (const std::string& window : options.windows) builder.Add("--window", window);
  for (const std::string& window : options.chunks) builder.Add("--chunked", window);
  if (rules.window_after >= 0) builder.Add("--window-after", std::to_string(rules.window_after));
  builder.AddList("--key-lengths", rules.key_lengths.values);
  builder.AddList("--first-keys", rules.first_keys.values);
  builder.AddList("--query-lengths", rules.query_lengths.values);
  builder.AddList("--segments", rules.segments);
  const RowMask& mask = rules.mask;
  if (!mask.added.empty()) {
    builder.Add("--mask", ShapeText(mask.shape) + ChecksumText(mask.added));
  } else if (!mask.shown.empty()) {
    builder.Add("--mask", ShapeText(mask.shape) + ChecksumText(mask.shown));
  }
  const HeadSinks& sinks = rules.sinks;
  if (!sinks.values.empty()) {
    builder.Add("--sinks", ShapeText(std::array<size_t, 2>{sinks.layers, sinks.heads}) + ChecksumText(sinks.values));
  }
  if (rules.masked_below != SoftmaxParams().masked_below) builder.Add("--masked-below", DoubleText(rules.masked_below));
  if (options.null_mass) builder.Add("--null-mass", "");
  const std::string& text = builder.text();
  if (text.size() <= kMaxRulesText) return text;
  return std::to_string(text.size()) + " bytes of options" + ChecksumText(text.data(), text.size());
}

}  // namespace attnscope::tools

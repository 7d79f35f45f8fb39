// SPDX-License-Identifier: Apache-2.0
//
// The texts of options, and the files that they name.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "tools/analysis/row_rules.h"
#include "tools/analysis/row_rules_text.h"
#include "tools/analysis/tensor_choice.h"

namespace attnscope::tools {
namespace {

// The lowest finite number of float16, which attention masks hold in place of -infinity.
constexpr float kLowestFloat16 = -65504.0f;

Status ReadWindow(const char* option, const std::string& text, WindowKind kind, RowRules* rules) {
  LayerWindow window = {.kind = kind};
  const size_t colon = text.find(':');
  bool is_good = ReadWhole(std::string_view(text).substr(colon == std::string::npos ? 0 : colon + 1), &window.window);
  is_good = is_good && window.window >= 0;
  if (colon == std::string::npos) {
    window.layers.push_back({});
  } else {
    is_good = is_good && ReadLayerSets(std::string_view(text).substr(0, colon), &window.layers);
  }
  if (!is_good) {
    return Invalid(std::string(option) + " " + text +
                   ": needs a number of keys, 0 for none, or layers before it, as in 1024, 0,2,4:1024, 0-11:512 or, of "
                   "every second layer from layer 1 on, 1/2:128");
  }
  rules->windows.push_back(std::move(window));
  return {};
}

std::string OptionText(const char* option, const std::string& text) { return std::string(option) + " " + text; }

// "N,N,...", or a file of whole numbers [n].
Status ReadLengths(const char* option, const std::string& text, std::vector<int64_t>* out) {
  if (text.empty()) return {};
  std::vector<int64_t> values;
  const bool is_list = ForEachPart(text, [&values](std::string_view part) {
    values.push_back(0);
    return ReadWhole(part, &values.back());
  });
  if (is_list) {
    *out = std::move(values);
    return {};
  }
  NumberArray array;
  if (Status status = ReadNumberFile(text, /*void_is_bfloat16=*/false, &array); !status.ok()) {
    return {status.code(),
            std::string(option) + " is neither numbers, as in 64,12, nor a file that can be read: " + status.message()};
  }
  if (!array.floats.empty() || array.dtype == Dtype::kBool) {
    return Invalid(OptionText(option, text) + ": needs whole numbers, such as int32 or int64");
  }
  array.whole.insert(array.whole.end(), array.bytes.begin(), array.bytes.end());
  if (array.shape.size() != 1 || array.whole.empty()) {
    return Invalid(OptionText(option, text) + ": has shape " + ShapeText(array.shape) + ", not [n]");
  }
  *out = std::move(array.whole);
  return {};
}

Status ReadSequenceLengths(const char* option, const std::string& text, SequenceLengths* out) {
  out->option = OptionText(option, text);
  Status status = ReadLengths(option, text, &out->values);
  for (size_t i = 0; i < out->values.size() && status.ok(); ++i) {
    if (out->values[i] >= 0) continue;
    status = Invalid(out->option + ": number " + std::to_string(i) + " is " + std::to_string(out->values[i]));
  }
  return status;
}

Status ReadSegments(const std::string& text, std::vector<int64_t>* out) {
  std::vector<int64_t> borders;
  if (Status status = ReadLengths("--segments", text, &borders); !status.ok()) return status;
  if (borders.empty()) return {};
  const std::string option = OptionText("--segments", text);
  if (borders.size() < 2 || borders[0] != 0) {
    return Invalid(option + ": needs the borders of the segments, [0, ..., n], and begins with " +
                   std::to_string(borders[0]) + ", of " + std::to_string(borders.size()) + " in all");
  }
  if (borders.back() == 0) return Invalid(option + ": ends at 0, so that no key would be of a segment");
  for (size_t i = 1; i < borders.size(); ++i) {
    if (borders[i] >= borders[i - 1]) continue;
    return Invalid(option + ": border " + std::to_string(i) + " is " + std::to_string(borders[i]) +
                   ", below the one before it, " + std::to_string(borders[i - 1]));
  }
  *out = std::move(borders);
  return {};
}

std::string Indices(const std::vector<size_t>& shape, size_t element) {
  std::vector<size_t> index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; element /= shape[axis]) index[axis] = element % shape[axis];
  return ShapeText(index);
}

// NaN, which nothing can be made of, and +infinity.
Status CheckFloats(const std::string& option, const NumberArray& array) {
  for (size_t i = 0; i < array.floats.size(); ++i) {
    const float value = array.floats[i];
    if (!std::isnan(value) && value != std::numeric_limits<float>::infinity()) continue;
    return Invalid(option + ": element " + Indices(array.shape, i) + " is " + (std::isnan(value) ? "NaN" : "infinity"));
  }
  return {};
}

// A mask of truth values that something has turned into floats: added to logits, it would hide nothing.
bool IsOfTruthValues(const NumberArray& array) {
  const auto is_truth = [](float value) { return value == 0.0f || value == 1.0f; };
  return std::all_of(array.floats.begin(), array.floats.end(), is_truth) &&
         std::find(array.floats.begin(), array.floats.end(), 1.0f) != array.floats.end();
}

bool IsEmpty(const NumberArray& array) { return array.bytes.empty() && array.whole.empty() && array.floats.empty(); }

Status ReadMask(const RowOptions& options, RowMask* out) {
  const std::string& path = options.mask;
  const double masked_below = options.masked_below;
  if (path.empty()) return {};
  NumberArray array;
  RowMask mask = {.option = OptionText("--mask", path)};
  Status status = ReadNumberFile(path, options.void_is_bfloat16, &array);
  if (!status.ok()) return {status.code(), "--mask " + status.message()};
  status = CheckFloats(mask.option, array);
  if (!status.ok()) return status;
  if (array.shape.size() > 4 || IsEmpty(array)) {
    return Invalid(mask.option + ": has shape " + ShapeText(array.shape) +
                   ", which is not broadcast to [batch, heads, queries, keys]");
  }
  if (IsOfTruthValues(array)) {
    return Invalid(mask.option +
                   ": is of floats 0 and 1, and floats are added to logits; save mask.astype(bool), of what is seen");
  }
  mask.shape.assign(4 - array.shape.size(), 1);
  mask.shape.insert(mask.shape.end(), array.shape.begin(), array.shape.end());
  mask.shown = std::move(array.bytes);
  for (const int64_t value : array.whole) mask.shown.push_back(value != 0 ? 1 : 0);
  bool adds = false;
  for (const float value : array.floats) {
    const bool is_masked = static_cast<double>(value) <= masked_below || std::isinf(value) ||
                           (array.dtype == Dtype::kFloat16 && value == kLowestFloat16 && !std::isinf(masked_below));
    mask.shown.push_back(is_masked ? 0 : 1);
    adds |= !is_masked && value != 0.0f;
  }
  if (adds) {
    mask.added = std::move(array.floats);
    for (size_t i = 0; i < mask.added.size(); ++i) {
      if (mask.shown[i] == 0) mask.added[i] = -std::numeric_limits<float>::infinity();
    }
  }
  if (adds && mask.shape[3] == 1) {
    return Invalid(mask.option +
                   ": adds a number to whole rows, which a softmax does not see; it needs an axis of keys");
  }
  *out = std::move(mask);
  return {};
}

Status ReadSinks(const RowOptions& options, HeadSinks* out) {
  const std::string& path = options.sinks;
  if (path.empty()) return {};
  NumberArray array;
  HeadSinks sinks = {.option = OptionText("--sinks", path)};
  Status status = ReadNumberFile(path, options.void_is_bfloat16, &array);
  if (!status.ok()) return {status.code(), "--sinks " + status.message()};
  if (array.shape.empty() || array.shape.size() > 2 || array.floats.empty()) {
    return Invalid(sinks.option + ": has shape " + ShapeText(array.shape) +
                   (array.floats.empty() ? " and no floats" : "") + ", not floats [heads] or [layers, heads]");
  }
  status = CheckFloats(sinks.option, array);
  if (!status.ok()) return status;
  sinks.layers = array.shape.size() == 2 ? array.shape[0] : 1;
  sinks.heads = array.shape.back();
  sinks.values = std::move(array.floats);
  *out = std::move(sinks);
  return {};
}

Status CheckOptions(const RowOptions& options) {
  const bool has_window = !options.windows.empty() || !options.chunks.empty();
  if (options.window_after.has_value() && !has_window) {
    return Invalid("--window-after needs --window: it says how far the window reaches behind the query");
  }
  if (options.causal_offset.has_value() && !options.causal && !has_window && options.segments.empty()) {
    return Invalid("--causal-offset needs --causal, --window, --chunked or --segments");
  }
  if (std::isnan(options.masked_below) || options.masked_below >= 0.0) {
    return Invalid("--masked-below needs a number below 0, or -inf");
  }
  return {};
}

}  // namespace

LayerWindow RowRules::WindowOf(int64_t layer) const {
  LayerWindow sliding;
  LayerWindow chunked;
  for (const LayerWindow& window : windows) {
    const auto has = [layer](const LayerSet& set) { return set.Has(layer); };
    if (std::none_of(window.layers.begin(), window.layers.end(), has)) continue;
    (window.kind == WindowKind::kSliding ? sliding : chunked) = window;
  }
  return chunked.window > 0 ? chunked : sliding;
}

Status ReadRowRules(const RowOptions& options, RowRules* out) {
  RowRules rules;
  Status status = CheckOptions(options);
  for (const std::string& text : options.windows) {
    if (status.ok()) status = ReadWindow("--window", text, WindowKind::kSliding, &rules);
  }
  for (const std::string& text : options.chunks) {
    if (status.ok()) status = ReadWindow("--chunked", text, WindowKind::kChunked, &rules);
  }
  if (status.ok()) status = ReadSequenceLengths("--key-lengths", options.key_lengths, &rules.key_lengths);
  if (status.ok()) status = ReadSequenceLengths("--first-keys", options.first_keys, &rules.first_keys);
  if (status.ok()) status = ReadSequenceLengths("--query-lengths", options.query_lengths, &rules.query_lengths);
  if (status.ok()) status = ReadSegments(options.segments, &rules.segments);
  if (status.ok()) status = ReadMask(options, &rules.mask);
  if (status.ok()) status = ReadSinks(options, &rules.sinks);
  if (!status.ok()) return status;
  rules.causal = options.causal || (!rules.windows.empty() && !options.window_after.has_value());
  rules.causal_offset = options.causal_offset;
  rules.window_after = options.window_after.value_or(-1);
  rules.masked_below = options.masked_below;
  rules.null_mass = options.null_mass || !rules.sinks.values.empty();
  rules.text = TextOfRules(options, rules);
  *out = std::move(rules);
  return {};
}

}  // namespace attnscope::tools

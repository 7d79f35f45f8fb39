// SPDX-License-Identifier: Apache-2.0
//
// Row rules beside the tensors that they are said of.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "tools/analysis/row_rules.h"
#include "tools/analysis/tensor_choice.h"

namespace attnscope::tools {
namespace {

size_t SequencesOf(const LayerPlan& layer) {
  size_t sequences = 0;
  for (const AttentionPart& part : layer.attention) sequences += part.batch;
  return sequences;
}

std::string LayerName(int64_t layer) { return "layer " + std::to_string(layer); }

// One value for each sequence of the layer, each at most what `most` says of its part.
template <typename Most>
Status FitLengths(const SequenceLengths& lengths, int64_t index, const LayerPlan& layer, const char* what,
                  const Most& most) {
  const std::vector<int64_t>& values = lengths.values;
  if (values.empty() || layer.attention.empty()) return {};
  const size_t sequences = SequencesOf(layer);
  if (values.size() != sequences) {
    return Invalid(lengths.option + " has " + std::to_string(values.size()) +
                   (values.size() == 1 ? " number" : " numbers") + ", but " + LayerName(index) + " has " +
                   std::to_string(sequences) + (sequences == 1 ? " sequence" : " sequences") + ", of " +
                   layer.attention[0].source.Describe());
  }
  size_t sequence = 0;
  for (const AttentionPart& part : layer.attention) {
    for (size_t b = 0; b < part.batch; ++b, ++sequence) {
      if (static_cast<size_t>(values[sequence]) <= most(part)) continue;
      return Invalid(lengths.option + ": number " + std::to_string(sequence) + " is " +
                     std::to_string(values[sequence]) + ", but " + part.source.Describe() + " has " +
                     std::to_string(most(part)) + " " + what);
    }
  }
  return {};
}

// Padding on the left that is longer than the sequence.
Status FitFirstKeys(const RowRules& rules) {
  const std::vector<int64_t>& first = rules.first_keys.values;
  const std::vector<int64_t>& lengths = rules.key_lengths.values;
  for (size_t i = 0; i < std::min(first.size(), lengths.size()); ++i) {
    if (first[i] <= lengths[i]) continue;
    return Invalid(rules.first_keys.option + ": number " + std::to_string(i) + " is " + std::to_string(first[i]) +
                   ", behind the " + std::to_string(lengths[i]) + " of " + rules.key_lengths.option +
                   ", so that the sequence has no key");
  }
  return {};
}

// A tokenizer's mask [batch, keys], which has no axes of heads and queries.
std::string HintOf(const RowMask& mask, const std::array<size_t, 4>& sizes) {
  const bool is_of_tokens = mask.shape == std::vector<size_t>{1, 1, sizes[0], sizes[3]};
  return is_of_tokens ? "; of a mask [batch, keys] save mask[:, None, None, :]" : "";
}

// A number that is all that a mask adds, and so low that it seems meant to hide keys.
std::optional<float> HidingNumber(const RowMask& mask) {
  constexpr float kHighest = -1000.0f;
  constexpr float kLowest = -1e8f;  // is added only where --masked-below says so
  std::optional<float> hiding;
  for (const float value : mask.added) {
    if (value == 0.0f || std::isinf(value) || value == hiding) continue;
    if (hiding.has_value() || value > kHighest || value <= kLowest) return std::nullopt;
    hiding = value;
  }
  return hiding;
}

// Whether a mask only adds to logits, which weights are made of already.
bool HidesNothing(const RowMask& mask) {
  return !mask.added.empty() && std::find(mask.shown.begin(), mask.shown.end(), uint8_t{0}) == mask.shown.end();
}

bool HasWeights(const Plan& plan) {
  return std::any_of(plan.layers.begin(), plan.layers.end(), [](const auto& layer) {
    const std::vector<AttentionPart>& parts = layer.second.attention;
    return !parts.empty() && parts[0].kind == AttentionKind::kWeights;
  });
}

// Whether some layer has what windows were given for.
bool HasWindows(const Plan& plan, const RowRules& rules) {
  return rules.windows.empty() || std::any_of(plan.layers.begin(), plan.layers.end(), [&rules](const auto& layer) {
           return rules.WindowOf(layer.first).window > 0;
         });
}

Status FitMask(const RowMask& mask, int64_t index, const LayerPlan& layer, const Pieces& pieces) {
  if (mask.shown.empty()) return {};
  const size_t sequences = SequencesOf(layer);
  for (const AttentionPart& part : layer.attention) {
    const std::array<size_t, 4> sizes = {sequences, pieces.HeadsOf(part), pieces.RowsOf(part), part.keys};
    constexpr const char* kNames[] = {"sequences", "heads", "queries", "keys"};
    for (size_t axis = 0; axis < sizes.size(); ++axis) {
      if (mask.shape[axis] == 1 || mask.shape[axis] == sizes[axis]) continue;
      return Invalid(mask.option + ": " + ShapeText(mask.shape) +
                     " is not broadcast to [batch, heads, queries, keys] of " + LayerName(index) + ", " +
                     ShapeText(sizes) + ", of " + part.source.Describe() + ": " + std::to_string(mask.shape[axis]) +
                     " for " + std::to_string(sizes[axis]) + " " + kNames[axis] + HintOf(mask, sizes));
    }
  }
  return {};
}

Status FitSinks(const HeadSinks& sinks, int64_t index, const LayerPlan& layer, const Pieces& pieces) {
  if (sinks.values.empty() || layer.attention.empty()) return {};
  const AttentionPart& part = layer.attention[0];
  if (sinks.layers > 1 && static_cast<size_t>(index) >= sinks.layers) {
    return Invalid(sinks.option + " is of layers 0 to " + std::to_string(sinks.layers - 1) + ", but " +
                   part.source.Describe() + " is of " + LayerName(index));
  }
  if (sinks.heads == pieces.HeadsOf(part)) return {};
  return Invalid(sinks.option + " is of " + std::to_string(sinks.heads) + " heads, but " + part.source.Describe() +
                 " has " + std::to_string(pieces.HeadsOf(part)));
}

Status FitSegments(const std::vector<int64_t>& segments, const LayerPlan& layer) {
  if (segments.empty()) return {};
  for (const AttentionPart& part : layer.attention) {
    if (segments.size() == part.keys && part.keys > 2) {
      return Invalid("--segments has " + std::to_string(part.keys) + " numbers, one for each key of " +
                     part.source.Describe() + ": it needs the borders of the segments, not the segment of each key");
    }
    if (static_cast<size_t>(segments.back()) <= part.keys) continue;
    return Invalid("--segments ends at " + std::to_string(segments.back()) + ", but " + part.source.Describe() +
                   " has " + std::to_string(part.keys) + " keys");
  }
  return {};
}

Status FitWindow(const RowRules& rules, int64_t index) {
  int64_t windows[2] = {};
  for (const WindowKind kind : {WindowKind::kSliding, WindowKind::kChunked}) {
    RowRules of_kind;
    for (const LayerWindow& window : rules.windows) {
      if (window.kind == kind) of_kind.windows.push_back(window);
    }
    windows[static_cast<size_t>(kind)] = of_kind.WindowOf(index).window;
  }
  if (windows[0] == 0 || windows[1] == 0) return {};
  return Invalid(LayerName(index) + " has --window " + std::to_string(windows[0]) + " and --chunked " +
                 std::to_string(windows[1]) + ": a layer has one of them");
}

// All matrices have as many queries as keys: self-attention without a cache.
bool IsSquare(const Plan& plan, const Pieces& pieces) {
  for (const auto& [index, layer] : plan.layers) {
    for (const AttentionPart& part : layer.attention) {
      if (pieces.RowsOf(part) != part.keys) return false;
    }
  }
  return true;
}

}  // namespace

Status FitRowRules(const Pieces& pieces, Plan* plan, RowRules* rules) {
  const auto keys_of = [](const AttentionPart& part) { return part.keys; };
  const auto rows_of = [&pieces](const AttentionPart& part) { return pieces.RowsOf(part); };
  for (const auto& [index, layer] : plan->layers) {
    Status status = FitLengths(rules->key_lengths, index, layer, "keys", keys_of);
    if (status.ok()) status = FitLengths(rules->first_keys, index, layer, "keys", keys_of);
    if (status.ok()) status = FitLengths(rules->query_lengths, index, layer, "queries", rows_of);
    if (status.ok()) status = FitSegments(rules->segments, layer);
    if (status.ok()) status = FitMask(rules->mask, index, layer, pieces);
    if (status.ok()) status = FitSinks(rules->sinks, index, layer, pieces);
    if (status.ok()) status = FitWindow(*rules, index);
    if (!status.ok()) return status;
  }
  if (Status status = FitFirstKeys(*rules); !status.ok()) return status;
  if (!HasWindows(*plan, *rules)) {
    plan->notes.emplace_back(
        "no layer that is measured has a window or chunks by --window, --chunked and their layers");
  }
  if (const std::optional<float> hiding = HidingNumber(rules->mask)) {
    const std::string number = std::to_string(std::lround(*hiding));
    plan->notes.push_back(rules->mask.option + " adds " + number +
                          ", and its keys count as seen: if it is to hide them, --masked-below " + number + " says so");
  }
  if (HidesNothing(rules->mask) && HasWeights(*plan)) {
    plan->notes.push_back(rules->mask.option + " hides no key, and what it adds to logits is in weights already");
  }
  const bool has_lengths = !rules->key_lengths.values.empty() || !rules->first_keys.values.empty();
  if (!has_lengths || !rules->query_lengths.values.empty() || !IsSquare(*plan, pieces)) return {};
  rules->query_lengths.values = rules->key_lengths.values;
  rules->first_queries.values = rules->first_keys.values;
  plan->notes.emplace_back(
      "queries are as many as keys: what --key-lengths and --first-keys leave out is padding of both, so its rows are "
      "masked; --query-lengths says otherwise");
  return {};
}

}  // namespace attnscope::tools

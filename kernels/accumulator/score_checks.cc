// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/score_checks.h"

#include <string>
#include <utility>

#include "attnscope/limits.h"
#include "kernels/accumulator/view_checks.h"
#include "kernels/dimension_checks.h"

namespace attnscope {
namespace {

constexpr size_t kMostWindow = 65536;

Status OutOfRange(std::string message) { return {StatusCode::kOutOfRange, std::move(message)}; }

// What a layer of the same sizes takes.
LayerConfig LayerOf(const KeyScoresConfig& config) {
  LayerConfig layer;
  layer.heads = config.heads;
  layer.max_keys = config.max_keys;
  layer.max_batch = config.max_batch;
  return layer;
}

// The same for a view of which more than its keys is to be checked: scores are of cells, whose positions may be any.
LayerConfig LayerOf(const KeyScoresConfig& config, const Visibility& visibility) {
  LayerConfig layer = LayerOf(config);
  if (visibility.key_positions != nullptr) layer.max_keys = kMaxKeys;
  return layer;
}

Status CheckCells(const KeyScoresConfig& config, const char* name, size_t keys) {
  if (keys <= config.max_keys) return {};
  return OutOfRange(std::string(name) + " have " + std::to_string(keys) + " keys, max_keys is " +
                    std::to_string(config.max_keys));
}

Status CheckCall(const ScoreStorage& scores, const char* name, const CallMatrices& call, const Visibility& visibility) {
  if (Status status = CheckCells(scores.config(), name, call.shape.keys); !status.ok()) return status;
  return CheckKeysLeft(scores, name, call, visibility);
}

size_t KeysOf(const CallMatrices& call, const Visibility& visibility, size_t sequence) {
  return visibility.key_positions != nullptr ? call.shape.keys : KeysOfSequence(call.shape, visibility, sequence);
}

std::string OfGroup(size_t sequence, size_t group) {
  return " of sequence " + std::to_string(sequence) + ", group " + std::to_string(group);
}

}  // namespace

Status CheckConfig(const KeyScoresConfig& config) {
  if (Status status = CheckConfig(LayerOf(config)); !status.ok()) return status;
  if (config.max_keys == 0) return Invalid("max_keys is 0, expected 1 to " + std::to_string(kMaxKeys));
  if (config.groups == 0 || config.heads % config.groups != 0) {
    return Invalid("groups is " + std::to_string(config.groups) + ", expected a divisor of heads, which is " +
                   std::to_string(config.heads));
  }
  if (config.window > kMostWindow) {
    return Invalid("window is " + std::to_string(config.window) + ", expected 0 to " + std::to_string(kMostWindow));
  }
  if (config.decay > 0.0 && config.decay <= 1.0) return {};
  return Invalid("decay is " + std::to_string(config.decay) + ", expected a number above 0, at most 1");
}

Status CheckAttachable(const LayerConfig& layer, const KeyScoresConfig& scores) {
  const auto differ = [](const char* name, size_t of_scores, const char* how, size_t of_layer) {
    return Invalid(std::string(name) + " of the key scores is " + std::to_string(of_scores) + ", expected " + how +
                   std::to_string(of_layer) + ", that of the accumulator");
  };
  if (layer.mean_matrix) return Invalid("mean-matrix mode has no rows of heads to score keys by");
  if (scores.heads != layer.heads) return differ("heads", scores.heads, "", layer.heads);
  if (scores.max_batch != layer.max_batch) return differ("max_batch", scores.max_batch, "", layer.max_batch);
  if (scores.max_keys >= layer.max_keys) return {};
  return differ("max_keys", scores.max_keys, "at least ", layer.max_keys);
}

Status CheckScoredWeights(const ScoreStorage& scores, const AttentionView& view, const Visibility& visibility) {
  Status status = CheckAttention(LayerOf(scores.config(), visibility), view, visibility);
  return status.ok() ? CheckCall(scores, "weights", CallMatrices(view), visibility) : status;
}

Status CheckScoredLogits(const ScoreStorage& scores, const AttentionView& view, const SoftmaxParams& params) {
  Status status = CheckLogits(LayerOf(scores.config(), params.mask), view, params);
  return status.ok() ? CheckCall(scores, "logits", CallMatrices(view), params.mask) : status;
}

Status CheckScoredQueriesKeys(const ScoreStorage& scores, const QueryKeyView& view, const SoftmaxParams& params) {
  Status status = CheckQueriesKeys(LayerOf(scores.config(), params.mask), view, params);
  return status.ok() ? CheckCall(scores, "queries", CallMatrices(view), params.mask) : status;
}

Status CheckKeysLeft(const ScoreStorage& scores, const char* name, const CallMatrices& call,
                     const Visibility& visibility) {
  if (visibility.key_positions != nullptr || call.shape.keys == 0 || call.shape.heads == 0) return {};
  const size_t first_group = call.first_head / scores.heads_per_group();
  const size_t last_group = (call.first_head + call.shape.heads - 1) / scores.heads_per_group();
  for (size_t sequence = 0; sequence < call.shape.batch; ++sequence) {
    const size_t keys = KeysOf(call, visibility, sequence);
    for (size_t group = first_group; group <= last_group; ++group) {
      const size_t before = scores.Keys(call.first_sequence + sequence, group);
      if (keys >= before || keys == 0) continue;
      return Invalid(std::string(name) + " have " + std::to_string(keys) + " keys, but the scores" +
                     OfGroup(call.first_sequence + sequence, group) + " have " + std::to_string(before) +
                     ": say what the cache has dropped by Keep, Remove or Shift, or end the sequence by EndSequence");
    }
  }
  return {};
}

void RaiseKeys(const CallMatrices& call, const Visibility& visibility, ScoreStorage* scores) {
  for (size_t sequence = 0; sequence < call.shape.batch; ++sequence) {
    scores->RaiseKeys(call.first_sequence + sequence, call.first_head, call.first_head + call.shape.heads,
                      KeysOf(call, visibility, sequence));
  }
}

Status CheckSequence(const ScoreStorage& scores, size_t sequence) {
  if (sequence < scores.config().max_batch) return {};
  return OutOfRange("sequence is " + std::to_string(sequence) + ", max_batch is " +
                    std::to_string(scores.config().max_batch));
}

Status CheckGroup(const ScoreStorage& scores, size_t sequence, size_t group, bool all_groups) {
  if (Status status = CheckSequence(scores, sequence); !status.ok()) return status;
  if (group < scores.config().groups || (all_groups && group == kAllGroups)) return {};
  return OutOfRange("group is " + (group == kAllGroups ? "kAllGroups" : std::to_string(group)) + ", there are " +
                    std::to_string(scores.config().groups));
}

Status CheckHead(const ScoreStorage& scores, size_t sequence, size_t head) {
  if (Status status = CheckSequence(scores, sequence); !status.ok()) return status;
  if (head < scores.config().heads) return {};
  return OutOfRange("head is " + std::to_string(head) + ", heads is " + std::to_string(scores.config().heads));
}

Status CheckRoom(const char* name, size_t room, size_t needed) {
  if (room >= needed) return {};
  return Invalid(std::string(name) + " has room for " + std::to_string(room) + ", expected " + std::to_string(needed));
}

Status CheckKeyList(const ScoreStorage& scores, size_t sequence, size_t group, std::span<const size_t> keys) {
  const size_t end = scores.Keys(sequence, group);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] < end && (i == 0 || keys[i] > keys[i - 1])) continue;
    const std::string text = "keys[" + std::to_string(i) + "] is " + std::to_string(keys[i]);
    if (keys[i] >= end) return OutOfRange(text + ", there are " + std::to_string(end) + OfGroup(sequence, group));
    return Invalid(text + ", expected one above the one before it, which is " + std::to_string(keys[i - 1]));
  }
  return {};
}

Status CheckShift(const ScoreStorage& scores, size_t sequence, size_t group, size_t begin, size_t end, int64_t delta) {
  const size_t before = scores.Keys(sequence, group);
  const size_t max_keys = scores.config().max_keys;
  if (begin <= end && end <= before && delta >= -static_cast<int64_t>(begin) &&
      delta <= static_cast<int64_t>(max_keys - end)) {
    return {};
  }
  if (begin > end) return Invalid("begin is " + std::to_string(begin) + ", above end, which is " + std::to_string(end));
  const std::string keys = "keys [" + std::to_string(begin) + ", " + std::to_string(end) + ")";
  if (end > before) return OutOfRange(keys + ": there are " + std::to_string(before) + OfGroup(sequence, group));
  return OutOfRange(keys + " cannot move by " + std::to_string(delta) + ": max_keys is " + std::to_string(max_keys));
}

}  // namespace attnscope

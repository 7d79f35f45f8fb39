// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/visibility_checks.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "kernels/dimension_checks.h"

namespace attnscope {
namespace {

std::string Element(const char* name, size_t index, int64_t value) {
  return "mask." + std::string(name) + "[" + std::to_string(index) + "] is " + std::to_string(value);
}

// values [count], or null, are 0 to `most` each.
Status CheckLengths(const char* name, const int64_t* values, size_t count, size_t most) {
  for (size_t i = 0; values != nullptr && i < count; ++i) {
    if (values[i] >= 0 && static_cast<size_t>(values[i]) <= most) continue;
    return Invalid(Element(name, i, values[i]) + ", expected 0 to " + std::to_string(most));
  }
  return {};
}

Status CheckWindow(const Visibility& visibility) {
  if (visibility.window < 0) {
    return Invalid("mask.window is " + std::to_string(visibility.window) + ", expected 0 (none) or a number of keys");
  }
  if (visibility.window_after < -1) {
    return Invalid("mask.window_after is " + std::to_string(visibility.window_after) +
                   ", expected -1 (all) or a number of keys");
  }
  if (visibility.window_kind != WindowKind::kSliding && visibility.window_kind != WindowKind::kChunked) {
    return Invalid("mask.window_kind is " + std::to_string(static_cast<int>(visibility.window_kind)) +
                   ", not a WindowKind");
  }
  return {};
}

Status CheckSegments(const Visibility& visibility, size_t keys) {
  if (visibility.segments == nullptr) {
    if (visibility.num_segments == 0) return {};
    return Invalid("mask.segments is null, but mask.num_segments is " + std::to_string(visibility.num_segments));
  }
  if (visibility.segments[0] != 0) return Invalid(Element("segments", 0, visibility.segments[0]) + ", expected 0");
  for (size_t i = 1; i <= visibility.num_segments; ++i) {
    if (visibility.segments[i] >= visibility.segments[i - 1]) continue;
    return Invalid(Element("segments", i, visibility.segments[i]) + ", below the one before it, which is " +
                   std::to_string(visibility.segments[i - 1]));
  }
  const int64_t last = visibility.segments[visibility.num_segments];
  if (visibility.key_positions != nullptr || static_cast<size_t>(last) <= keys) return {};
  return Invalid(Element("segments", visibility.num_segments, last) + ", but there are " + std::to_string(keys) +
                 " keys");
}

Status CheckPositions(const LayerConfig& config, const MatrixShape& shape, const Visibility& visibility) {
  if (visibility.key_positions == nullptr) return {};
  if (config.mean_matrix) return Invalid("mean-matrix mode takes no mask.key_positions");
  if (Status status =
          CheckDimensions("mask.key_positions", visibility.key_positions,
                          {{"keys", shape.keys, 1}, {"batch", shape.batch, visibility.key_positions_stride}});
      !status.ok()) {
    return status;
  }
  for (size_t sequence = 0; sequence < shape.batch; ++sequence) {
    const int64_t* positions =
        visibility.key_positions + static_cast<int64_t>(sequence) * visibility.key_positions_stride;
    for (size_t key = 0; key < shape.keys; ++key) {
      if (positions[key] >= -1 && positions[key] < static_cast<int64_t>(config.max_keys)) continue;
      return Invalid(Element("key_positions", key, positions[key]) + " in sequence " + std::to_string(sequence) +
                     ", expected -1 (none) to " + std::to_string(config.max_keys) +
                     " - 1, the keys that there is room for");
    }
    if (visibility.key_positions_stride == 0) break;
  }
  return {};
}

Status CheckKeyMask(const MatrixShape& shape, const KeyMaskView& mask) {
  if (mask.data == nullptr) return {};
  return CheckDimensions("mask.key_mask", mask.data,
                         {{"keys", shape.keys, mask.key_stride},
                          {"queries", shape.queries, mask.query_stride},
                          {"heads", shape.heads, mask.head_stride},
                          {"batch", shape.batch, mask.batch_stride}});
}

// Whether nothing is said that could be wrong, as in most calls of an engine.
bool SaysNothing(const Visibility& visibility) {
  return visibility.key_lengths == nullptr && visibility.first_keys == nullptr && visibility.query_lengths == nullptr &&
         visibility.window == 0 && visibility.window_after == -1 && visibility.window_kind == WindowKind::kSliding &&
         visibility.segments == nullptr && visibility.num_segments == 0 && visibility.key_positions == nullptr &&
         visibility.key_mask.data == nullptr;
}

}  // namespace

size_t KeysOfSequence(const MatrixShape& shape, const Visibility& visibility, size_t sequence) {
  if (visibility.key_lengths == nullptr) return shape.keys;
  return std::min(shape.keys, static_cast<size_t>(visibility.key_lengths[sequence]));
}

Status CheckVisibility(const LayerConfig& config, const MatrixShape& shape, const Visibility& visibility) {
  if (SaysNothing(visibility)) return {};
  // With positions, lengths are of these.
  const size_t most_keys = visibility.key_positions == nullptr ? shape.keys : config.max_keys;
  if (Status status = CheckLengths("key_lengths", visibility.key_lengths, shape.batch, most_keys); !status.ok()) {
    return status;
  }
  if (Status status = CheckLengths("first_keys", visibility.first_keys, shape.batch, most_keys); !status.ok()) {
    return status;
  }
  if (Status status = CheckLengths("query_lengths", visibility.query_lengths, shape.batch, shape.queries);
      !status.ok()) {
    return status;
  }
  if (Status status = CheckWindow(visibility); !status.ok()) return status;
  if (Status status = CheckSegments(visibility, shape.keys); !status.ok()) return status;
  if (Status status = CheckKeyMask(shape, visibility.key_mask); !status.ok()) return status;
  return CheckPositions(config, shape, visibility);
}

}  // namespace attnscope

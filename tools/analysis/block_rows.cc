// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/block_rows.h"

#include <algorithm>

namespace attnscope::tools {
namespace {

// Strides in elements of a mask [batch, heads, queries, keys], 0 where one serves all.
struct MaskStrides {
  int64_t batch;
  int64_t head;
  int64_t query;
  int64_t key;
};

MaskStrides StridesOf(const std::vector<size_t>& shape) {
  const auto stride = [&shape](size_t axis) {
    size_t elements = 1;
    for (size_t inner = axis + 1; inner < shape.size(); ++inner) elements *= shape[inner];
    return shape[axis] == 1 ? int64_t{0} : static_cast<int64_t>(elements);
  };
  return {stride(0), stride(1), stride(2), stride(3)};
}

const int64_t* From(const SequenceLengths& lengths, size_t sequence) {
  return lengths.values.empty() ? nullptr : lengths.values.data() + sequence;
}

}  // namespace

SoftmaxParams BlockRows::ParamsOf(const AttentionPart& part, const RowsOfSequences& rows) {
  SoftmaxParams params;
  params.masked_below = rules_.masked_below;
  if (!rules_.sinks.values.empty()) {
    const size_t row = rules_.sinks.layers == 1 ? 0 : static_cast<size_t>(layer_);
    params.sinks = rules_.sinks.values.data() + row * rules_.sinks.heads + pieces_.first_head;
  }
  Visibility& visibility = params.mask;
  visibility.causal = rules_.causal;
  // By default the last query of the whole matrix sees its last key.
  const int64_t offset =
      rules_.causal_offset.value_or(static_cast<int64_t>(part.keys) - static_cast<int64_t>(pieces_.RowsOf(part)));
  visibility.causal_offset = offset + static_cast<int64_t>(rows.first_row);
  if (window_.window > 0) {
    visibility.window = window_.window;
    visibility.window_kind = window_.kind;
    visibility.window_after = rules_.window_after;
  }
  if (!rules_.segments.empty()) {
    visibility.segments = rules_.segments.data();
    visibility.num_segments = rules_.segments.size() - 1;
  }
  SetLengths(rows, &visibility);
  SetMask(part, rows, &params);
  return params;
}

void BlockRows::SetLengths(const RowsOfSequences& rows, Visibility* visibility) {
  visibility->key_lengths = From(rules_.key_lengths, rows.first_sequence);
  visibility->first_keys = From(rules_.first_keys, rows.first_sequence);
  if (rules_.query_lengths.values.empty()) return;
  query_lengths_.resize(rows.sequences);
  for (size_t i = 0; i < rows.sequences; ++i) {
    const int64_t length = rules_.query_lengths.values[rows.first_sequence + i];
    query_lengths_[i] =
        std::clamp(length - static_cast<int64_t>(rows.first_row), int64_t{0}, static_cast<int64_t>(rows.rows));
  }
  visibility->query_lengths = query_lengths_.data();
}

void BlockRows::SetMask(const AttentionPart& part, const RowsOfSequences& rows, SoftmaxParams* params) {
  const RowMask& mask = rules_.mask;
  KeyMaskView& key_mask = params->mask.key_mask;
  const bool has_first = !rules_.first_queries.values.empty();
  if (has_first) key_mask = ShowRows(rows);
  if (mask.shown.empty()) return;
  const MaskStrides strides = StridesOf(mask.shape);
  const int64_t first = static_cast<int64_t>(rows.first_sequence) * strides.batch +
                        static_cast<int64_t>(pieces_.first_head) * strides.head +
                        static_cast<int64_t>(rows.first_row) * strides.query;
  if (part.kind != AttentionKind::kWeights && !mask.added.empty()) {
    params->bias = {.data = mask.added.data() + first,
                    .batch_stride = strides.batch,
                    .head_stride = strides.head,
                    .query_stride = strides.query};
    return;
  }
  key_mask = {.data = mask.shown.data() + first,
              .batch_stride = strides.batch,
              .head_stride = strides.head,
              .query_stride = strides.query,
              .key_stride = strides.key};
  if (has_first) key_mask = OfShownRows(key_mask, part, rows);
}

KeyMaskView BlockRows::ShowRows(const RowsOfSequences& rows) {
  shown_rows_.resize(rows.sequences * rows.rows);
  for (size_t i = 0; i < shown_rows_.size(); ++i) {
    const auto row = static_cast<int64_t>(rows.first_row + i % rows.rows);
    shown_rows_[i] = row >= rules_.first_queries.values[rows.first_sequence + i / rows.rows] ? 1 : 0;
  }
  return {.data = shown_rows_.data(),
          .batch_stride = static_cast<int64_t>(rows.rows),
          .head_stride = 0,
          .query_stride = 1,
          .key_stride = 0};
}

KeyMaskView BlockRows::OfShownRows(const KeyMaskView& mask, const AttentionPart& part, const RowsOfSequences& rows) {
  const size_t heads = mask.head_stride == 0 ? 1 : part.heads;
  shown_keys_.assign(rows.sequences * heads * rows.rows * part.keys, 0);
  uint8_t* to = shown_keys_.data();
  for (size_t matrix = 0; matrix < rows.sequences * heads; ++matrix) {
    const size_t sequence = matrix / heads;
    const uint8_t* const of_matrix = mask.data + static_cast<int64_t>(sequence) * mask.batch_stride +
                                     static_cast<int64_t>(matrix % heads) * mask.head_stride;
    for (size_t row = 0; row < rows.rows; ++row, to += part.keys) {
      if (shown_rows_[sequence * rows.rows + row] == 0) continue;
      const uint8_t* const from = of_matrix + static_cast<int64_t>(row) * mask.query_stride;
      for (size_t key = 0; key < part.keys; ++key) to[key] = from[static_cast<int64_t>(key) * mask.key_stride];
    }
  }
  const auto matrix_stride = static_cast<int64_t>(rows.rows * part.keys);
  return {.data = shown_keys_.data(),
          .batch_stride = static_cast<int64_t>(heads) * matrix_stride,
          .head_stride = heads == 1 ? 0 : matrix_stride,
          .query_stride = static_cast<int64_t>(part.keys),
          .key_stride = 1};
}

}  // namespace attnscope::tools

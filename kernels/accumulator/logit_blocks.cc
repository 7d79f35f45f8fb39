// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logit_blocks.h"

#include <algorithm>
#include <cstdint>

#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {
RowRange MakeWeights(const PreparedChunk& prepared, size_t head, size_t first, const RowRules& rules,
                     const float* ahead) {
  const LogitSource& source = prepared.source;
  const RowChunk& chunk = prepared.chunk;
  const LogitScratch& scratch = prepared.scratch;
  const AttentionView& logits = prepared.logits;
  const size_t in_scratch = head * chunk.num_rows + first;
  RowRange range;
  range.data = scratch.Row(in_scratch);
  range.row_stride = static_cast<int64_t>(scratch.stride());
  range.rows = std::min(kRowsPerBlock, chunk.num_rows - first);
  range.visible = source.Visible(chunk.sequence, chunk.first_head + head, chunk.first_row + first);
  range.null_mass = source.has_sinks();
  range.rules = rules;
  range.softmax = scratch.Measures(in_scratch);
  range.outputs = source.Outputs(range.visible, chunk.sequence, chunk.first_head + head, chunk.first_row + first);
  // What all rows share.
  SoftmaxRow common;
  common.type = logits.type;
  common.bias_type = source.bias().type;
  common.bias_factor = source.BiasFactor(chunk.first_head + head);
  common.sink = source.Sink(chunk.first_head + head);
  const auto logit_bytes = static_cast<int64_t>(ElementBytes(logits.type));
  const int64_t row_bytes = logits.query_stride * logit_bytes;
  const auto* x = static_cast<const uint8_t*>(ElementOf(logits, 0, head, first));
  SoftmaxRow rows[kRowsPerBlock];
  for (size_t i = 0; i < range.rows; ++i, x += row_bytes) {
    const size_t row = first + i;
    const KeyRange keys = range.visible.Range(i);
    SoftmaxRow& to = rows[i] = common;
    to.logits = x + static_cast<int64_t>(keys.begin) * logit_bytes;
    to.ahead = ahead == nullptr ? nullptr : ahead + keys.begin;
    if (row + 1 < logits.queries) to.ahead = static_cast<const uint8_t*>(to.logits) + row_bytes;
    to.bias = source.BiasRow(chunk.sequence, chunk.first_head + head, chunk.first_row + row, keys.begin);
    if (range.visible.by_key() && !keys.empty()) to.shown = range.visible.Show(i, keys, scratch.Shown(i));
    to.keys = keys.size();
    to.weights = scratch.Row(in_scratch + i) + keys.begin;
  }
  SoftmaxRows(rows, range.rows, source.scale(), scratch.softmax(), scratch.Measures(in_scratch));
  return range;
}

bool MarkSeen(const PreparedChunk& prepared, size_t head, size_t first, const RowRange& range, size_t row,
              uint8_t* seen) {
  const RowChunk& chunk = prepared.chunk;
  const KeyRange keys = range.visible.Range(row);
  const uint8_t* shown =
      range.visible.by_key() && !keys.empty() ? range.visible.Show(row, keys, prepared.scratch.Shown(row)) : nullptr;
  const size_t hidden = shown == nullptr ? 0 : static_cast<size_t>(std::count(shown, shown + keys.size(), uint8_t{0}));
  const bool by_value = range.softmax[row].valid && range.softmax[row].keys != keys.size() - hidden;
  const size_t of_head = chunk.first_head + head;
  const size_t of_matrix = chunk.first_row + first + row;
  for (size_t key = keys.begin; key < keys.end; ++key) {
    if (shown != nullptr && shown[key - keys.begin] == 0) continue;
    if (by_value && prepared.source.IsMaskedByValue(chunk.sequence, of_head, of_matrix, key)) continue;
    seen[key] = 1;
  }
  return by_value;
}

}  // namespace attnscope

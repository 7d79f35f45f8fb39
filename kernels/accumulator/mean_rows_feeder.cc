// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/mean_rows_feeder.h"

#include <algorithm>

namespace attnscope {
namespace {

bool SeesFirstKeys(const Visibility& visibility) {
  return visibility.first_keys == nullptr && visibility.query_lengths == nullptr && visibility.window == 0 &&
         visibility.window_after < 0 && visibility.segments == nullptr && visibility.key_mask.data == nullptr;
}

// The sequence that has the most keys.
size_t LongestSequence(const Visibility& visibility, size_t batch) {
  if (visibility.key_lengths == nullptr) return 0;
  return static_cast<size_t>(std::max_element(visibility.key_lengths, visibility.key_lengths + batch) -
                             visibility.key_lengths);
}

}  // namespace

MeanRowsFeeder::MeanRowsFeeder(const AttentionView& shape, const Visibility& visibility, LayerStorage& storage,
                               FeederBuffers& buffers)
    : shape_(shape),
      visibility_(visibility),
      storage_(storage),
      scratch_(buffers.OfTask(0)),
      pending_(scratch_),
      is_prefix_(SeesFirstKeys(visibility)) {}

void MeanRowsFeeder::Add(RowRange range, size_t first, const uint8_t* seen) {
  if (is_prefix_ && seen == nullptr) {
    const size_t longest = LongestSequence(visibility_, shape_.batch);
    range.visible = RowVisibility(visibility_, shape_.queries, shape_.keys, longest, 0).From(first);
    pending_.Add(range, storage_.Open(0, 0, range));
    pending_.Sweep();
    return;
  }
  const RowRange block = range;
  range.rows = 1;
  for (size_t row = 0; row < block.rows; ++row) {
    size_t end = 0;
    const uint8_t* any = SeenByAny(first + row, &end);
    const uint8_t* of_row = seen == nullptr ? any : seen + row * shape_.keys;
    const auto num_seen = static_cast<size_t>(std::count(of_row, of_row + shape_.keys, uint8_t{1}));
    range.data = block.Row(row);
    range.outputs = block.outputs.From(row);
    range.visible = RowVisibility(end);
    range.seen_keys = &num_seen;
    pending_.Add(range, storage_.Open(0, 0, range));
    pending_.Sweep();
  }
}

const uint8_t* MeanRowsFeeder::SeenByAny(size_t row, size_t* end) {
  // Scratch for copies of weights is free: the rows of the mean are none.
  auto* any = reinterpret_cast<uint8_t*>(scratch_.shown_weights);
  std::fill_n(any, shape_.keys, uint8_t{0});
  *end = 0;
  for (size_t sequence = 0; sequence < shape_.batch; ++sequence) {
    for (size_t head = 0; head < shape_.heads; ++head) {
      const RowVisibility visible(visibility_, shape_.queries, shape_.keys, sequence, head);
      const KeyRange range = visible.Range(row);
      if (range.empty()) break;  // the heads of a sequence differ by masks alone
      *end = std::max(*end, range.end);
      if (!visible.by_key()) {
        std::fill(any + range.begin, any + range.end, uint8_t{1});
        break;
      }
      const uint8_t* shown = visible.Show(row, range, scratch_.shown);
      for (size_t i = 0; i < range.size(); ++i) {
        if (shown[i] != 0) any[range.begin + i] = 1;
      }
    }
  }
  return any;
}

}  // namespace attnscope

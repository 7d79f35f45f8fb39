// SPDX-License-Identifier: Apache-2.0
//
// Which keys a query may see: one description for weights, for logits, and for queries and keys.
#ifndef ATTNSCOPE_VISIBILITY_H_
#define ATTNSCOPE_VISIBILITY_H_

#include <cstddef>
#include <cstdint>
#include <limits>

namespace attnscope {

// The default of Visibility::causal_offset.
inline constexpr int64_t kLastQuerySeesLastKey = std::numeric_limits<int64_t>::min();

// How Visibility::window moves with the query.
enum class WindowKind : uint8_t {
  kSliding = 0,  // the last `window` keys: Mistral, Gemma 2 to 4, gpt-oss
  kChunked,      // from the last multiple of `window` on: Llama 4
};

// Bytes [batch, heads, queries, keys]: 0 hides a key from a query, anything else shows it. Strides are in bytes, may be
// negative, and zero repeats: one row, one matrix, or one of each sequence serves all. Null data: no mask.
struct KeyMaskView {
  const uint8_t* data = nullptr;  // of sequence 0 and head 0 of the view that is measured, row 0, key 0
  int64_t batch_stride = 0;
  int64_t head_stride = 0;
  int64_t query_stride = 0;
  int64_t key_stride = 1;
};

// The keys that a row sees are those that all fields allow; by default all. What a row does not see is never read from
// weights and logits, and not multiplied from queries and keys where a range can tell; it may hold anything, counts as
// weight zero, and enters no measure. A row that sees no key is "masked": it is counted as such, and in no mean.
//
// Row i of a view stands at position p = i + causal_offset among the keys, also where `causal` is false. Ranges cost
// what they show: with a window of w keys, n rows cost O(n w). Arrays must outlive the call only.
struct Visibility {
  bool causal = false;  // keys up to position p
  // By default the last query of the view sees its last key: keys - queries. 0: the first query sees the first key,
  // whatever a cache holds. With key_positions the default is the largest position, less queries - 1. It is the same
  // for all sequences of a view, whatever their lengths: where the queries of sequences stand at different positions,
  // as in a batch of caches that are padded on the right, each is a call of its own.
  int64_t causal_offset = kLastQuerySeesLastKey;
  const int64_t* key_lengths = nullptr;    // [batch], each 0 to keys: keys from there on are not there (right padding)
  const int64_t* first_keys = nullptr;     // [batch], each 0 to keys: keys before it are not there (left padding)
  const int64_t* query_lengths = nullptr;  // [batch], each 0 to queries: rows from there on see nothing
  // Keys j > p - window: the query's own key counts, as in the `sliding_window` of Hugging Face. FlashAttention's
  // window_size = (left, right) is window = left + 1, window_after = right. 0: no window.
  int64_t window = 0;
  int64_t window_after = -1;  // keys j <= p + window_after, for two-sided windows without `causal`. -1: all
  WindowKind window_kind = WindowKind::kSliding;
  // Packed documents: keys of the segment that position p is in. Ascending: [0, ..., keys] (`cu_seqlens`), the same for
  // all sequences; positions outside see nothing. Null: one segment.
  const int64_t* segments = nullptr;  // [num_segments + 1]
  size_t num_segments = 0;
  KeyMaskView key_mask = {};
  // A ring buffer's cells: key j is at position key_positions[b * key_positions_stride + j], below the configuration's
  // max_keys, or at -1, which is an empty cell. `causal`, windows, first_keys, key_lengths, segments and the metrics of
  // columns then speak of positions; key_mask and biases of cells. Cells of one position are not told apart: what rows
  // give them is added up in one column, so of several, as in a cache of many sequences, key_mask or a bias hides all
  // but one (ReadCacheMask of cache_mask.h finds such cells). Null: key j is at position j.
  const int64_t* key_positions = nullptr;
  int64_t key_positions_stride = 0;  // 0: the same for all sequences
  // Keys were removed from the cache on purpose since the sequence's last call. Otherwise fewer keys than an open
  // sequence has had are an error, unless there is a window or positions.
  bool keys_were_evicted = false;
};

// The name of Visibility in version 0.1.
using Mask = Visibility;

}  // namespace attnscope

#endif  // ATTNSCOPE_VISIBILITY_H_

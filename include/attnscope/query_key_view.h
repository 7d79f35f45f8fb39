// SPDX-License-Identifier: Apache-2.0
//
// Descriptions of queries and keys that someone else owns, for attention whose matrix is never written (fused
// attention). Views hold no memory, are cheap to copy, and must outlive only the call that they are passed to. Example,
// one step of decoding with a cache in two blocks:
//
//   const attnscope::KeyPage pages[] = {{prefix, 512}, {recent, 37}};
//   attnscope::QueryKeyView view = attnscope::ContiguousQueryKey(query, nullptr, attnscope::ElementType::kFloat16,
//                                                                /*batch=*/1, /*heads=*/32, /*kv_heads=*/8,
//                                                                /*queries=*/1, /*keys=*/549, /*head_dim=*/128);
//   view.pages = pages;
//   view.num_pages = 2;
//   view.key_head_stride = 128, view.key_stride = 8 * 128;  // each page is [keys, kv_heads, head_dim]
//   attnscope::Status status = accumulator.AddQueriesKeys(view);
#ifndef ATTNSCOPE_QUERY_KEY_VIEW_H_
#define ATTNSCOPE_QUERY_KEY_VIEW_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"
#include "attnscope/limits.h"

namespace attnscope {

// A block of consecutive keys of one sequence, [kv_heads, keys, head_dim] with the strides of the view.
struct KeyPage {
  const void* data = nullptr;  // element [head 0, its first key, 0]
  size_t keys = 0;
};

// Keys that are no floats, such as those of a quantised cache. `load` writes keys [first, first + count) of a head of
// keys as float32 [count, head_dim] to `to`; sequences and heads are counted from 0 in the view, whatever its
// first_sequence and first_head are. It is called on the threads of the call, also several times for a key, for at most
// a few hundred keys at a time, and must not fail. Ready ones: attnscope/key_loaders.h.
struct KeyLoader {
  void (*load)(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
               float* to) = nullptr;
  const void* context = nullptr;
};

// Queries [batch, heads, queries, head_dim] and keys [batch, kv_heads, keys, head_dim] of one layer. Any strides, in
// elements, also negative or zero; contiguous elements of a query and of a key are fastest. Query head h attends to the
// keys of head h / (heads / kv_heads): kv_heads = heads is multi-head, 1 multi-query attention.
struct QueryKeyView {
  const void* query_data = nullptr;  // element [0, 0, 0, 0]; needs the alignment of its element type only
  const void* key_data = nullptr;    // element [0, 0, 0, 0]; not used where there are pages
  ElementType query_type = ElementType::kFloat32;
  ElementType key_type = ElementType::kFloat32;
  size_t batch = 1;
  size_t heads = 1;     // query heads in this buffer
  size_t kv_heads = 1;  // divides heads
  size_t queries = 0;
  size_t keys = 0;
  size_t head_dim = 0;  // 1 to kMaxHeadDim
  int64_t query_batch_stride = 0;
  int64_t query_head_stride = 0;
  int64_t query_stride = 0;
  int64_t query_dim_stride = 1;
  int64_t key_batch_stride = 0;
  int64_t key_head_stride = 0;
  int64_t key_stride = 0;
  int64_t key_dim_stride = 1;
  // A cache in blocks: the pages, in order, hold `keys` keys together. The batch must then be 1: feed one sequence a
  // call, and say which by first_sequence. Null: all keys at key_data.
  const KeyPage* pages = nullptr;
  size_t num_pages = 0;
  // Keys by a function: key_data, pages, key_type and the keys' strides are then not used.
  KeyLoader key_loader = {};
  // Where these matrices belong in the accumulator, as in AttentionView; first_head counts query heads.
  size_t first_sequence = 0;
  size_t first_head = 0;
};

// The view of C-contiguous buffers [batch, heads, queries, head_dim] and [batch, kv_heads, keys, head_dim].
constexpr QueryKeyView ContiguousQueryKey(const void* query_data, const void* key_data, ElementType type, size_t batch,
                                          size_t heads, size_t kv_heads, size_t queries, size_t keys, size_t head_dim) {
  QueryKeyView view;
  view.query_data = query_data;
  view.key_data = key_data;
  view.query_type = view.key_type = type;
  view.batch = batch;
  view.heads = heads;
  view.kv_heads = kv_heads;
  view.queries = queries;
  view.keys = keys;
  view.head_dim = head_dim;
  view.query_stride = view.key_stride = static_cast<int64_t>(head_dim);
  view.query_head_stride = static_cast<int64_t>(queries * head_dim);
  view.query_batch_stride = static_cast<int64_t>(heads * queries * head_dim);
  view.key_head_stride = static_cast<int64_t>(keys * head_dim);
  view.key_batch_stride = static_cast<int64_t>(kv_heads * keys * head_dim);
  return view;
}

// The view of C-contiguous buffers [batch, queries, heads, head_dim] and [batch, keys, kv_heads, head_dim], the layout
// of most engines.
constexpr QueryKeyView TokenMajorQueryKey(const void* query_data, const void* key_data, ElementType type, size_t batch,
                                          size_t heads, size_t kv_heads, size_t queries, size_t keys, size_t head_dim) {
  QueryKeyView view = ContiguousQueryKey(query_data, key_data, type, batch, heads, kv_heads, queries, keys, head_dim);
  view.query_head_stride = view.key_head_stride = static_cast<int64_t>(head_dim);
  view.query_stride = static_cast<int64_t>(heads * head_dim);
  view.key_stride = static_cast<int64_t>(kv_heads * head_dim);
  return view;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_QUERY_KEY_VIEW_H_

// SPDX-License-Identifier: Apache-2.0
//
// Views of contiguous buffers, as the C++ headers make them.
#include "c_interface/structs.h"

using attnscope::ElementType;

namespace {

// True if the caller's struct reaches as far as this library's, which sets all fields.
template <typename T>
bool HasAllFields(const T* view) {
  return view != nullptr && view->struct_size >= sizeof(T);
}

}  // namespace

void AttnscopeContiguousAttention(const void* data, AttnscopeElementType type, uint64_t batch, uint64_t heads,
                                  uint64_t queries, uint64_t keys, AttnscopeAttentionView* view) {
  if (!HasAllFields(view)) return;
  const attnscope::AttentionView from =
      attnscope::ContiguousAttention(data, static_cast<ElementType>(type), batch, heads, queries, keys);
  view->data = data;
  view->type = type;
  view->batch = batch;
  view->heads = heads;
  view->queries = queries;
  view->keys = keys;
  view->batch_stride = from.batch_stride;
  view->head_stride = from.head_stride;
  view->query_stride = from.query_stride;
  view->first_sequence = 0;
  view->first_head = 0;
}

void AttnscopeContiguousQueryKey(const void* query_data, const void* key_data, AttnscopeElementType type,
                                 uint64_t batch, uint64_t heads, uint64_t kv_heads, uint64_t queries, uint64_t keys,
                                 uint64_t head_dim, AttnscopeQueryKeyView* view) {
  if (!HasAllFields(view)) return;
  const attnscope::QueryKeyView from = attnscope::ContiguousQueryKey(
      query_data, key_data, static_cast<ElementType>(type), batch, heads, kv_heads, queries, keys, head_dim);
  view->query_type = view->key_type = type;
  view->reserved = 0;
  view->query_data = query_data;
  view->key_data = key_data;
  view->batch = batch;
  view->heads = heads;
  view->kv_heads = kv_heads;
  view->queries = queries;
  view->keys = keys;
  view->head_dim = head_dim;
  view->query_batch_stride = from.query_batch_stride;
  view->query_head_stride = from.query_head_stride;
  view->query_stride = from.query_stride;
  view->query_dim_stride = from.query_dim_stride;
  view->key_batch_stride = from.key_batch_stride;
  view->key_head_stride = from.key_head_stride;
  view->key_stride = from.key_stride;
  view->key_dim_stride = from.key_dim_stride;
  view->pages = nullptr;
  view->num_pages = 0;
  view->first_sequence = 0;
  view->first_head = 0;
}

void AttnscopeContiguousActivation(const void* data, AttnscopeElementType type, uint64_t batch, uint64_t tokens,
                                   uint64_t channels, AttnscopeActivationView* view) {
  if (!HasAllFields(view)) return;
  const attnscope::ActivationView from =
      attnscope::ContiguousActivation(data, static_cast<ElementType>(type), batch, tokens, channels);
  view->data = data;
  view->type = type;
  view->batch = batch;
  view->tokens = tokens;
  view->channels = channels;
  view->batch_stride = from.batch_stride;
  view->token_stride = from.token_stride;
}

// SPDX-License-Identifier: Apache-2.0
//
// Views of contiguous and of token-major buffers, as the C++ headers make them.
#include "c_interface/structs.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

// The element type is copied as it is: the call that takes the view refuses one that there is not.

AttnscopeStatus AttnscopeContiguousAttention(const void* data, int32_t type, uint64_t batch, uint64_t heads,
                                             uint64_t queries, uint64_t keys, AttnscopeAttentionView* view) {
  return Guarded([&] {
    AttnscopeAttentionView filled =
        c_interface::ToC(ContiguousAttention(data, ElementType::kFloat32, batch, heads, queries, keys));
    filled.type = type;
    return WriteStruct("view", filled, view);
  });
}

AttnscopeStatus AttnscopeContiguousKeyMask(const uint8_t* data, uint64_t batch, uint64_t heads, uint64_t queries,
                                           uint64_t keys, AttnscopeKeyMaskView* mask) {
  return Guarded([&] {
    const auto stride = [](uint64_t size, uint64_t elements) {
      return size == 1 ? int64_t{0} : static_cast<int64_t>(elements);
    };
    AttnscopeKeyMaskView filled = {};
    filled.data = data;
    filled.key_stride = stride(keys, 1);
    filled.query_stride = stride(queries, keys);
    filled.head_stride = stride(heads, queries * keys);
    filled.batch_stride = stride(batch, heads * queries * keys);
    return WriteStruct("mask", filled, mask);
  });
}

AttnscopeStatus AttnscopeContiguousQueryKey(const void* query_data, const void* key_data, int32_t type, uint64_t batch,
                                            uint64_t heads, uint64_t kv_heads, uint64_t queries, uint64_t keys,
                                            uint64_t head_dim, AttnscopeQueryKeyView* view) {
  return Guarded([&] {
    AttnscopeQueryKeyView filled = c_interface::ToC(ContiguousQueryKey(
        query_data, key_data, ElementType::kFloat32, batch, heads, kv_heads, queries, keys, head_dim));
    filled.query_type = filled.key_type = type;
    return WriteStruct("view", filled, view);
  });
}

AttnscopeStatus AttnscopeTokenMajorQueryKey(const void* query_data, const void* key_data, int32_t type, uint64_t batch,
                                            uint64_t heads, uint64_t kv_heads, uint64_t queries, uint64_t keys,
                                            uint64_t head_dim, AttnscopeQueryKeyView* view) {
  return Guarded([&] {
    AttnscopeQueryKeyView filled = c_interface::ToC(TokenMajorQueryKey(
        query_data, key_data, ElementType::kFloat32, batch, heads, kv_heads, queries, keys, head_dim));
    filled.query_type = filled.key_type = type;
    return WriteStruct("view", filled, view);
  });
}

AttnscopeStatus AttnscopeContiguousActivation(const void* data, int32_t type, uint64_t batch, uint64_t tokens,
                                              uint64_t channels, AttnscopeActivationView* view) {
  return Guarded([&] {
    AttnscopeActivationView filled =
        c_interface::ToC(ContiguousActivation(data, ElementType::kFloat32, batch, tokens, channels));
    filled.type = type;
    return WriteStruct("view", filled, view);
  });
}

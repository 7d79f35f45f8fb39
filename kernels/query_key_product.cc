// SPDX-License-Identifier: Apache-2.0
#include "kernels/query_key_product.h"

#include <cstdint>

#include "kernels/slow_row.h"

namespace attnscope {
namespace {

const void* At(const void* data, ElementType type, int64_t offset) {
  return static_cast<const uint8_t*>(data) + offset * static_cast<int64_t>(ElementBytes(type));
}

}  // namespace

void MultiplyQueriesKeys(const ProductBlock& block, float* /*packed_queries*/, float* /*packed_keys*/, float* products,
                         size_t stride) {
  const QueryKeyView& view = *block.view;
  for (size_t i = 0; i < block.num_heads; ++i) {
    const int64_t kv_head = static_cast<int64_t>((block.first_head + i) / (view.heads / view.kv_heads));
    for (size_t row = 0; row < block.num_rows; ++row) {
      const void* query = At(view.query_data, view.query_type,
                             static_cast<int64_t>(block.sequence) * view.query_batch_stride +
                                 static_cast<int64_t>(block.first_head + i) * view.query_head_stride +
                                 static_cast<int64_t>(block.first_row + row) * view.query_stride);
      size_t page = 0;
      size_t page_begin = 0;
      for (size_t key = 0; key < block.visible(row); ++key) {
        const void* base = view.key_data;
        int64_t offset = static_cast<int64_t>(block.sequence) * view.key_batch_stride + kv_head * view.key_head_stride;
        if (view.pages != nullptr) {
          while (key - page_begin >= view.pages[page].keys) page_begin += view.pages[page++].keys;
          base = view.pages[page].data;
          offset = kv_head * view.key_head_stride;
        }
        const void* from = At(base, view.key_type, offset + static_cast<int64_t>(key - page_begin) * view.key_stride);
        float sum = 0.0f;
        for (size_t d = 0; d < view.head_dim; ++d) {
          const int64_t dim = static_cast<int64_t>(d);
          sum += static_cast<float>(
              ElementAsDouble(At(query, view.query_type, dim * view.query_dim_stride), view.query_type, 0) *
              ElementAsDouble(At(from, view.key_type, dim * view.key_dim_stride), view.key_type, 0));
        }
        products[(i * block.num_rows + row) * stride + key] = sum;
      }
    }
  }
}

}  // namespace attnscope

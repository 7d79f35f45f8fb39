// SPDX-License-Identifier: Apache-2.0
//
// Packs rows of queries for the product: float32, quad by quad.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_QUERY_KEY_PACK_QUERIES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_QUERY_KEY_PACK_QUERIES_INL_H_
#undef ATTNSCOPE_KERNELS_QUERY_KEY_PACK_QUERIES_INL_H_
#else
#define ATTNSCOPE_KERNELS_QUERY_KEY_PACK_QUERIES_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "attnscope/query_key_view.h"
#include "hwy/highway.h"
#include "kernels/query_key/key_quads-inl.h"
#include "kernels/query_key/query_key_product.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One query to to[quad * width * kQuad, + kQuad), zeros up to PaddedDims(head_dim).
template <typename T>
HWY_INLINE void PackQuery(const T* from, int64_t stride, size_t head_dim, size_t width, float* HWY_RESTRICT to) {
  size_t dim = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<float, kQuad> d4;
  for (; stride == 1 && dim + kQuad <= head_dim; dim += kQuad) {
    hn::StoreU(LoadAsFloat(d4, from + dim), d4, to + dim * width);
  }
#endif
  const hn::CappedTag<float, 1> d1;
  for (; dim < PaddedDims(head_dim); ++dim) {
    float& element = to[dim / kQuad * kQuad * width + dim % kQuad];
    element = dim < head_dim ? hn::GetLane(LoadAsFloat(d1, from + static_cast<int64_t>(dim) * stride)) : 0.0f;
  }
}

// packed[panel][quad][width][kQuad] of the rows of heads [first_head, first_head + num_heads), `width` a panel, from
// the view's data; rows beyond the last repeat it.
template <typename T>
HWY_INLINE void PackQueries(const ProductBlock& block, const T* queries, size_t width, float* HWY_RESTRICT packed) {
  const QueryKeyView& view = *block.view;
  const size_t rows = block.num_heads * block.num_rows;
  const size_t panel_size = width * PaddedDims(view.head_dim);
  for (size_t i = 0; i < hwy::RoundUpTo(rows, width); ++i) {
    const size_t row = HWY_MIN(i, rows - 1);
    const size_t head = block.first_head + row / block.num_rows;
    const T* from = queries + static_cast<int64_t>(block.sequence) * view.query_batch_stride +
                    static_cast<int64_t>(head) * view.query_head_stride +
                    static_cast<int64_t>(block.first_row + row % block.num_rows) * view.query_stride;
    PackQuery(from, view.query_dim_stride, view.head_dim, width, packed + i / width * panel_size + i % width * kQuad);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_PACK_QUERIES_INL_H_

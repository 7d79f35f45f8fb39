// SPDX-License-Identifier: Apache-2.0
#include "kernels/query_key/query_key_product.h"

#include <stddef.h>
#include <stdint.h>

#include <type_traits>
#include <utility>

#include "kernels/query_key/key_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/query_key/query_key_product.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/query_key/few_rows-inl.h"
#include "kernels/query_key/key_quads-inl.h"
#include "kernels/query_key/key_tile-inl.h"
#include "kernels/query_key/pack_queries-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// kPanelRows rows are multiplied by a vector of keys: four sums for each, their queries and one key fill 31 of 32
// registers, or all 16 that x86 has before AVX-512. 12 independent chains or more cover the latency of FMA (4 to 5
// cycles on two ports), and 24 multiply-adds take 10 loads. A tile of keys (24 KiB at head size 128 with 16 lanes)
// stays in L1 while all panels of queries pass by.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
inline constexpr size_t kPanelRows = 3;
#else
inline constexpr size_t kPanelRows = 6;
#endif
static_assert(kPanelRows <= kMaxPanelRows);
inline size_t ProductColumns() { return kTileVectors * hn::Lanes(hn::ScalableTag<float>()); }

// products[row * stride, + Lanes) of the first num_rows rows of a panel, from some quads, the first ones unless `add`.
HWY_INLINE void MultiplyPanel(const float* HWY_RESTRICT queries, const float* HWY_RESTRICT keys, size_t num_quads,
                              bool add, size_t num_rows, float* HWY_RESTRICT products, size_t stride) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
#if ATTNSCOPE_LOADS_QUADS
  using VF = hn::Vec<decltype(df)>;
  VF sums[kPanelRows][kQuad];
  for (auto& of_row : sums) {
    for (VF& sum : of_row) sum = hn::Zero(df);
  }
  for (size_t quad = 0; quad < num_quads; ++quad, queries += kPanelRows * kQuad, keys += kQuad * N) {
    VF query[kPanelRows];
    for (size_t row = 0; row < kPanelRows; ++row) query[row] = QueryQuad(df, queries + row * kQuad, 0);
    for (size_t v = 0; v < kQuad; ++v) {
      const VF key = hn::Load(df, keys + v * N);
      for (size_t row = 0; row < kPanelRows; ++row) sums[row][v] = hn::MulAdd(query[row], key, sums[row][v]);
    }
  }
  for (size_t row = 0; row < kPanelRows; ++row) {
    if (row >= num_rows) continue;
    const VF product = SumOfQuads(df, sums[row][0], sums[row][1], sums[row][2], sums[row][3]);
    StoreProducts(df, product, add, products + row * stride);
  }
#else
  // Vectors whose size is not known have no arrays: row by row.
  for (size_t row = 0; row < num_rows; ++row) {
    auto sum0 = hn::Zero(df), sum1 = hn::Zero(df), sum2 = hn::Zero(df), sum3 = hn::Zero(df);
    for (size_t quad = 0; quad < num_quads; ++quad) {
      const float* query = queries + (quad * kPanelRows + row) * kQuad;
      const float* key = keys + quad * kQuad * N;
      sum0 = hn::MulAdd(QueryQuad(df, query, 0), hn::Load(df, key), sum0);
      sum1 = hn::MulAdd(QueryQuad(df, query, 1), hn::Load(df, key + N), sum1);
      sum2 = hn::MulAdd(QueryQuad(df, query, 2), hn::Load(df, key + 2 * N), sum2);
      sum3 = hn::MulAdd(QueryQuad(df, query, 3), hn::Load(df, key + 3 * N), sum3);
    }
    StoreProducts(df, SumOfQuads(df, sum0, sum1, sum2, sum3), add, products + row * stride);
  }
#endif
}

// The keys that the rows of each panel see.
HWY_INLINE void FindPanelRanges(const ProductBlock& block, KeyRange* HWY_RESTRICT panels) {
  const size_t rows = block.num_heads * block.num_rows;
  HWY_DASSERT(rows <= kMaxProductRows);
  for (size_t panel = 0; panel < rows; panel += kPanelRows) {
    KeyRange range;
    for (size_t row = panel; row < HWY_MIN(panel + kPanelRows, rows); ++row) {
      range = Union(range, block.visible.Range(row % block.num_rows));
    }
    panels[panel / kPanelRows] = range;
  }
}

// All panels by one packed tile of keys, whose first is `first`, while the next tile is prefetched.
template <typename T>
HWY_INLINE void MultiplyTile(const ProductBlock& block, const KeyRange* HWY_RESTRICT panels, size_t first,
                             const float* HWY_RESTRICT packed_queries, const float* HWY_RESTRICT packed_keys,
                             const KeyTile<T>& next, float* HWY_RESTRICT products, size_t stride) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  const size_t head_dim = block.view->head_dim;
  const size_t rows = block.num_heads * block.num_rows;
  const size_t columns = ProductColumns();
  // Keys of the next tile to prefetch during each panel.
  const size_t ahead = hwy::DivCeil(columns, hwy::DivCeil(rows, kPanelRows));
  const size_t vector_size = NumQuads<T>(head_dim) * kQuad * N;
  size_t prefetched = 0;
  for (size_t dim = 0, dims; dim < head_dim; dim += dims) {
    dims = NextDims(head_dim - dim);
    for (size_t panel = 0; panel < rows; panel += kPanelRows) {
      const size_t prefetch_end = HWY_MIN(columns, prefetched + ahead);
      PrefetchKeys(next, prefetched, prefetch_end, head_dim);
      prefetched = prefetch_end;
      const KeyRange& of_panel = panels[panel / kPanelRows];
      const float* queries = packed_queries + panel * PaddedDims(head_dim) + dim * kPanelRows;
      for (size_t i = 0; i < kTileVectors; ++i) {
        const size_t key = first + i * N;
        if (of_panel.end <= key || of_panel.begin >= key + N) continue;
        MultiplyPanel(queries, packed_keys + i * vector_size + dim * N, NumQuads<T>(dims), dim != 0,
                      HWY_MIN(kPanelRows, rows - panel), products + panel * stride + key, stride);
      }
    }
  }
}

template <typename T>
HWY_INLINE void MultiplyManyRows(const ProductBlock& block, const KeyRange& range,
                                 const float* HWY_RESTRICT packed_queries, float* HWY_RESTRICT packed_keys,
                                 float* HWY_RESTRICT products, size_t stride) {
  const QueryKeyView& view = *block.view;
  const size_t columns = ProductColumns();
  KeyRows keys(view, block.sequence, block.first_head / (view.heads / view.kv_heads));
  T* copies = reinterpret_cast<T*>(packed_keys + kPackedKeys / 2);
  KeyRange panels[(kMaxProductRows + kPanelRows - 1) / kPanelRows];
  FindPanelRanges(block, panels);
  KeyTile<T> tile = FindKeys(view, keys, range.begin, range.end, kTileVectors, copies);
  for (size_t first = range.begin; first < range.end; first += columns) {
    PackKeys(tile, view.head_dim, packed_keys);
    if (first + columns < range.end) tile = FindKeys(view, keys, first + columns, range.end, kTileVectors, copies);
    MultiplyTile(block, panels, first, packed_queries, packed_keys, tile, products, stride);
  }
}

// Heads of a block that are multiplied together: those of one head of keys, or, where there are a few rows for each, of
// several.
struct ProductPart {
  ProductBlock block;
  size_t kv_heads = 1;
  bool few_rows = false;
  size_t panel_rows = kPanelRows;
};

// The part that begins with the block's head `first_head`.
HWY_INLINE ProductPart PartOf(const ProductBlock& block, size_t first_head) {
  const size_t group = block.view->heads / block.view->kv_heads;
  const size_t left = block.first_head + block.num_heads - first_head;
  ProductPart part;
  part.block = block;
  part.block.first_head = first_head;
  part.block.num_heads = HWY_MIN(left, group - first_head % group);
#if ATTNSCOPE_LOADS_QUADS
  const size_t rows = part.block.num_heads * block.num_rows;
  part.few_rows = rows <= kFewRows;
  if (!part.few_rows) return part;
  part.panel_rows = FewRowsPanel(rows);
  if (part.block.num_heads < group) return part;
  part.kv_heads = HWY_MIN(kMostHeadsTogether, left / group);
  part.block.num_heads = part.kv_heads * group;
#endif
  return part;
}

// The queries of each head of keys begin with a panel.
HWY_INLINE void PackQueriesOf(const ProductPart& part, float* HWY_RESTRICT packed) {
  const QueryKeyView& view = *part.block.view;
  ProductBlock of_head = part.block;
  of_head.num_heads /= part.kv_heads;
  const size_t rows = hwy::RoundUpTo(of_head.num_heads * of_head.num_rows, part.panel_rows);
  WithElements(view.query_data, view.query_type, [&](const auto* queries) HWY_ATTR {
    for (size_t i = 0; i < part.kv_heads; ++i, of_head.first_head += of_head.num_heads) {
      PackQueries(of_head, queries, part.panel_rows, packed + i * rows * PaddedDims(view.head_dim));
    }
  });
}

template <typename T>
HWY_INLINE void MultiplyPart(const ProductPart& part, const KeyRange& range, const float* HWY_RESTRICT packed_queries,
                             float* HWY_RESTRICT packed_keys, float* HWY_RESTRICT products, size_t stride) {
#if ATTNSCOPE_LOADS_QUADS
  if (part.few_rows) {
    return MultiplyFewRows<T>(part.block, part.kv_heads, range, packed_queries, packed_keys, products, stride);
  }
#endif
  MultiplyManyRows<T>(part.block, range, packed_queries, packed_keys, products, stride);
}

void MultiplyQueriesKeys(const ProductBlock& block, float* HWY_RESTRICT packed_queries, float* HWY_RESTRICT packed_keys,
                         float* HWY_RESTRICT products, size_t stride) {
  const KeyRange range = block.visible.RangeOfRows(block.num_rows);
  if (range.empty()) return;
  // A loader's keys are float32.
  const bool has_loader = block.view->key_loader.load != nullptr;
  const ElementType key_type = has_loader ? ElementType::kFloat32 : block.view->key_type;
  const size_t end = block.first_head + block.num_heads;
  for (size_t head = block.first_head; head < end;) {
    const ProductPart part = PartOf(block, head);
    PackQueriesOf(part, packed_queries);
    WithElements(nullptr, key_type, [&](const auto* type) HWY_ATTR {
      using T = std::remove_const_t<std::remove_pointer_t<decltype(type)>>;
      MultiplyPart<T>(part, range, packed_queries, packed_keys,
                      products + (head - block.first_head) * block.num_rows * stride, stride);
    });
    head += part.block.num_heads;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(MultiplyQueriesKeys);

void MultiplyQueriesKeys(const ProductBlock& block, float* packed_queries, float* packed_keys, float* products,
                         size_t stride) {
  HWY_DYNAMIC_DISPATCH(MultiplyQueriesKeys)(block, packed_queries, packed_keys, products, stride);
}

}  // namespace attnscope
#endif  // HWY_ONCE

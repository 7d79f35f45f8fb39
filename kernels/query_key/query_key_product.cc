// SPDX-License-Identifier: Apache-2.0
#include "kernels/query_key/query_key_product.h"

#include <stddef.h>
#include <stdint.h>

#include <utility>

#include "kernels/query_key/key_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/query_key/query_key_product.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/query_key/key_tile-inl.h"
#include "kernels/query_key/pack_rows-inl.h"
#include "kernels/query_key/transpose_keys-inl.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A tile of products is kPanelRows rows by three vectors of keys: with three vectors of keys and one broadcast query
// they fill 28 of 32 registers, or all 16 that x86 has before AVX-512. 12 independent chains or more cover the latency
// of FMA (4 to 5 cycles on two ports), and 24 multiply-adds take 11 loads. A tile of keys (24 KiB at head size 128 with
// 16 lanes) stays in L1 while all panels of queries pass by. On Zen 4, eight rows are 7% faster than four (head size
// 128, 512 to 8192 keys): half as many panels begin and end.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
inline constexpr size_t kPanelRows = 4;
#else
inline constexpr size_t kPanelRows = 8;
#endif
inline size_t ProductColumns() { return 3 * hn::Lanes(hn::ScalableTag<float>()); }

// Dimensions that are multiplied at a time: of wider heads, so that this much of a tile of keys (36 KiB with 16 lanes)
// stays in L1 while all panels pass by. Sums wait in memory meanwhile, so that chains go on where they were.
inline constexpr size_t kDimsAtOnce = 192;
inline constexpr size_t kMostDimsAtOnce = 256;

// products[0, ProductColumns()) of one row of a panel; with kGoOn, of further dimensions.
template <bool kGoOn>
HWY_INLINE void MultiplyRow(const float* HWY_RESTRICT queries, const float* HWY_RESTRICT keys, size_t head_dim,
                            float* HWY_RESTRICT products) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  auto sum0 = hn::Zero(df), sum1 = hn::Zero(df), sum2 = hn::Zero(df);
  if constexpr (kGoOn) {
    sum0 = hn::LoadU(df, products);
    sum1 = hn::LoadU(df, products + N);
    sum2 = hn::LoadU(df, products + 2 * N);
  }
  for (size_t i = 0; i < head_dim; ++i) {
    const auto query = hn::Set(df, queries[i * kPanelRows]);
    sum0 = hn::MulAdd(query, hn::Load(df, keys), sum0);
    sum1 = hn::MulAdd(query, hn::Load(df, keys + N), sum1);
    sum2 = hn::MulAdd(query, hn::Load(df, keys + 2 * N), sum2);
    keys += 3 * N;
  }
  hn::StoreU(sum0, df, products);
  hn::StoreU(sum1, df, products + N);
  hn::StoreU(sum2, df, products + 2 * N);
}

// products[row * stride, + ProductColumns()) of the first num_rows rows of a panel. The same chains as MultiplyRow.
template <bool kGoOn>
HWY_INLINE void MultiplyPanel(const float* HWY_RESTRICT queries, const float* HWY_RESTRICT keys, size_t head_dim,
                              size_t num_rows, float* HWY_RESTRICT products, size_t stride) {
#if HWY_HAVE_SCALABLE
  // Vectors whose size is not known have no arrays: row by row, a load for each multiply-add.
  for (size_t row = 0; row < num_rows; ++row)
    MultiplyRow<kGoOn>(queries + row, keys, head_dim, products + row * stride);
#else
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  hn::Vec<decltype(df)> sums[kPanelRows][3];
  for (size_t row = 0; row < kPanelRows; ++row) {
    for (size_t i = 0; i < 3; ++i) {
      sums[row][i] = kGoOn && row < num_rows ? hn::LoadU(df, products + row * stride + i * N) : hn::Zero(df);
    }
  }
  for (size_t i = 0; i < head_dim; ++i) {
    const auto key0 = hn::Load(df, keys);
    const auto key1 = hn::Load(df, keys + N);
    const auto key2 = hn::Load(df, keys + 2 * N);
    for (size_t row = 0; row < kPanelRows; ++row) {
      const auto query = hn::Set(df, queries[row]);
      sums[row][0] = hn::MulAdd(query, key0, sums[row][0]);
      sums[row][1] = hn::MulAdd(query, key1, sums[row][1]);
      sums[row][2] = hn::MulAdd(query, key2, sums[row][2]);
    }
    keys += 3 * N;
    queries += kPanelRows;
  }
  for (size_t row = 0; row < kPanelRows; ++row) {
    if (row >= num_rows) continue;
    for (size_t i = 0; i < 3; ++i) hn::StoreU(sums[row][i], df, products + row * stride + i * N);
  }
#endif
}

// The products of a panel's first num_rows rows, of some dimensions, the first ones unless `go_on`.
HWY_INLINE void MultiplyDimensions(const float* HWY_RESTRICT queries, const float* HWY_RESTRICT keys, size_t dims,
                                   bool go_on, size_t num_rows, float* HWY_RESTRICT products, size_t stride) {
  if (HWY_UNLIKELY(go_on)) return MultiplyPanel<true>(queries, keys, dims, num_rows, products, stride);
  if (num_rows == 1) return MultiplyRow<false>(queries, keys, dims, products);
  MultiplyPanel<false>(queries, keys, dims, num_rows, products, stride);
}

// packed[panel][dimension][kPanelRows]; rows beyond the last repeat it.
template <typename T>
HWY_INLINE void PackQueries(const ProductBlock& block, float* HWY_RESTRICT packed) {
  const QueryKeyView& view = *block.view;
  const size_t rows = block.num_heads * block.num_rows;
  for (size_t first = 0; first < rows; first += kPanelRows) {
    const T* from[kPanelRows];
    for (size_t i = 0; i < kPanelRows; ++i) {
      const size_t row = HWY_MIN(first + i, rows - 1);
      const size_t head = block.first_head + row / block.num_rows;
      from[i] = static_cast<const T*>(view.query_data) +
                static_cast<int64_t>(block.sequence) * view.query_batch_stride +
                static_cast<int64_t>(head) * view.query_head_stride +
                static_cast<int64_t>(block.first_row + row % block.num_rows) * view.query_stride;
    }
    for (size_t i = 0; i < kPanelRows; i += kPackRows) {
      PackRows(from + i, kPackRows, view.query_dim_stride, view.head_dim, kPanelRows,
               packed + first * view.head_dim + i);
    }
  }
}

#if ATTNSCOPE_TRANSPOSES_KEYS

// Rows that are multiplied without packing keys: their sums and the dimensions of two vectors of keys, one where there
// are half as many registers, fill these.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
inline constexpr size_t kFewRows = 4;
inline constexpr size_t kFewVectors = 1;
#else
inline constexpr size_t kFewRows = 8;
inline constexpr size_t kFewVectors = 2;
#endif

// products[row * stride, + kFewVectors * Lanes) of the first num_rows rows of a panel, straight from the keys. The same
// chains as MultiplyRow. `scratch` has room for packed keys.
template <size_t kRows, typename T>
HWY_INLINE void MultiplyFewRows(const float* HWY_RESTRICT queries, const KeyTile<T>& tile, const KeyTile<T>& next,
                                size_t head_dim, size_t num_rows, float* HWY_RESTRICT scratch,
                                float* HWY_RESTRICT products, size_t stride) {
  const hn::ScalableTag<float> df;
  using VF = hn::Vec<decltype(df)>;
  const size_t N = hn::Lanes(df);
  VF sums[kRows][kFewVectors];
  for (auto& of_row : sums) {
    for (VF& sum : of_row) sum = hn::Zero(df);
  }
  const auto add = [&](size_t dim, const VF(&keys)[kFewVectors]) HWY_ATTR {
    for (size_t row = 0; row < kRows; ++row) {
      const auto query = hn::Set(df, queries[dim * kPanelRows + row]);
      for (size_t i = 0; i < kFewVectors; ++i) sums[row][i] = hn::MulAdd(query, keys[i], sums[row][i]);
    }
  };
  KeyReader<T> readers[kFewVectors];
  for (size_t i = 0; i < kFewVectors; ++i) readers[i].Init(tile.first[i], tile.stride);
  const size_t ahead = hwy::DivCeil(kFewVectors * N, hwy::DivCeil(head_dim, kBlockDims<T>));
  size_t prefetched = 0;
  size_t dim = 0;
  for (; dim + kBlockDims<T> <= head_dim; dim += kBlockDims<T>) {
    const size_t prefetch_end = HWY_MIN(kFewVectors * N, prefetched + ahead);
    PrefetchKeys(next, prefetched, prefetch_end, head_dim);
    prefetched = prefetch_end;
    VF dims[kFewVectors][kBlockDims<T>];
    for (size_t i = 0; i < kFewVectors; ++i) {
      TransposeKeys(df, readers[i], tile.stride, dims[i]);
      readers[i].Advance();
    }
    for (size_t j = 0; j < kBlockDims<T>; ++j) {
      VF keys[kFewVectors];
      for (size_t i = 0; i < kFewVectors; ++i) keys[i] = dims[i][j];
      add(dim + j, keys);
    }
  }
  PackDimensions(tile, kFewVectors, dim, head_dim, scratch);
  for (; dim < head_dim; ++dim) {
    VF keys[kFewVectors];
    for (size_t i = 0; i < kFewVectors; ++i) keys[i] = hn::Load(df, scratch + (dim * kFewVectors + i) * N);
    add(dim, keys);
  }
  for (size_t row = 0; row < kRows; ++row) {
    if (row >= num_rows) continue;
    for (size_t i = 0; i < kFewVectors; ++i) hn::StoreU(sums[row][i], df, products + row * stride + i * N);
  }
}

// All products of a block of at most kRows rows.
template <size_t kRows, typename T>
HWY_INLINE void MultiplyFew(const ProductBlock& block, const KeyRange& keys, KeyRows& rows,
                            const float* HWY_RESTRICT packed_queries, float* HWY_RESTRICT packed_keys,
                            float* HWY_RESTRICT products, size_t stride) {
  const QueryKeyView& view = *block.view;
  const size_t columns = kFewVectors * hn::Lanes(hn::ScalableTag<float>());
  T* copies[2] = {reinterpret_cast<T*>(packed_keys + kPackedKeys / 2), nullptr};
  copies[1] = copies[0] + columns * view.head_dim;
  KeyTile<T> tile = FindKeys(view, rows, keys.begin, keys.end, kFewVectors, copies[0]);
  for (size_t first = keys.begin; first < keys.end; first += columns) {
    std::swap(copies[0], copies[1]);
    KeyTile<T> next = tile;
    if (first + columns < keys.end) next = FindKeys(view, rows, first + columns, keys.end, kFewVectors, copies[0]);
    MultiplyFewRows<kRows>(packed_queries, tile, next, view.head_dim, block.num_heads * block.num_rows, packed_keys,
                           products + first, stride);
    tile = next;
  }
}

#endif  // ATTNSCOPE_TRANSPOSES_KEYS

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

template <typename TKey>
HWY_INLINE void MultiplyAll(const ProductBlock& block, const float* HWY_RESTRICT packed_queries,
                            float* HWY_RESTRICT packed_keys, float* HWY_RESTRICT products, size_t stride) {
  const QueryKeyView& view = *block.view;
  const size_t rows = block.num_heads * block.num_rows;
  const size_t columns = ProductColumns();
  const KeyRange range = block.visible.RangeOfRows(block.num_rows);
  if (range.empty()) return;
  KeyRows keys(view, block.sequence, block.first_head / (view.heads / view.kv_heads));
#if ATTNSCOPE_TRANSPOSES_KEYS
  if (rows == 1) return MultiplyFew<1, TKey>(block, range, keys, packed_queries, packed_keys, products, stride);
  if (rows <= 4) return MultiplyFew<4, TKey>(block, range, keys, packed_queries, packed_keys, products, stride);
  if (rows <= kFewRows)
    return MultiplyFew<kFewRows, TKey>(block, range, keys, packed_queries, packed_keys, products, stride);
#endif
  TKey* copies = reinterpret_cast<TKey*>(packed_keys + kPackedKeys / 2);
  KeyRange panels[kMaxProductRows / kPanelRows];
  FindPanelRanges(block, panels);
  KeyTile<TKey> tile = FindKeys(view, keys, range.begin, range.end, kTileVectors, copies);
  // Keys of the next tile to prefetch during each panel.
  const size_t ahead = hwy::DivCeil(columns, hwy::DivCeil(rows, kPanelRows));
  for (size_t first = range.begin; first < range.end; first += columns) {
    PackKeys(tile, view.head_dim, packed_keys);
    if (first + columns < range.end) tile = FindKeys(view, keys, first + columns, range.end, kTileVectors, copies);
    size_t prefetched = 0;
    for (size_t dim = 0; dim < view.head_dim;) {
      const size_t left = view.head_dim - dim;
      const size_t dims = left <= kMostDimsAtOnce ? left : kDimsAtOnce;
      for (size_t panel = 0; panel < rows; panel += kPanelRows) {
        const size_t prefetch_end = HWY_MIN(columns, prefetched + ahead);
        PrefetchKeys(tile, prefetched, prefetch_end, view.head_dim);
        prefetched = prefetch_end;
        const KeyRange& of_panel = panels[panel / kPanelRows];
        if (of_panel.end <= first || of_panel.begin >= first + columns) continue;
        const float* queries = packed_queries + panel * view.head_dim + dim * kPanelRows;
        const float* tile_keys = packed_keys + dim * columns;
        float* to = products + panel * stride + first;
        MultiplyDimensions(queries, tile_keys, dims, dim != 0, HWY_MIN(kPanelRows, rows - panel), to, stride);
      }
      dim += dims;
    }
  }
}

void MultiplyQueriesKeys(const ProductBlock& block, float* HWY_RESTRICT packed_queries, float* HWY_RESTRICT packed_keys,
                         float* HWY_RESTRICT products, size_t stride) {
  switch (block.view->query_type) {
    case ElementType::kFloat32:
      PackQueries<float>(block, packed_queries);
      break;
    case ElementType::kFloat16:
      PackQueries<hwy::float16_t>(block, packed_queries);
      break;
    case ElementType::kBFloat16:
      PackQueries<hwy::bfloat16_t>(block, packed_queries);
      break;
  }
  // A loader's keys are float32.
  switch (block.view->key_loader.load != nullptr ? ElementType::kFloat32 : block.view->key_type) {
    case ElementType::kFloat32:
      return MultiplyAll<float>(block, packed_queries, packed_keys, products, stride);
    case ElementType::kFloat16:
      return MultiplyAll<hwy::float16_t>(block, packed_queries, packed_keys, products, stride);
    case ElementType::kBFloat16:
      return MultiplyAll<hwy::bfloat16_t>(block, packed_queries, packed_keys, products, stride);
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

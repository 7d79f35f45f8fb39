// SPDX-License-Identifier: Apache-2.0
#include "kernels/query_key_product.h"

#include <stddef.h>
#include <stdint.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/query_key_product.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "kernels/load-inl.h"
#include "kernels/pack_rows-inl.h"

#ifndef ATTNSCOPE_KERNELS_QUERY_KEY_PRODUCT_ONCE_
#define ATTNSCOPE_KERNELS_QUERY_KEY_PRODUCT_ONCE_
namespace attnscope {

// Where the keys of one sequence and head stand. Keys are asked for in ascending order, tile by tile.
class KeyRows {
 public:
  KeyRows(const QueryKeyView& view, size_t sequence, size_t kv_head) : view_(view) {
    offset_ = static_cast<int64_t>(kv_head) * view.key_head_stride;
    if (view.pages == nullptr) offset_ += static_cast<int64_t>(sequence) * view.key_batch_stride;
  }

  const uint8_t* operator()(size_t key) {
    const void* data = view_.key_data;
    if (view_.pages != nullptr) {
      while (key - first_ >= view_.pages[page_].keys) first_ += view_.pages[page_++].keys;
      data = view_.pages[page_].data;
    }
    const int64_t offset = offset_ + static_cast<int64_t>(key - first_) * view_.key_stride;
    return static_cast<const uint8_t*>(data) + offset * static_cast<int64_t>(ElementBytes(view_.key_type));
  }

 private:
  const QueryKeyView& view_;
  int64_t offset_ = 0;
  size_t page_ = 0;
  size_t first_ = 0;  // key of the page
};

}  // namespace attnscope
#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_PRODUCT_ONCE_

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

// products[0, ProductColumns()) of one row of a panel.
HWY_INLINE void MultiplyRow(const float* HWY_RESTRICT queries, const float* HWY_RESTRICT keys, size_t head_dim,
                            float* HWY_RESTRICT products) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  auto sum0 = hn::Zero(df), sum1 = hn::Zero(df), sum2 = hn::Zero(df);
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
HWY_INLINE void MultiplyPanel(const float* HWY_RESTRICT queries, const float* HWY_RESTRICT keys, size_t head_dim,
                              size_t num_rows, float* HWY_RESTRICT products, size_t stride) {
#if HWY_HAVE_SCALABLE
  // Vectors whose size is not known have no arrays: row by row, a load for each multiply-add.
  for (size_t row = 0; row < num_rows; ++row) MultiplyRow(queries + row, keys, head_dim, products + row * stride);
#else
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  hn::Vec<decltype(df)> sums[kPanelRows][3];
  for (auto& of_row : sums) of_row[0] = of_row[1] = of_row[2] = hn::Zero(df);
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

// The keys of one tile, one pointer each; keys beyond the last repeat it.
template <typename T>
struct KeyTile {
  const T* rows[kMaxProductColumns];

  // Keys [first, end) for first < end.
  KeyTile(KeyRows& keys, size_t first, size_t end) {
    for (size_t i = 0; i < ProductColumns(); ++i) {
      rows[i] = reinterpret_cast<const T*>(keys(HWY_MIN(first + i, end - 1)));
    }
  }
};

// packed[dimension][ProductColumns()], a cache line of each key at a time.
template <typename T>
HWY_INLINE void PackKeys(const KeyTile<T>& tile, int64_t stride, size_t head_dim, float* HWY_RESTRICT packed) {
  constexpr size_t kLine = 64 / sizeof(T);
  const size_t columns = ProductColumns();
  for (size_t dim = 0; dim < head_dim; dim += kLine) {
    for (size_t i = 0; i < columns; i += kPackRows) {
      const T* from[kPackRows];
      const size_t num_rows = HWY_MIN(kPackRows, columns - i);
      for (size_t j = 0; j < num_rows; ++j) from[j] = tile.rows[i + j] + static_cast<int64_t>(dim) * stride;
      PackRows(from, num_rows, stride, HWY_MIN(kLine, head_dim - dim), columns, packed + dim * columns + i);
    }
  }
}

// Prefetches keys [begin, end) of a tile; never faults.
template <typename T>
HWY_INLINE void PrefetchKeys(const KeyTile<T>& tile, size_t begin, size_t end, size_t head_dim) {
  for (size_t i = begin; i < end; ++i) {
    for (size_t dim = 0; dim < head_dim; dim += 64 / sizeof(T)) hwy::Prefetch(tile.rows[i] + dim);
  }
}

template <typename TKey>
HWY_INLINE void MultiplyAll(const ProductBlock& block, const float* HWY_RESTRICT packed_queries,
                            float* HWY_RESTRICT packed_keys, float* HWY_RESTRICT products, size_t stride) {
  const QueryKeyView& view = *block.view;
  const size_t rows = block.num_heads * block.num_rows;
  const size_t columns = ProductColumns();
  // Under a causal mask the last row sees the most keys.
  const size_t num_keys = block.visible(block.num_rows - 1);
  if (num_keys == 0) return;
  KeyRows keys(view, block.sequence, block.first_head / (view.heads / view.kv_heads));
  KeyTile<TKey> tile(keys, 0, num_keys);
  // Keys of the next tile to prefetch during each panel.
  const size_t ahead = hwy::DivCeil(columns, hwy::DivCeil(rows, kPanelRows));
  for (size_t first = 0; first < num_keys; first += columns) {
    PackKeys(tile, view.key_dim_stride, view.head_dim, packed_keys);
    const size_t next = HWY_MIN(first + columns, num_keys - 1);
    tile = KeyTile<TKey>(keys, next, num_keys);
    size_t prefetched = 0;
    for (size_t panel = 0; panel < rows; panel += kPanelRows) {
      const size_t num_rows = HWY_MIN(kPanelRows, rows - panel);
      const size_t prefetch_end = HWY_MIN(columns, prefetched + ahead);
      PrefetchKeys(tile, prefetched, prefetch_end, view.head_dim);
      prefetched = prefetch_end;
      // Rows of another head begin anew.
      const size_t last = panel / block.num_rows == (panel + num_rows - 1) / block.num_rows
                              ? (panel + num_rows - 1) % block.num_rows
                              : block.num_rows - 1;
      if (block.visible(last) <= first) continue;
      const float* queries = packed_queries + panel * view.head_dim;
      float* to = products + panel * stride + first;
      if (num_rows == 1) {
        MultiplyRow(queries, packed_keys, view.head_dim, to);
      } else {
        MultiplyPanel(queries, packed_keys, view.head_dim, num_rows, to, stride);
      }
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
  switch (block.view->key_type) {
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

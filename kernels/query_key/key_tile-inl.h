// SPDX-License-Identifier: Apache-2.0
//
// A few vectors of keys, found where they stand or copied together, and packed for multiplying. Included per target by
// query_key_product.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_QUERY_KEY_KEY_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_QUERY_KEY_KEY_TILE_INL_H_
#undef ATTNSCOPE_KERNELS_QUERY_KEY_KEY_TILE_INL_H_
#else
#define ATTNSCOPE_KERNELS_QUERY_KEY_KEY_TILE_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attnscope/query_key_view.h"
#include "hwy/highway.h"
#include "kernels/query_key/key_rows.h"
#include "kernels/query_key/transpose_keys-inl.h"
#include "kernels/simd/load-inl.h"
#include "kernels/simd/prefetch-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Up to kTileVectors vectors of keys, key i at `first + i * stride`, their dimensions neighbours.
inline constexpr size_t kTileVectors = 3;
template <typename T>
struct KeyTile {
  const T* first[kTileVectors];  // of each vector
  int64_t stride;
};

// What FindKeys does where a function gives the keys.
HWY_NOINLINE inline KeyTile<float> LoadKeys(const QueryKeyView& view, const KeyRows& rows, size_t first, size_t end,
                                            size_t vectors, float* HWY_RESTRICT copies) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  const size_t count = HWY_MIN(vectors * N, end - first);
  rows.Load(first, count, copies);
  for (size_t i = count; i < vectors * N; ++i) {
    memcpy(copies + i * view.head_dim, copies + (count - 1) * view.head_dim, view.head_dim * sizeof(float));
  }
  KeyTile<float> tile;
  for (size_t i = 0; i < vectors; ++i) tile.first[i] = copies + i * N * view.head_dim;
  tile.stride = static_cast<int64_t>(view.head_dim);
  return tile;
}

// The `vectors` vectors of keys from `first` on; keys from `end` on repeat the last one, first < end. Those that do not
// stand in one piece, or whose dimensions are apart, are copied to `copies` [vectors * Lanes, head_dim].
template <typename T>
HWY_INLINE KeyTile<T> FindKeys(const QueryKeyView& view, KeyRows& rows, size_t first, size_t end, size_t vectors,
                               T* HWY_RESTRICT copies) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  KeyTile<T> tile;
  if constexpr (hwy::IsSame<T, float>()) {
    if (rows.has_loader()) return LoadKeys(view, rows, first, end, vectors, copies);
  }
  tile.stride = view.key_stride;
  bool whole = view.key_dim_stride == 1 && first + vectors * N <= end;
  KeyRows ahead = rows;
  for (size_t i = 0; whole && i < vectors; ++i) {
    tile.first[i] = reinterpret_cast<const T*>(ahead(first + i * N));
    whole = ahead.Run(first + i * N) >= N;
  }
  if (HWY_LIKELY(whole)) {
    rows = ahead;
    return tile;
  }
  for (size_t i = 0; i < vectors * N; ++i) {
    const T* from = reinterpret_cast<const T*>(rows(HWY_MIN(first + i, end - 1)));
    T* to = copies + i * view.head_dim;
    if (view.key_dim_stride == 1) {
      memcpy(to, from, view.head_dim * sizeof(T));
    } else {
      for (size_t dim = 0; dim < view.head_dim; ++dim) to[dim] = from[static_cast<int64_t>(dim) * view.key_dim_stride];
    }
  }
  for (size_t i = 0; i < vectors; ++i) tile.first[i] = copies + i * N * view.head_dim;
  tile.stride = static_cast<int64_t>(view.head_dim);
  return tile;
}

// packed[dimension][vectors * Lanes], from dimension `begin` on.
template <typename T>
HWY_INLINE void PackDimensions(const KeyTile<T>& tile, size_t vectors, size_t begin, size_t head_dim,
                               float* HWY_RESTRICT packed) {
  const hn::CappedTag<float, 1> d1;
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  for (size_t dim = begin; dim < head_dim; ++dim) {
    for (size_t i = 0; i < vectors * N; ++i) {
      const T* from = tile.first[i / N] + static_cast<int64_t>(i % N) * tile.stride + dim;
      packed[dim * vectors * N + i] = hn::GetLane(LoadAsFloat(d1, from));
    }
  }
}

// packed[dimension][ProductColumns()].
template <typename T>
HWY_INLINE void PackKeys(const KeyTile<T>& tile, size_t head_dim, float* HWY_RESTRICT packed) {
  size_t dim = 0;
#if ATTNSCOPE_TRANSPOSES_KEYS
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  KeyReader<T> readers[kTileVectors];
  for (size_t i = 0; i < kTileVectors; ++i) readers[i].Init(tile.first[i], tile.stride);
  for (; dim + kBlockDims<T> <= head_dim; dim += kBlockDims<T>) {
    for (size_t i = 0; i < kTileVectors; ++i) {
      hn::Vec<decltype(df)> dims[kBlockDims<T>];
      TransposeKeys(df, readers[i], tile.stride, dims);
      readers[i].Advance();
      for (size_t j = 0; j < kBlockDims<T>; ++j) hn::Store(dims[j], df, packed + ((dim + j) * kTileVectors + i) * N);
    }
  }
#endif
  PackDimensions(tile, kTileVectors, dim, head_dim, packed);
}

// Prefetches keys [begin, end) of a tile; never faults.
template <typename T>
HWY_INLINE void PrefetchKeys(const KeyTile<T>& tile, size_t begin, size_t end, size_t head_dim) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  for (size_t i = begin; i < end; ++i) {
    const T* key = tile.first[i / N] + static_cast<int64_t>(i % N) * tile.stride;
    for (size_t dim = 0; dim < head_dim; dim += 64 / sizeof(T)) PrefetchToL2(key + dim);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_KEY_TILE_INL_H_

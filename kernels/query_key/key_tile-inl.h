// SPDX-License-Identifier: Apache-2.0
//
// A few vectors of keys, found where they stand or copied together, and packed for multiplying.

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
#include "kernels/query_key/key_quads-inl.h"
#include "kernels/query_key/key_rows.h"
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

// What it does where they do not stand in one piece, or their dimensions are apart, or there are fewer.
template <typename T>
HWY_NOINLINE KeyTile<T> CopyKeys(const QueryKeyView& view, KeyRows& rows, size_t first, size_t end, size_t vectors,
                                 T* HWY_RESTRICT copies) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  for (size_t i = 0; i < vectors * N; ++i) {
    const T* from = reinterpret_cast<const T*>(rows(HWY_MIN(first + i, end - 1)));
    T* to = copies + i * view.head_dim;
    if (view.key_dim_stride == 1) {
      memcpy(to, from, view.head_dim * sizeof(T));
    } else {
      for (size_t dim = 0; dim < view.head_dim; ++dim) to[dim] = from[static_cast<int64_t>(dim) * view.key_dim_stride];
    }
  }
  KeyTile<T> tile;
  for (size_t i = 0; i < vectors; ++i) tile.first[i] = copies + i * N * view.head_dim;
  tile.stride = static_cast<int64_t>(view.head_dim);
  return tile;
}

// What it does where they reach beyond the present page: each vector may be of another page.
template <typename T>
HWY_NOINLINE KeyTile<T> FindInPages(const QueryKeyView& view, KeyRows& rows, size_t first, size_t end, size_t vectors,
                                    T* HWY_RESTRICT copies) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  KeyTile<T> tile;
  tile.stride = view.key_stride;
  bool whole = view.key_dim_stride == 1 && first + vectors * N <= end;
  KeyRows ahead = rows;
  for (size_t i = 0; whole && i < vectors; ++i) {
    tile.first[i] = reinterpret_cast<const T*>(ahead(first + i * N));
    whole = ahead.Run(first + i * N) >= N;
  }
  if (!whole) return CopyKeys(view, rows, first, end, vectors, copies);
  rows = ahead;
  return tile;
}

// The `vectors` vectors of keys from `first` on; keys from `end` on repeat the last one, first < end. Those that do not
// stand in one piece, or whose dimensions are apart, are copied to `copies` [vectors * Lanes, head_dim].
template <typename T>
HWY_INLINE KeyTile<T> FindKeys(const QueryKeyView& view, KeyRows& rows, size_t first, size_t end, size_t vectors,
                               T* HWY_RESTRICT copies) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  if constexpr (hwy::IsSame<T, float>()) {
    if (rows.has_loader()) return LoadKeys(view, rows, first, end, vectors, copies);
  }
  const bool whole = view.key_dim_stride == 1 && first + vectors * N <= end && rows.HasInPage(first, vectors * N);
  if (HWY_UNLIKELY(!whole)) return FindInPages(view, rows, first, end, vectors, copies);
  KeyTile<T> tile;
  tile.stride = view.key_stride;
  for (size_t i = 0; i < vectors; ++i) tile.first[i] = reinterpret_cast<const T*>(rows(first + i * N));
  return tile;
}

#if ATTNSCOPE_LOADS_QUADS

// The last dimensions of a vector of keys, less than 128 bits of each, from dimension `begin` on: copied to
// `copies` [Lanes, kBlockDims<T>], with zeros behind them, which is then read with a stride of kBlockDims<T>.
template <typename T>
HWY_NOINLINE KeyReader<T> CopyLastDims(const T* first, int64_t stride, size_t begin, size_t head_dim,
                                       T* HWY_RESTRICT copies) {
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  memset(copies, 0, N * kBlockDims<T> * sizeof(T));
  for (size_t i = 0; i < N; ++i) {
    memcpy(copies + i * kBlockDims<T>, first + static_cast<int64_t>(i) * stride + begin,
           (head_dim - begin) * sizeof(T));
  }
  KeyReader<T> reader;
  reader.Init(copies, static_cast<int64_t>(kBlockDims<T>));
  return reader;
}

// Quads that a key of `head_dim` dimensions fills; halves fill two at a time.
template <typename T>
HWY_INLINE size_t NumQuads(size_t head_dim) {
  return hwy::DivCeil(head_dim, kBlockDims<T>) * kBlockQuads<T>;
}

// A vector of keys to packed[quad][kQuad][Lanes].
template <typename T>
HWY_INLINE void PackVector(const T* first, int64_t stride, size_t head_dim, float* HWY_RESTRICT packed) {
  const hn::ScalableTag<float> df;
  const size_t N = hn::Lanes(df);
  const auto pack = [&](const KeyReader<T>& keys, int64_t key_stride) HWY_ATTR {
    for (size_t v = 0; v < kQuad; ++v) {
      hn::Vec<decltype(df)> quads[kBlockQuads<T>];
      LoadQuads(df, keys, static_cast<int64_t>(v) * key_stride, quads);
      for (size_t i = 0; i < kBlockQuads<T>; ++i) hn::Store(quads[i], df, packed + (i * kQuad + v) * N);
    }
    packed += kBlockQuads<T> * kQuad * N;
  };
  KeyReader<T> reader;
  reader.Init(first, stride);
  size_t dim = 0;
  for (; dim + kBlockDims<T> <= head_dim; dim += kBlockDims<T>, reader.Advance()) pack(reader, stride);
  if (dim == head_dim) return;
  HWY_ALIGN T copies[HWY_LANES(float) * kBlockDims<T>];
  pack(CopyLastDims(first, stride, dim, head_dim, copies), static_cast<int64_t>(kBlockDims<T>));
}

#else  // !ATTNSCOPE_LOADS_QUADS

template <typename T>
HWY_INLINE size_t NumQuads(size_t head_dim) {
  return hwy::DivCeil(head_dim, kQuad);
}

// A vector of keys to packed[quad][kQuad][Lanes], or where a vector is one key to packed[quad][kQuad].
template <typename T>
HWY_INLINE void PackVector(const T* first, int64_t stride, size_t head_dim, float* HWY_RESTRICT packed) {
  const hn::CappedTag<float, 1> d1;
  const size_t N = hn::Lanes(hn::ScalableTag<float>());
  for (size_t key = 0; key < N; ++key, first += stride) {
    float* to = packed + (N == 1 ? 0 : key % kQuad * N + key / kQuad * kQuad);
    for (size_t dim = 0; dim < NumQuads<T>(head_dim) * kQuad; ++dim) {
      to[dim / kQuad * kQuad * N + dim % kQuad] = dim < head_dim ? hn::GetLane(LoadAsFloat(d1, first + dim)) : 0.0f;
    }
  }
}

#endif  // ATTNSCOPE_LOADS_QUADS

// packed[vector][quad][kQuad][Lanes] of the tile's kTileVectors vectors of keys.
template <typename T>
HWY_INLINE void PackKeys(const KeyTile<T>& tile, size_t head_dim, float* HWY_RESTRICT packed) {
  const size_t vector_size = NumQuads<T>(head_dim) * kQuad * hn::Lanes(hn::ScalableTag<float>());
  for (size_t i = 0; i < kTileVectors; ++i) {
    PackVector(tile.first[i], tile.stride, head_dim, packed + i * vector_size);
  }
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

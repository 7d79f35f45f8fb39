// SPDX-License-Identifier: Apache-2.0
//
// Dot products along the dimensions of queries and keys, without transposing either.
//
// A quad is four neighbouring dimensions, 128 bits of float32. A vector of keys is as many keys as a vector has lanes,
// and its quad is four vectors: block b of vector v is the quad of key 4 * b + v. Multiplied by the same quad of a
// query in every block, and added up quad after quad, these four vectors hold four sums for each key. Only they are
// transposed, once for each query:
//
//   sum 0   k0 k0 k0 k0 | k4 k4 k4 k4 | ...
//   sum 1   k1 k1 k1 k1 | k5 k5 k5 k5 | ...   ->   k0 k1 k2 k3 | k4 k5 k6 k7 | ...
//   sum 2   k2 k2 k2 k2 | k6 k6 k6 k6 | ...
//   sum 3   k3 k3 k3 k3 | k7 k7 k7 k7 | ...

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_QUERY_KEY_KEY_QUADS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_QUERY_KEY_KEY_QUADS_INL_H_
#undef ATTNSCOPE_KERNELS_QUERY_KEY_KEY_QUADS_INL_H_
#else
#define ATTNSCOPE_KERNELS_QUERY_KEY_KEY_QUADS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

// Whether this target loads quads from where keys stand: it takes vectors of a size known here, of one, two or four
// blocks of 128 bits.
#undef ATTNSCOPE_LOADS_QUADS
#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE
#define ATTNSCOPE_LOADS_QUADS 0
#else
#define ATTNSCOPE_LOADS_QUADS 1
#endif

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Dimensions of a quad, and vectors that hold it for a vector of keys.
inline constexpr size_t kQuad = 4;
// Dimensions that are padded by zeros: whole quads of 128 bits of halves.
HWY_INLINE size_t PaddedDims(size_t head_dim) { return hwy::RoundUpTo(head_dim, 2 * kQuad); }

// A query's quad for vector `v` of the keys'.
template <class DF>
HWY_INLINE hn::Vec<DF> QueryQuad(DF df, const float* HWY_RESTRICT quad, size_t v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Load(df, quad + v);  // a vector of keys is one key, its quad four numbers
#else
  (void)v;
  return hn::LoadDup128(df, quad);
#endif
}

#if HWY_TARGET != HWY_SCALAR

// Of each block: sums 0 and 2 of the first key and of the second, then 1 and 3 of both.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF SumOfTwo(DF df, VF first, VF second) {
  return hn::Add(hn::InterleaveLower(df, first, second), hn::InterleaveUpper(df, first, second));
}

// Lane i: the product of key i, from the sums of two of vectors 0 and 1, and of vectors 2 and 3.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF SumOfQuads(DF df, VF of01, VF of23) {
  const hn::RepartitionToWide<hn::RebindToUnsigned<DF>> d2;
  const auto low = hn::BitCast(d2, of01);
  const auto high = hn::BitCast(d2, of23);
  return hn::Add(hn::BitCast(df, hn::InterleaveLower(d2, low, high)),
                 hn::BitCast(df, hn::InterleaveUpper(d2, low, high)));
}

#endif  // HWY_TARGET != HWY_SCALAR

// The products of a vector of keys: ((0) + (2)) + ((1) + (3)) of each key's four sums.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE VF SumOfQuads(DF df, VF sum0, VF sum1, VF sum2, VF sum3) {
#if HWY_TARGET == HWY_SCALAR
  (void)df;
  return hn::Add(hn::Add(sum0, sum2), hn::Add(sum1, sum3));
#else
  return SumOfQuads(df, SumOfTwo(df, sum0, sum1), SumOfTwo(df, sum2, sum3));
#endif
}

// One vector of products, or what is added to it.
template <class DF>
HWY_INLINE void StoreProducts(DF df, hn::Vec<DF> product, bool add, float* HWY_RESTRICT products) {
  if (HWY_UNLIKELY(add)) product = hn::Add(hn::LoadU(df, products), product);
  hn::StoreU(product, df, products);
}

// Dimensions that are multiplied at a time: of wider heads, so that this much of a tile of keys (36 KiB with 16 lanes)
// stays in L1 while all rows pass by. The products of each time are added up, in order.
inline constexpr size_t kDimsAtOnce = 192;
inline constexpr size_t kMostDimsAtOnce = 256;
HWY_INLINE size_t NextDims(size_t left) { return left <= kMostDimsAtOnce ? left : kDimsAtOnce; }

#if ATTNSCOPE_LOADS_QUADS

// Dimensions of 128 bits of a key, and quads that they make.
template <typename T>
inline constexpr size_t kBlockDims = 16 / sizeof(T);
template <typename T>
inline constexpr size_t kBlockQuads = kBlockDims<T> / kQuad;

// A vector of keys, and where they are read next. Keys stand `stride` elements apart, their dimensions are neighbours.
// A pointer for each block, which all move: with one for all, compilers keep the sums of it and fifteen multiples of
// the stride, for which there are not enough registers.
template <typename T>
struct KeyReader {
  const T* block0;
  const T* block1;
  const T* block2;
  const T* block3;

  void Init(const T* first, int64_t stride) {
    constexpr size_t kBlocks = HWY_LANES(float) / kQuad;
    block0 = first;
    block1 = kBlocks > 1 ? first + 4 * stride : first;
    block2 = kBlocks > 2 ? first + 8 * stride : first;
    block3 = kBlocks > 2 ? first + 12 * stride : first;
  }
  void Advance() {
    block0 += kBlockDims<T>;
    block1 += kBlockDims<T>;
    block2 += kBlockDims<T>;
    block3 += kBlockDims<T>;
  }
};

// Block i of the result is the 128 bits at `offset` of block i of the reader. A load that fills all blocks and a blend
// for each: blends take any of four ports, insertions only two.
template <class DT, typename T>
HWY_INLINE hn::Vec<DT> LoadBlocks(DT dt, const KeyReader<T>& keys, int64_t offset) {
  const auto block0 = hn::LoadDup128(dt, keys.block0 + offset);
  if constexpr (sizeof(block0) == 16) {
    return block0;
  } else {
    const auto blocks01 = hn::OddEvenBlocks(hn::LoadDup128(dt, keys.block1 + offset), block0);
    if constexpr (sizeof(block0) == 32) {
      return blocks01;
    } else {
      const auto block2 = hn::LoadDup128(dt, keys.block2 + offset);
      const auto blocks23 = hn::OddEvenBlocks(hn::LoadDup128(dt, keys.block3 + offset), block2);
      return hn::ConcatUpperLower(dt, blocks23, blocks01);
    }
  }
}

// The quads of the 128 bits at `offset` of each block's key, kBlockQuads<T> of them.
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void LoadQuads(DF df, const KeyReader<float>& keys, int64_t offset, VF* HWY_RESTRICT quads) {
  quads[0] = LoadBlocks(df, keys, offset);
}
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void LoadQuads(DF df, const KeyReader<hwy::bfloat16_t>& keys, int64_t offset, VF* HWY_RESTRICT quads) {
  const hn::Repartition<uint16_t, DF> du16;
  const auto halves = hn::BitCast(du16, LoadBlocks(hn::Repartition<hwy::bfloat16_t, DF>(), keys, offset));
  quads[0] = hn::BitCast(df, hn::InterleaveLower(du16, hn::Zero(du16), halves));
  quads[1] = hn::BitCast(df, hn::InterleaveUpper(du16, hn::Zero(du16), halves));
}
template <class DF, class VF = hn::Vec<DF>>
HWY_INLINE void LoadQuads(DF df, const KeyReader<hwy::float16_t>& keys, int64_t offset, VF* HWY_RESTRICT quads) {
  const hn::Rebind<hwy::float16_t, DF> dt;
  const hn::Repartition<uint64_t, decltype(dt)> d64;
  if constexpr (sizeof(VF) == 16) {
    quads[0] = LoadAsFloat(df, keys.block0 + offset);
    quads[1] = LoadAsFloat(df, keys.block0 + offset + kQuad);
  } else {
    // Half as many bits: of each two blocks' keys, the lower quads make one block, the upper ones another.
    auto even = hn::LoadDup128(dt, keys.block0 + offset);
    auto odd = hn::LoadDup128(dt, keys.block1 + offset);
    if constexpr (sizeof(VF) == 64) {
      even = hn::OddEvenBlocks(hn::LoadDup128(dt, keys.block2 + offset), even);
      odd = hn::OddEvenBlocks(hn::LoadDup128(dt, keys.block3 + offset), odd);
    }
    const auto even64 = hn::BitCast(d64, even);
    const auto odd64 = hn::BitCast(d64, odd);
    quads[0] = HalvesToFloat(df, hn::BitCast(dt, hn::InterleaveLower(d64, even64, odd64)));
    quads[1] = HalvesToFloat(df, hn::BitCast(dt, hn::InterleaveUpper(d64, even64, odd64)));
  }
}

#endif  // ATTNSCOPE_LOADS_QUADS

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_KEY_QUADS_INL_H_

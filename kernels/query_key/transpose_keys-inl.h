// SPDX-License-Identifier: Apache-2.0
//
// Transposes keys in registers, for the product of queries and keys. Included per target by query_key_product.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_QUERY_KEY_TRANSPOSE_KEYS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_QUERY_KEY_TRANSPOSE_KEYS_INL_H_
#undef ATTNSCOPE_KERNELS_QUERY_KEY_TRANSPOSE_KEYS_INL_H_
#else
#define ATTNSCOPE_KERNELS_QUERY_KEY_TRANSPOSE_KEYS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

// Whether this target can: it takes vectors of a size known here, of one, two or four blocks of 128 bits.
#undef ATTNSCOPE_TRANSPOSES_KEYS
#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE
#define ATTNSCOPE_TRANSPOSES_KEYS 0
#else
#define ATTNSCOPE_TRANSPOSES_KEYS 1
#endif

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if ATTNSCOPE_TRANSPOSES_KEYS

// Dimensions that are transposed together: a block of 128 bits of each key.
template <typename T>
inline constexpr size_t kBlockDims = 16 / sizeof(T);

// One vector's worth of keys, and where they are read next. Keys stand `stride` elements apart, their dimensions are
// neighbours. A pointer for each block of four keys, which all move: with one for all, compilers keep the sums of it
// and fifteen multiples of the stride, for which there are not enough registers.
template <typename T>
struct KeyReader {
  const T* block0;
  const T* block1;
  const T* block2;
  const T* block3;

  void Init(const T* first, int64_t stride) {
    block0 = first;
    block1 = first + 4 * stride;
    block2 = first + 8 * stride;
    block3 = first + 12 * stride;
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

// dims[0] = word as float32. Halves: dims[0] = the lower ones, dims[1] = the upper ones.
template <class DF, class VU, class VF>
HWY_INLINE void SplitWord(DF df, VU word, const float* /*type*/, VF* HWY_RESTRICT dims) {
  dims[0] = hn::BitCast(df, word);
}
template <class DF, class VU, class VF>
HWY_INLINE void SplitWord(DF df, VU word, const hwy::bfloat16_t* /*type*/, VF* HWY_RESTRICT dims) {
  const hn::RebindToUnsigned<DF> du;
  dims[0] = hn::BitCast(df, hn::ShiftLeft<16>(word));
  dims[1] = hn::BitCast(df, hn::And(word, hn::Set(du, 0xFFFF0000u)));
}
template <class DF, class VU, class VF>
HWY_INLINE void SplitWord(DF df, VU word, const hwy::float16_t* /*type*/, VF* HWY_RESTRICT dims) {
  const hn::Rebind<uint16_t, DF> du16;
  const hn::Rebind<hwy::float16_t, DF> dt;
  dims[0] = HalvesToFloat(df, hn::BitCast(dt, hn::TruncateTo(du16, word)));
  dims[1] = HalvesToFloat(df, hn::BitCast(dt, hn::TruncateTo(du16, hn::ShiftRight<16>(word))));
}

// Lane j of dims[i] = dimension i of key j, from where the reader stands, for i < kBlockDims<T>.
template <typename T, class DF, class VF = hn::Vec<DF>>
HWY_INLINE void TransposeKeys(DF df, const KeyReader<T>& keys, int64_t stride, VF* HWY_RESTRICT dims) {
  const hn::Repartition<T, DF> dt;
  const hn::RebindToUnsigned<DF> du;
  const hn::RepartitionToWide<decltype(du)> du2;
  // Words of 32 bits: a float32 or two halves. Rows of four by four words are transposed within blocks.
  const auto row0 = hn::BitCast(du, LoadBlocks(dt, keys, 0));
  const auto row1 = hn::BitCast(du, LoadBlocks(dt, keys, stride));
  const auto row2 = hn::BitCast(du, LoadBlocks(dt, keys, 2 * stride));
  const auto row3 = hn::BitCast(du, LoadBlocks(dt, keys, 3 * stride));
  const auto low01 = hn::BitCast(du2, hn::InterleaveLower(du, row0, row1));
  const auto low23 = hn::BitCast(du2, hn::InterleaveLower(du, row2, row3));
  const auto high01 = hn::BitCast(du2, hn::InterleaveUpper(du, row0, row1));
  const auto high23 = hn::BitCast(du2, hn::InterleaveUpper(du, row2, row3));
  constexpr size_t kOfWord = 4 / sizeof(T);
  const T* type = nullptr;
  SplitWord(df, hn::BitCast(du, hn::InterleaveLower(du2, low01, low23)), type, dims);
  SplitWord(df, hn::BitCast(du, hn::InterleaveUpper(du2, low01, low23)), type, dims + kOfWord);
  SplitWord(df, hn::BitCast(du, hn::InterleaveLower(du2, high01, high23)), type, dims + 2 * kOfWord);
  SplitWord(df, hn::BitCast(du, hn::InterleaveUpper(du2, high01, high23)), type, dims + 3 * kOfWord);
}

#endif  // ATTNSCOPE_TRANSPOSES_KEYS

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_TRANSPOSE_KEYS_INL_H_

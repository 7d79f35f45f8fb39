// SPDX-License-Identifier: Apache-2.0
//
// The sums of the 5, 10 and 50 largest of 64 or 128 candidates, for one row in each lane, by a selection network: no
// branch, so that no kind of row is slower than another. Included per target by weights_sweep.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_NETWORK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_NETWORK_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_NETWORK_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_NETWORK_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Candidates of one row that the network takes: this many, or twice as many.
inline constexpr size_t kNetworkSize = 64;

// Weights are compared as bit patterns, which order as weights >= 0 do: integer minimum and maximum run on twice as
// many ports as those of floats (measured on Zen 4: 2 and 1 a cycle). Descending.
template <class V>
HWY_INLINE void Order(V& larger, V& smaller) {
  const V max = hn::Max(larger, smaller);
  smaller = hn::Min(larger, smaller);
  larger = max;
}

// In what follows, a list is 16 vectors at `values`, `values + N`, ...; each lane is a list of its own. The vectors are
// loaded to sixteen variables, since vectors of some targets (SVE) cannot be elements of arrays.

// Sorts a list in 60 comparisons (Green 1969, the fewest known). Like the next, not inlined: a call is cheap beside it,
// and many copies are not.
template <class DI>
HWY_NOINLINE void Sort16(DI di, int32_t* HWY_RESTRICT values) {
  const size_t N = hn::Lanes(di);
  auto v0 = hn::Load(di, values);
  auto v1 = hn::Load(di, values + N);
  auto v2 = hn::Load(di, values + 2 * N);
  auto v3 = hn::Load(di, values + 3 * N);
  auto v4 = hn::Load(di, values + 4 * N);
  auto v5 = hn::Load(di, values + 5 * N);
  auto v6 = hn::Load(di, values + 6 * N);
  auto v7 = hn::Load(di, values + 7 * N);
  auto v8 = hn::Load(di, values + 8 * N);
  auto v9 = hn::Load(di, values + 9 * N);
  auto v10 = hn::Load(di, values + 10 * N);
  auto v11 = hn::Load(di, values + 11 * N);
  auto v12 = hn::Load(di, values + 12 * N);
  auto v13 = hn::Load(di, values + 13 * N);
  auto v14 = hn::Load(di, values + 14 * N);
  auto v15 = hn::Load(di, values + 15 * N);
  Order(v0, v1);
  Order(v2, v3);
  Order(v4, v5);
  Order(v6, v7);
  Order(v8, v9);
  Order(v10, v11);
  Order(v12, v13);
  Order(v14, v15);
  Order(v0, v2);
  Order(v1, v3);
  Order(v4, v6);
  Order(v5, v7);
  Order(v8, v10);
  Order(v9, v11);
  Order(v12, v14);
  Order(v13, v15);
  Order(v0, v4);
  Order(v1, v5);
  Order(v2, v6);
  Order(v3, v7);
  Order(v8, v12);
  Order(v9, v13);
  Order(v10, v14);
  Order(v11, v15);
  Order(v0, v8);
  Order(v1, v9);
  Order(v2, v10);
  Order(v3, v11);
  Order(v4, v12);
  Order(v5, v13);
  Order(v6, v14);
  Order(v7, v15);
  Order(v5, v10);
  Order(v6, v9);
  Order(v3, v12);
  Order(v13, v14);
  Order(v4, v8);
  Order(v7, v11);
  Order(v1, v2);
  Order(v1, v4);
  Order(v7, v13);
  Order(v2, v8);
  Order(v11, v14);
  Order(v2, v4);
  Order(v5, v6);
  Order(v9, v10);
  Order(v11, v13);
  Order(v3, v8);
  Order(v7, v12);
  Order(v6, v8);
  Order(v10, v12);
  Order(v3, v5);
  Order(v7, v9);
  Order(v3, v4);
  Order(v5, v6);
  Order(v7, v8);
  Order(v9, v10);
  Order(v11, v12);
  Order(v6, v7);
  Order(v8, v9);
  hn::Store(v0, di, values);
  hn::Store(v1, di, values + N);
  hn::Store(v2, di, values + 2 * N);
  hn::Store(v3, di, values + 3 * N);
  hn::Store(v4, di, values + 4 * N);
  hn::Store(v5, di, values + 5 * N);
  hn::Store(v6, di, values + 6 * N);
  hn::Store(v7, di, values + 7 * N);
  hn::Store(v8, di, values + 8 * N);
  hn::Store(v9, di, values + 9 * N);
  hn::Store(v10, di, values + 10 * N);
  hn::Store(v11, di, values + 11 * N);
  hn::Store(v12, di, values + 12 * N);
  hn::Store(v13, di, values + 13 * N);
  hn::Store(v14, di, values + 14 * N);
  hn::Store(v15, di, values + 15 * N);
}

// Sorts a list that first rises and then falls, or the other way round (Batcher 1968).
template <class DI>
HWY_NOINLINE void SortBitonic16(DI di, int32_t* HWY_RESTRICT values) {
  const size_t N = hn::Lanes(di);
  auto v0 = hn::Load(di, values);
  auto v1 = hn::Load(di, values + N);
  auto v2 = hn::Load(di, values + 2 * N);
  auto v3 = hn::Load(di, values + 3 * N);
  auto v4 = hn::Load(di, values + 4 * N);
  auto v5 = hn::Load(di, values + 5 * N);
  auto v6 = hn::Load(di, values + 6 * N);
  auto v7 = hn::Load(di, values + 7 * N);
  auto v8 = hn::Load(di, values + 8 * N);
  auto v9 = hn::Load(di, values + 9 * N);
  auto v10 = hn::Load(di, values + 10 * N);
  auto v11 = hn::Load(di, values + 11 * N);
  auto v12 = hn::Load(di, values + 12 * N);
  auto v13 = hn::Load(di, values + 13 * N);
  auto v14 = hn::Load(di, values + 14 * N);
  auto v15 = hn::Load(di, values + 15 * N);
  Order(v0, v8);
  Order(v1, v9);
  Order(v2, v10);
  Order(v3, v11);
  Order(v4, v12);
  Order(v5, v13);
  Order(v6, v14);
  Order(v7, v15);
  Order(v0, v4);
  Order(v1, v5);
  Order(v2, v6);
  Order(v3, v7);
  Order(v8, v12);
  Order(v9, v13);
  Order(v10, v14);
  Order(v11, v15);
  Order(v0, v2);
  Order(v1, v3);
  Order(v4, v6);
  Order(v5, v7);
  Order(v8, v10);
  Order(v9, v11);
  Order(v12, v14);
  Order(v13, v15);
  Order(v0, v1);
  Order(v2, v3);
  Order(v4, v5);
  Order(v6, v7);
  Order(v8, v9);
  Order(v10, v11);
  Order(v12, v13);
  Order(v14, v15);
  hn::Store(v0, di, values);
  hn::Store(v1, di, values + N);
  hn::Store(v2, di, values + 2 * N);
  hn::Store(v3, di, values + 3 * N);
  hn::Store(v4, di, values + 4 * N);
  hn::Store(v5, di, values + 5 * N);
  hn::Store(v6, di, values + 6 * N);
  hn::Store(v7, di, values + 7 * N);
  hn::Store(v8, di, values + 8 * N);
  hn::Store(v9, di, values + 9 * N);
  hn::Store(v10, di, values + 10 * N);
  hn::Store(v11, di, values + 11 * N);
  hn::Store(v12, di, values + 12 * N);
  hn::Store(v13, di, values + 13 * N);
  hn::Store(v14, di, values + 14 * N);
  hn::Store(v15, di, values + 15 * N);
}

// Splits two sorted runs of kCount vectors: the largest of both replace `a`, the smallest `b`. Each is then bitonic.
template <size_t kCount, class DI>
HWY_INLINE void SplitSorted(DI di, int32_t* HWY_RESTRICT a, int32_t* HWY_RESTRICT b) {
  const size_t N = hn::Lanes(di);
  for (size_t i = 0; i < kCount; ++i) {
    auto from_a = hn::Load(di, a + i * N);
    auto from_b = hn::Load(di, b + (kCount - 1 - i) * N);
    Order(from_a, from_b);
    hn::Store(from_a, di, a + i * N);
    hn::Store(from_b, di, b + (kCount - 1 - i) * N);
  }
}

// Sorts a bitonic run of kCount vectors, 16 or a larger power of two.
template <size_t kCount, class DI>
HWY_INLINE void SortBitonic(DI di, int32_t* HWY_RESTRICT values) {
  if constexpr (kCount == 16) {
    SortBitonic16(di, values);
  } else {
    const size_t N = hn::Lanes(di);
    constexpr size_t kHalf = kCount / 2;
    for (size_t i = 0; i < kHalf; ++i) {
      auto larger = hn::Load(di, values + i * N);
      auto smaller = hn::Load(di, values + (i + kHalf) * N);
      Order(larger, smaller);
      hn::Store(larger, di, values + i * N);
      hn::Store(smaller, di, values + (i + kHalf) * N);
    }
    SortBitonic<kHalf>(di, values);
    SortBitonic<kHalf>(di, values + kHalf * N);
  }
}

// Merges two sorted runs of kCount vectors, one behind the other, into one of twice the length.
template <size_t kCount, class DI>
HWY_INLINE void MergeSorted(DI di, int32_t* HWY_RESTRICT values) {
  SplitSorted<kCount>(di, values, values + kCount * hn::Lanes(di));
  SortBitonic<kCount>(di, values);
  SortBitonic<kCount>(di, values + kCount * hn::Lanes(di));
}

// Leaves the 64 largest of 128 values of each lane in the first 64, in no order.
template <class DI>
HWY_NOINLINE void KeepLargerHalf(DI di, int32_t* HWY_RESTRICT values) {
  const size_t N = hn::Lanes(di);
  for (size_t i = 0; i < 128; i += 16) Sort16(di, values + i * N);
  for (size_t i = 0; i < 128; i += 32) MergeSorted<16>(di, values + i * N);
  for (size_t i = 0; i < 128; i += 64) MergeSorted<32>(di, values + i * N);
  SplitSorted<64>(di, values, values + 64 * N);
}

// Sum of kCount vectors of weights, in pairs of pairs: 4 roundings for 16 vectors.
template <size_t kCount, class DI>
HWY_INLINE hn::Vec<hn::RebindToFloat<DI>> SumInPairs(DI di, const int32_t* HWY_RESTRICT values) {
  if constexpr (kCount == 1) {
    return hn::BitCast(hn::RebindToFloat<DI>(), hn::Load(di, values));
  } else {
    constexpr size_t kHalf = kCount / 2;
    return hn::Add(SumInPairs<kHalf>(di, values), SumInPairs<kCount - kHalf>(di, values + kHalf * hn::Lanes(di)));
  }
}

// Sum of the two largest of a bitonic list.
template <class DI>
HWY_INLINE hn::Vec<hn::RebindToFloat<DI>> SumOfTwoLargest(DI di, int32_t* HWY_RESTRICT values) {
  const size_t N = hn::Lanes(di);
  // The larger halves of a bitonic list hold its largest values, and are bitonic.
  for (size_t half = 8; half >= 2; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      const auto max = hn::Max(hn::Load(di, values + i * N), hn::Load(di, values + (i + half) * N));
      hn::Store(max, di, values + i * N);
    }
  }
  return SumInPairs<2>(di, values);
}

// Sums of the largest of kNetworkSize candidates in each lane, values[kNetworkSize, Lanes], which it destroys. Relative
// error of the sums below 5e-7, and top5 <= top10 <= top50 always.
template <class DI>
HWY_NOINLINE void SumLargestOfNetwork(DI di, int32_t* HWY_RESTRICT values, float* HWY_RESTRICT top5,
                                      float* HWY_RESTRICT top10, float* HWY_RESTRICT top50) {
  const size_t N = hn::Lanes(di);
  const hn::RebindToFloat<DI> df;
  int32_t* a = values;
  int32_t* b = values + 16 * N;
  int32_t* c = values + 32 * N;
  int32_t* d = values + 48 * N;
  for (size_t i = 0; i < 4; ++i) Sort16(di, values + i * 16 * N);
  SplitSorted<16>(di, a, b);
  SplitSorted<16>(di, c, d);

  // The 16 smallest of all are among b and d; all else, and the two largest of these 16, are the 50 largest.
  auto sum50 = hn::Add(SumInPairs<16>(di, a), SumInPairs<16>(di, c));
  SortBitonic16(di, b);
  SortBitonic16(di, d);
  SplitSorted<16>(di, b, d);
  sum50 = hn::Add(hn::Add(sum50, SumInPairs<16>(di, b)), SumOfTwoLargest(di, d));

  SortBitonic16(di, a);
  SortBitonic16(di, c);
  SplitSorted<16>(di, a, c);
  SortBitonic16(di, a);
  const auto sum5 = SumInPairs<5>(di, a);
  const auto sum10 = hn::Add(sum5, SumInPairs<5>(di, a + 5 * N));
  hn::Store(sum5, df, top5);
  hn::Store(sum10, df, top10);
  hn::Store(hn::Max(sum50, sum10), df, top50);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_NETWORK_INL_H_

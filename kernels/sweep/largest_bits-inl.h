// SPDX-License-Identifier: Apache-2.0
//
// The largest bit pattern of a row of weights, which tells whether the row is an ordinary one.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_LARGEST_BITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_LARGEST_BITS_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_LARGEST_BITS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_LARGEST_BITS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/simd/prefetch-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of weights as float32, unsigned; zero without columns. Prefetches as much at `ahead`.
template <typename T>
HWY_INLINE uint32_t LargestBits(const T* HWY_RESTRICT row, size_t columns, const T* ahead) {
  const SweepFloat df;
  const hn::RebindToUnsigned<SweepFloat> du;
  const size_t N = hn::Lanes(df);
  const auto load = [&](const T* from) HWY_ATTR { return hn::BitCast(du, LoadAsFloat(df, from)); };
  auto max0 = hn::Zero(du);
  auto max1 = hn::Zero(du);
  auto max2 = hn::Zero(du);
  auto max3 = hn::Zero(du);
  size_t i = 0;
  for (; i + 4 * N <= columns; i += 4 * N) {
    for (size_t j = 0; j < 4 * N; j += 64 / sizeof(T)) PrefetchToL2(ahead + i + j);
    max0 = hn::Max(max0, load(row + i));
    max1 = hn::Max(max1, load(row + i + N));
    max2 = hn::Max(max2, load(row + i + 2 * N));
    max3 = hn::Max(max3, load(row + i + 3 * N));
  }
  for (; i + N <= columns; i += N) max0 = hn::Max(max0, load(row + i));
  if (i != columns) {
    T rest[kMaxFloatLanes] = {};
    memcpy(rest, row + i, (columns - i) * sizeof(T));
    max1 = hn::Max(max1, load(rest));
  }
  return hn::GetLane(hn::MaxOfLanes(du, hn::Max(hn::Max(max0, max1), hn::Max(max2, max3))));
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_LARGEST_BITS_INL_H_

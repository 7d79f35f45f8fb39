// SPDX-License-Identifier: Apache-2.0
//
// The exact k-th largest of a few thousand keys, by counting: each step counts how many keys are at or above a pivot.
// Every other pivot halves the range of values, the others are where the k-th would be if keys were spread evenly, so
// that some eight steps do and 64 always; a step reads an array that stays in the L1 cache. Nothing is moved, and no
// branch depends on a single key.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_KTH_LARGEST_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_KTH_LARGEST_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_KTH_LARGEST_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_KTH_LARGEST_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/simd/compress-inl.h"
#include "kernels/top_k/tile_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Keys [0, count) of an aligned array, zeros behind them up to a whole vector.
struct KeyArray {
  const uint32_t* keys;
  size_t count;
};

// How many are at or above `least`, which is above zero.
HWY_INLINE size_t CountAtLeast(const KeyArray& array, uint32_t least) {
  const DU du;
  const size_t N = hn::Lanes(du);
  const auto below = hn::Set(du, least - 1);
  auto even = hn::Zero(du);
  auto odd = hn::Zero(du);
  size_t i = 0;
  for (; i + N < array.count; i += 2 * N) {
    even = hn::Sub(even, hn::VecFromMask(du, hn::Gt(hn::Load(du, array.keys + i), below)));
    odd = hn::Sub(odd, hn::VecFromMask(du, hn::Gt(hn::Load(du, array.keys + i + N), below)));
  }
  if (i < array.count) even = hn::Sub(even, hn::VecFromMask(du, hn::Gt(hn::Load(du, array.keys + i), below)));
  return hn::GetLane(hn::SumOfLanes(du, hn::Add(even, odd)));
}

// The smallest key that is at or above `least`; there is one.
HWY_INLINE uint32_t SmallestAtLeast(const KeyArray& array, uint32_t least) {
  const DU du;
  const auto bound = hn::Set(du, least);
  auto smallest = hn::Set(du, UINT32_MAX);
  for (size_t i = 0; i < array.count; i += hn::Lanes(du)) {
    const auto key = hn::Load(du, array.keys + i);
    smallest = hn::Min(smallest, hn::IfThenElse(hn::Lt(key, bound), smallest, key));
  }
  return hn::GetLane(hn::MinOfLanes(du, smallest));
}

// The smallest and the largest key.
struct KeyExtremes {
  uint32_t smallest;
  uint32_t largest;
};
HWY_INLINE KeyExtremes ExtremesOf(const KeyArray& array) {
  const DU du;
  const size_t N = hn::Lanes(du);
  auto smallest = hn::Set(du, UINT32_MAX);
  auto largest = hn::Zero(du);
  size_t i = 0;
  for (; i + N <= array.count; i += N) {
    const auto key = hn::Load(du, array.keys + i);
    smallest = hn::Min(smallest, key);
    largest = hn::Max(largest, key);
  }
  if (i != array.count) {
    const auto key = hn::Load(du, array.keys + i);
    largest = hn::Max(largest, key);
    smallest = hn::IfThenElse(hn::FirstN(du, array.count - i), hn::Min(smallest, key), smallest);
  }
  return {hn::GetLane(hn::MinOfLanes(du, smallest)), hn::GetLane(hn::MaxOfLanes(du, largest))};
}

// Keys in the range of the k-th that are ranked one by one.
inline constexpr size_t kFewKeys = 48;

// The k-th largest of the keys in [low, high), which are at most kFewKeys; `low` is above zero.
HWY_INLINE uint32_t KthLargestOfFew(const KeyArray& array, uint32_t low, uint32_t high, size_t k) {
  const DU du;
  const size_t N = hn::Lanes(du);
  HWY_ALIGN_MAX uint32_t few[kFewKeys + 2 * kMaxFloatLanes];
  const auto from = hn::Set(du, low);
  const auto to = hn::Set(du, high);
  size_t count = 0;
  for (size_t i = 0; i < array.count; i += N) {
    const auto key = hn::Load(du, array.keys + i);
    const auto inside = hn::AndNot(hn::Lt(key, from), hn::Lt(key, to));
    if (hn::AllFalse(du, inside)) continue;
    hn::StoreU(CompressWords(du, key, inside), du, few + count);
    count += hn::CountTrue(du, inside);
  }
  hn::StoreU(hn::Zero(du), du, few + count);
  const auto rank = hn::Set(du, static_cast<uint32_t>(k));
  auto smallest = hn::Set(du, UINT32_MAX);
  for (size_t i = 0; i < count; i += N) {
    const auto key = hn::Load(du, few + i);
    auto larger = hn::Zero(du);
    for (size_t j = 0; j < count; ++j) {
      larger = hn::Sub(larger, hn::VecFromMask(du, hn::Gt(hn::Set(du, few[j]), key)));
    }
    smallest = hn::Min(smallest, hn::IfThenElse(hn::Lt(larger, rank), key, smallest));
  }
  return hn::GetLane(hn::MinOfLanes(du, smallest));
}

// The k-th largest key, k from 1 to the number of keys. O(keys), at most 66 reads of them.
inline HWY_NOINLINE uint32_t KthLargest(const KeyArray& array, size_t k) {
  const KeyExtremes extremes = ExtremesOf(array);
  // The k-th is in [low, high): so many keys are at or above each.
  uint32_t low = extremes.smallest;
  uint32_t high = extremes.largest;
  if (low == high) return low;
  size_t above_low = array.count;
  size_t above_high = CountAtLeast(array, high);
  if (above_high >= k) return high;
  for (bool halve = false; high - low > 1; halve = !halve) {
    if (low != 0 && above_low - above_high <= kFewKeys) return KthLargestOfFew(array, low, high, k - above_high);
    const double share =
        halve ? 0.5 : (static_cast<double>(above_low - k) + 0.5) / static_cast<double>(above_low - above_high);
    const double step = share * static_cast<double>(high - low);
    const uint32_t pivot = HWY_MIN(HWY_MAX(low + static_cast<uint32_t>(step), low + 1), high - 1);
    const size_t above = CountAtLeast(array, pivot);
    if (above == k) return SmallestAtLeast(array, pivot);
    if (above > k) {
      low = pivot;
      above_low = above;
    } else {
      high = pivot;
      above_high = above;
    }
  }
  return low;
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_KTH_LARGEST_INL_H_

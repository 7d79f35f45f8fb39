// SPDX-License-Identifier: Apache-2.0
#include "kernels/maps/pool_row.h"

#include <stddef.h>
#include <stdint.h>

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/maps/pool_row.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What is neither NaN nor infinite nor negative; negative zero is a zero.
HWY_INLINE bool IsWeight(float weight) { return weight >= 0.0f && weight <= std::numeric_limits<float>::max(); }

// The largest of `count` weights, or NaN if one of them is none. Four streams hide the latency of the maximum.
template <typename T>
HWY_INLINE float LargestOf(const T* HWY_RESTRICT weights, size_t count) {
  const hn::ScalableTag<float> df;
  const hn::CappedTag<float, 1> d1;
  const size_t N = hn::Lanes(df);
  const auto most = hn::Set(df, std::numeric_limits<float>::max());
  auto largest = hn::Zero(df);
  auto largest1 = largest;
  auto largest2 = largest;
  auto largest3 = largest;
  auto is_good = hn::Ge(largest, largest);
  const auto take = [&](size_t i, auto& to) HWY_ATTR {
    const auto weight = LoadAsFloat(df, weights + i);
    is_good = hn::And(is_good, hn::And(hn::Ge(weight, hn::Zero(df)), hn::Le(weight, most)));
    to = hn::Max(to, weight);
  };
  size_t i = 0;
  for (; i + 4 * N <= count; i += 4 * N) {
    take(i, largest);
    take(i + N, largest1);
    take(i + 2 * N, largest2);
    take(i + 3 * N, largest3);
  }
  for (; i + N <= count; i += N) take(i, largest);
  largest = hn::Max(hn::Max(largest, largest1), hn::Max(largest2, largest3));
  float result = hn::GetLane(hn::MaxOfLanes(df, largest));
  bool all_good = hn::AllTrue(df, is_good);
  for (; i < count; ++i) {
    const float weight = hn::GetLane(LoadAsFloat(d1, weights + i));
    all_good &= IsWeight(weight);
    result = HWY_MAX(result, weight);
  }
  return all_good ? result : std::numeric_limits<float>::quiet_NaN();
}

// The same of those that are shown; kHiddenCell if none is. Masks mostly show or hide long runs.
template <typename T>
HWY_INLINE float LargestShown(const T* HWY_RESTRICT weights, const uint8_t* HWY_RESTRICT shown, size_t count) {
  float result = -1.0f;
  for (size_t begin = 0; begin < count;) {
    if (shown[begin] == 0) {
      ++begin;
      continue;
    }
    size_t end = begin + 1;
    while (end < count && shown[end] != 0) ++end;
    const float largest = LargestOf(weights + begin, end - begin);
    if (largest != largest) return largest;
    result = HWY_MAX(result, largest);
    begin = end;
  }
  return result;
}

template <typename T>
void PoolRowT(const T* HWY_RESTRICT weights, const KeyRange& range, const uint8_t* HWY_RESTRICT shown,
              const CellRow& to) {
  for (size_t begin = range.begin, cell = CellOf(begin, to.columns, to.keys); begin < range.end; ++cell) {
    const size_t end = HWY_MIN(FirstOfCell(cell + 1, to.columns, to.keys), range.end);
    const size_t offset = begin - range.begin;
    const float largest = shown == nullptr ? LargestOf(weights + offset, end - begin)
                                           : LargestShown(weights + offset, shown + offset, end - begin);
    float& old = to.cells[cell];
    if (largest != largest || largest > old) old = largest;  // NaN stays: nothing is larger
    begin = end;
  }
}

void PoolRow(const void* weights, ElementType type, const KeyRange& range, const uint8_t* shown, const CellRow& to) {
  WithElements(weights, type, [&](const auto* elements) HWY_ATTR { PoolRowT(elements, range, shown, to); });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(PoolRow);

void PoolRow(const void* weights, ElementType type, const KeyRange& range, const uint8_t* shown, const CellRow& to) {
  if (!range.empty()) HWY_DYNAMIC_DISPATCH(PoolRow)(weights, type, range, shown, to);
}

}  // namespace attnscope
#endif  // HWY_ONCE

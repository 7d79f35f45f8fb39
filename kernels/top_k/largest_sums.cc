// SPDX-License-Identifier: Apache-2.0
#include "kernels/top_k/largest_sums.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/copy_row.h"
#include "kernels/sweep/slow_row.h"
#include "kernels/top_k/top_candidates.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/top_k/largest_sums.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/top_k/running_top-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of float32 patterns keys[0, count), in float64; zeros follow up to a whole vector.
HWY_INLINE double SumOfWeights(const uint32_t* HWY_RESTRICT keys, size_t count) {
  const hn::ScalableTag<double> dd;
  const float* weights = reinterpret_cast<const float*>(keys);
  auto sum = hn::Zero(dd);
  for (size_t i = 0; i < count; i += hn::Lanes(dd)) sum = hn::Add(sum, LoadAsDouble(dd, weights + i));
  return hn::GetLane(hn::SumOfLanes(dd, sum));
}

// The sums of the candidates, weights as patterns, which are the `count` largest of a row: from the largest k down,
// each selection is one of what the last has left.
HWY_INLINE void SumCandidates(TopCandidates& candidates, size_t count, std::span<const uint32_t> k,
                              double* HWY_RESTRICT sums) {
  for (size_t i = k.size(); i-- > 0;) {
    if (k[i] < count) {
      KeepLargest<false>(candidates, count, k[i]);
      count = k[i];
      hn::StoreU(hn::Zero(DU()), DU(), candidates.keys + count);
    }
    sums[i] = SumOfWeights(candidates.keys, count);
  }
  for (size_t i = 1; i < k.size(); ++i) sums[i] = HWY_MAX(sums[i], sums[i - 1]);
}

// Columns that are copied as float32 at once, which stay in the L1 cache.
inline constexpr size_t kCopiedColumns = 1024;

// Leaves the k largest weights of a row among the candidates; returns how many they are. With `no_signs`, negative
// zeros are zeros. Half types are widened first, so that one instance of the selection does for all.
HWY_NOINLINE inline size_t FindLargestWeights(const WeightsRow& row, ElementType type, bool no_signs, size_t k,
                                              TopCandidates& candidates) {
  RunningTop<WeightOrder, false> top(k, candidates);
  const bool in_place = type == ElementType::kFloat32 && !no_signs;
  const size_t at_once = in_place ? row.columns : kCopiedColumns;
  for (size_t first = 0; first < row.columns; first += at_once) {
    HWY_ALIGN_MAX float copy[kCopiedColumns];
    const size_t count = HWY_MIN(at_once, row.columns - first);
    const void* from = ElementAt(row.data, type, first);
    if (!in_place) CopyRow(from, type, count, copy);
    for (size_t i = 0; no_signs && i < count; ++i) copy[i] += 0.0f;
    top.Add(in_place ? static_cast<const float*>(from) : copy, count, first);
  }
  return top.Finish();
}

// Of a row with what is no ordinary weight: NaN if that is none at all, else as of others, and so whether there are
// negative zeros, whose patterns are above all weights.
HWY_INLINE void SumRow(const WeightsRow& row, ElementType type, std::span<const uint32_t> k, TopCandidates& candidates,
                       double* HWY_RESTRICT sums) {
  size_t count = FindLargestWeights(row, type, false, k.back(), candidates);
  const uint32_t largest = count == 0 ? 0 : ExtremesOf({candidates.keys, count}).largest;
  if (HWY_UNLIKELY(largest > kMaxFastBits)) {
    if (!IsValidRow(row.data, type, row.columns)) {
      for (size_t i = 0; i < k.size(); ++i) sums[i] = NAN;
      return;
    }
    count = FindLargestWeights(row, type, true, k.back(), candidates);
  }
  SumCandidates(candidates, count, k, sums);
}

void SumLargest(ElementType type, std::span<const WeightsRow> rows, std::span<const uint32_t> k, double* sums) {
  TopCandidates candidates;
  for (const WeightsRow& row : rows) {
    SumRow(row, type, k, candidates, sums);
    sums += k.size();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {

HWY_EXPORT(SumLargest);

void SumLargest(ElementType type, std::span<const WeightsRow> rows, std::span<const uint32_t> k, double* sums) {
  HWY_DYNAMIC_DISPATCH(SumLargest)(type, rows, k, sums);
}

}  // namespace attnscope
#endif  // HWY_ONCE

// SPDX-License-Identifier: Apache-2.0
#include "kernels/top_k/largest_sums.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

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

// Of a row with what is no ordinary weight: NaN if that is none at all, else as of others, by numbers instead of
// patterns.
template <typename T>
HWY_NOINLINE void SumSlowRow(const T* HWY_RESTRICT row, size_t columns, ElementType type, std::span<const uint32_t> k,
                             TopCandidates& candidates, double* HWY_RESTRICT sums) {
  if (!IsValidRow(row, type, columns)) {
    for (size_t i = 0; i < k.size(); ++i) sums[i] = NAN;
    return;
  }
  RunningTop<NumberOrder, false> top(k.back(), candidates);
  top.Add(row, columns, 0);
  const size_t count = top.Finish();
  for (size_t i = 0; i < count; ++i) candidates.keys[i] = NumberOrder::Pattern(candidates.keys[i]);
  SumCandidates(candidates, count, k, sums);
}

template <typename T>
HWY_INLINE void SumRow(const T* HWY_RESTRICT row, size_t columns, ElementType type, std::span<const uint32_t> k,
                       TopCandidates& candidates, double* HWY_RESTRICT sums) {
  RunningTop<WeightOrder, false> top(k.back(), candidates);
  top.Add(row, columns, 0);
  const size_t count = top.Finish();
  const uint32_t largest = count == 0 ? 0 : ExtremesOf({candidates.keys, count}).largest;
  if (HWY_LIKELY(largest <= kMaxFastBits)) {
    SumCandidates(candidates, count, k, sums);
  } else {
    SumSlowRow(row, columns, type, k, candidates, sums);
  }
}

void SumLargest(ElementType type, std::span<const WeightsRow> rows, std::span<const uint32_t> k, double* sums) {
  TopCandidates candidates;
  for (const WeightsRow& row : rows) {
    WithElements(row.data, type,
                 [&](const auto* data) HWY_ATTR { SumRow(data, row.columns, type, k, candidates, sums); });
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

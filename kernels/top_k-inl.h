// SPDX-License-Identifier: Apache-2.0
//
// The exact sums of a row's 5, 10 and 50 largest weights, from a filter that looks at few weights twice. Weights are
// handled as their bit patterns, which for weights >= 0 order as the weights do. Included per target by
// weights_sweep.cc.
//
// A tile's group maxima give a lower bound for the 50th largest weight; only groups whose maximum is above it are
// looked at again, and their weights above it become candidates. Weights equal to the bound are never collected: the
// sum of the k largest is the sum of the candidates among them, filled up to k by the bound. That is exact, since at
// least 50 weights are >= the bound, and rows of equal weights cost nothing.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/load-inl.h"
#include "kernels/row_sums.h"
#include "kernels/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kTopK = 50;  // the largest k

// Values > bound among values[0, count), count a multiple of Lanes.
template <class DI>
HWY_INLINE size_t CountAbove(DI di, const int32_t* HWY_RESTRICT values, size_t count, int32_t bound) {
  const auto limit = hn::Set(di, bound);
  size_t above = 0;
  for (size_t i = 0; i < count; i += hn::Lanes(di)) {
    above += hn::CountTrue(di, hn::Gt(hn::Load(di, values + i), limit));
  }
  return above;
}

template <class DI>
HWY_INLINE int32_t MaxOf(DI di, const int32_t* HWY_RESTRICT values, size_t count) {
  auto max = hn::Zero(di);
  for (size_t i = 0; i < count; i += hn::Lanes(di)) max = hn::Max(max, hn::Load(di, values + i));
  return hn::GetLane(hn::MaxOfLanes(di, max));
}

// Largest of values[0, count), at least one vector, as unsigned numbers.
template <class DU>
HWY_INLINE uint32_t MaxBits(DU du, const uint32_t* HWY_RESTRICT values, size_t count) {
  auto max = hn::Load(du, values);
  for (size_t i = hn::Lanes(du); i < count; i += hn::Lanes(du)) max = hn::Max(max, hn::Load(du, values + i));
  return hn::GetLane(hn::MaxOfLanes(du, max));
}

struct Threshold {
  int32_t value;
  size_t above;  // values > value
};

// Bisects the bit patterns for a threshold with `enough` values or a few more (at most `most`) above it. If ties leave
// none, the `enough`-th largest value itself, with fewer above it. `low` must have at least `enough` values above it.
// At most 31 steps.
template <class DI>
HWY_INLINE Threshold FindThreshold(DI di, const int32_t* HWY_RESTRICT values, size_t count, size_t enough, size_t most,
                                   Threshold low) {
  int32_t high = MaxOf(di, values, count);
  size_t above_high = 0;
  while (low.above > most && high - low.value > 1) {
    const int32_t middle = low.value + (high - low.value) / 2;
    const size_t above = CountAbove(di, values, count, middle);
    if (above >= enough) {
      low = {middle, above};
    } else {
      high = middle;
      above_high = above;
    }
  }
  // `high` and `low` touch: all values between are equal to `high`.
  if (low.above > most) return {high, above_high};
  return low;
}

// Appends the values > bound among values[0, count) at `to`, which may be `values` itself; writes up to Lanes values
// more than it returns. Compress and an ordinary store: CompressStore is microcoded on some CPUs (Zen 4).
template <class DI>
HWY_INLINE size_t CompressAbove(DI di, const int32_t* values, size_t count, int32_t bound, int32_t* to) {
  const auto limit = hn::Set(di, bound);
  size_t written = 0;
  for (size_t i = 0; i < count; i += hn::Lanes(di)) {
    const auto value = hn::LoadU(di, values + i);
    const auto above = hn::Gt(value, limit);
    hn::StoreU(hn::Compress(value, above), di, to + written);
    written += hn::CountTrue(di, above);
  }
  return written;
}

// Pads by zeros to whole vectors; returns the padded count.
template <class DI>
HWY_INLINE size_t PadByZeros(DI di, int32_t* values, size_t count) {
  hn::StoreU(hn::Zero(di), di, values + count);
  return hwy::RoundUpTo(count, hn::Lanes(di));
}

// Forgets candidates that a raised bound has overtaken.
template <class DI>
HWY_INLINE void DropBelowBound(DI di, Candidates& candidates) {
  const size_t padded = PadByZeros(di, candidates.weights, candidates.count);
  candidates.count = CompressAbove(di, candidates.weights, padded, candidates.bound, candidates.weights);
}

// Keeps at most `most` candidates, at least the `enough` largest but for those equal to the new bound.
template <class DI>
HWY_INLINE void DropWeakest(DI di, size_t enough, size_t most, Candidates& candidates) {
  if (candidates.count <= most) return;
  const size_t padded = PadByZeros(di, candidates.weights, candidates.count);
  const Threshold low = {candidates.bound, candidates.count};
  candidates.bound = FindThreshold(di, candidates.weights, padded, enough, most, low).value;
  DropBelowBound(di, candidates);
}

// Makes room in a full buffer.
template <class DI>
HWY_NOINLINE void Shrink(DI di, Candidates& candidates) {
  DropBelowBound(di, candidates);
  DropWeakest(di, kTopK, 2 * kTopK, candidates);
}

// The maxima of a tile, reduced to at most 256 (or one vector): the 50th largest of these is only slightly smaller than
// the 50th largest of all.
inline constexpr size_t kCoarseMaxima = HWY_MAX(size_t{256}, kMaxFloatLanes);

// Reduces group_max[0, count), returns how many coarse maxima there are.
template <class DU>
HWY_INLINE size_t CoarsenMaxima(DU du, const uint32_t* HWY_RESTRICT group_max, size_t count,
                                uint32_t* HWY_RESTRICT coarse) {
  const size_t used = HWY_MIN(kCoarseMaxima, count);
  for (size_t i = 0; i < used; i += hn::Lanes(du)) {
    auto max = hn::Load(du, group_max + i);
    for (size_t j = i + kCoarseMaxima; j < count; j += kCoarseMaxima) max = hn::Max(max, hn::Load(du, group_max + j));
    hn::Store(max, du, coarse + i);
  }
  return used;
}

// Raises the bound where one tile alone has 50 weights above it; without this, rows that ascend would collect every
// weight.
template <class DI>
HWY_INLINE void RaiseBound(DI di, const int32_t* HWY_RESTRICT coarse, size_t count, Candidates& candidates) {
  constexpr size_t kMost = kTopK + kTopK / 4;
  const size_t above = CountAbove(di, coarse, count, candidates.bound);
  if (above <= kMost) return;
  candidates.bound = FindThreshold(di, coarse, count, kTopK, kMost, {candidates.bound, above}).value;
}

// Collects the candidates of one tile of one row: groups [begin, end) of `trip`, whose maxima stand at `group_max`.
template <typename T, class Trip>
HWY_INLINE void CollectCandidates(const Trip& trip, size_t row, size_t begin, size_t end,
                                  const uint32_t* HWY_RESTRICT group_max, Candidates& candidates) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const size_t N = hn::Lanes(df);
  for (size_t group = begin; group < end; ++group) {
    auto limit = hn::Set(di, candidates.bound);
    const auto max = hn::BitCast(di, hn::Load(hn::RebindToUnsigned<decltype(di)>(), group_max + (group - begin) * N));
    if (HWY_LIKELY(hn::AllFalse(di, hn::Gt(max, limit)))) continue;
    if (HWY_UNLIKELY(candidates.count + 4 * N > kMaxCandidates)) {
      Shrink(di, candidates);
      limit = hn::Set(di, candidates.bound);
    }
    const T* HWY_RESTRICT from = trip.Group(row, group);
    for (size_t i = 0; i < 4; ++i) {
      const auto weight = hn::BitCast(di, LoadAsFloat(df, from + i * N));
      const auto above = hn::Gt(weight, limit);
      hn::StoreU(hn::Compress(weight, above), di, candidates.weights + candidates.count);
      candidates.count += hn::CountTrue(di, above);
    }
  }
}

// Sum of the weights whose bit patterns are values[0, count), padded by zeros to whole vectors. In float64.
HWY_INLINE double SumOfWeights(const int32_t* HWY_RESTRICT values, size_t padded) {
  const hn::ScalableTag<double> dd;
  auto sum = hn::Zero(dd);
  for (size_t i = 0; i < padded; i += hn::Lanes(dd)) {
    const hn::Rebind<int32_t, decltype(dd)> dh;
    const hn::Rebind<float, decltype(dd)> dhf;
    sum = hn::Add(sum, hn::PromoteTo(dd, hn::BitCast(dhf, hn::LoadU(dh, values + i))));
  }
  return hn::GetLane(hn::SumOfLanes(dd, sum));
}

// Sum of the k largest weights of the row. Leaves only candidates above the k-th largest, so k must not grow from one
// call to the next.
template <class DI>
HWY_INLINE double SumOfLargest(DI di, size_t k, Candidates& candidates) {
  DropWeakest(di, k, k, candidates);
  const size_t padded = PadByZeros(di, candidates.weights, candidates.count);
  const hn::ScalableTag<float> df;
  const float bound = hn::GetLane(hn::BitCast(df, hn::Set(di, candidates.bound)));
  return SumOfWeights(candidates.weights, padded) +
         static_cast<double>(k - candidates.count) * static_cast<double>(bound);
}

HWY_INLINE void SumTopK(Candidates& candidates, RowMeasures& row) {
  const hn::ScalableTag<int32_t> di;
  DropBelowBound(di, candidates);
  row.top50 = SumOfLargest(di, 50, candidates);
  row.top10 = SumOfLargest(di, 10, candidates);
  row.top5 = SumOfLargest(di, 5, candidates);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_INL_H_

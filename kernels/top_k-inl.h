// SPDX-License-Identifier: Apache-2.0
//
// The exact sums of each row's 5, 10 and 50 largest weights, from a filter that looks at few weights twice. Weights are
// handled as their bit patterns, which for weights >= 0 order as the weights do. Included per target by
// weights_sweep.cc.
//
// A tile's group maxima give a lower bound for the 50th largest weight; only groups whose maximum is above it are
// looked at again, and their weights above it become candidates. Weights equal to the bound are never collected: the
// sum of the k largest is that of the candidates, filled up to k by the bound. That is exact, since at least 50 weights
// are >= the bound, and rows of equal weights cost nothing.
//
// What is collected depends on the row alone, not on its neighbours, so that results do not depend on how rows are cut
// into calls.

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
#include "kernels/row_tile-inl.h"
#include "kernels/sweep_workspace.h"
#include "kernels/top_k_network-inl.h"

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

// The search for a threshold with `enough` values or a few more (at most `most`) above it.
struct Search {
  const int32_t* values;  // a multiple of Lanes
  size_t count;
  int32_t low;  // at least `enough` values are above
  size_t above_low;
  int32_t high;        // fewer than `enough` are above
  int32_t* threshold;  // where the result goes
};

// Bisects bit patterns, for several rows side by side, as one row's steps wait for one another. If ties leave no such
// threshold, the result is the `enough`-th largest value itself, which fewer values are above. At most 31 steps.
template <class DI>
HWY_INLINE void FindThresholds(DI di, size_t enough, size_t most, Search* HWY_RESTRICT searches, size_t num) {
  while (num != 0) {
    size_t unfinished = 0;
    for (size_t i = 0; i < num; ++i) {
      Search search = searches[i];
      const int32_t middle = search.low + (search.high - search.low) / 2;
      const size_t above = CountAbove(di, search.values, search.count, middle);
      const bool raise = above >= enough;
      search.low = raise ? middle : search.low;
      search.above_low = raise ? above : search.above_low;
      search.high = raise ? search.high : middle;
      const bool found = search.above_low <= most;
      // Once `low` and `high` touch, all values between them equal `high`.
      *search.threshold = found ? search.low : search.high;
      searches[unfinished] = search;
      unfinished += found || search.high - search.low <= 1 ? 0 : 1;
    }
    num = unfinished;
  }
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

// Keeps at most `most` candidates of each row: at least the `enough` largest but for those equal to the new bound.
template <class DI>
HWY_NOINLINE void DropWeakest(DI di, size_t enough, size_t most, Candidates* HWY_RESTRICT rows, size_t num_rows) {
  const hn::RebindToUnsigned<DI> du;
  Search searches[kRowsPerBlock];
  size_t num_searches = 0;
  uint8_t full[kRowsPerBlock];
  size_t num_full = 0;
  for (size_t row = 0; row < num_rows; ++row) {
    Candidates& candidates = rows[row];
    if (candidates.count <= most) continue;
    full[num_full++] = static_cast<uint8_t>(row);
    hn::StoreU(hn::Zero(di), di, candidates.weights + candidates.count);
    const size_t padded = hwy::RoundUpTo(candidates.count, hn::Lanes(di));
    auto max = hn::Zero(di);
    // The smallest but for padding, less one: zeros wrap around.
    auto below = hn::Set(du, UINT32_MAX);
    for (size_t i = 0; i < padded; i += hn::Lanes(di)) {
      const auto value = hn::Load(di, candidates.weights + i);
      max = hn::Max(max, value);
      below = hn::Min(below, hn::BitCast(du, hn::Sub(value, hn::Set(di, 1))));
    }
    const int32_t low = HWY_MAX(candidates.bound, static_cast<int32_t>(hn::GetLane(hn::MinOfLanes(du, below))));
    // A raised bound may have overtaken older candidates.
    const size_t above = CountAbove(di, candidates.weights, padded, low);
    if (above <= most) continue;
    const int32_t high = hn::GetLane(hn::MaxOfLanes(di, max));
    searches[num_searches++] = {candidates.weights, padded, low, above, high, &candidates.bound};
  }
  FindThresholds(di, enough, most, searches, num_searches);
  for (size_t i = 0; i < num_full; ++i) {
    Candidates& candidates = rows[full[i]];
    const size_t padded = hwy::RoundUpTo(candidates.count, hn::Lanes(di));
    candidates.count = CompressAbove(di, candidates.weights, padded, candidates.bound, candidates.weights);
  }
}

// The group maxima of one tile of one row, reduced to at most kCoarseMaxima: the 50th largest of these is only slightly
// smaller than the 50th largest of all.
struct CoarseMaxima {
  HWY_ALIGN_MAX uint32_t maxima[kCoarseMaxima];
  size_t count;
  uint32_t max;  // the largest and the smallest of them, as unsigned numbers
  uint32_t min;
};

template <class DU>
HWY_INLINE void Coarsen(DU du, const uint32_t* HWY_RESTRICT group_max, size_t count, CoarseMaxima& coarse) {
  auto largest = hn::Zero(du);
  auto smallest = hn::Set(du, 0xFFFFFFFFu);
  coarse.count = HWY_MIN(kCoarseMaxima, count);
  for (size_t i = 0; i < coarse.count; i += hn::Lanes(du)) {
    auto max = hn::Load(du, group_max + i);
    for (size_t j = i + kCoarseMaxima; j < count; j += kCoarseMaxima) max = hn::Max(max, hn::Load(du, group_max + j));
    hn::Store(max, du, coarse.maxima + i);
    largest = hn::Max(largest, max);
    smallest = hn::Min(smallest, max);
  }
  coarse.max = hn::GetLane(hn::MaxOfLanes(du, largest));
  coarse.min = hn::GetLane(hn::MinOfLanes(du, smallest));
}

// Raises the bounds of rows of which one tile alone has 50 weights above it; without this, rows that ascend would
// collect every weight. Afterwards at most kMostAbove coarse maxima of a row are above its bound.
inline constexpr size_t kMostAbove = kTopK + kTopK / 4;

HWY_NOINLINE void RaiseBounds(const CoarseMaxima* HWY_RESTRICT coarse, size_t num_rows,
                              Candidates* HWY_RESTRICT candidates) {
  const hn::ScalableTag<int32_t> di;
  Search searches[kRowsPerTrip];
  size_t num_searches = 0;
  for (size_t row = 0; row < num_rows; ++row) {
    // A weight with a sign leaves the row to the careful path; as int32_t it is no upper end of a search.
    if (coarse[row].count <= kMostAbove || coarse[row].max > INT32_MAX) continue;
    const int32_t* maxima = reinterpret_cast<const int32_t*>(coarse[row].maxima);
    const int32_t low = HWY_MAX(candidates[row].bound, static_cast<int32_t>(coarse[row].min) - 1);
    const size_t above = CountAbove(di, maxima, coarse[row].count, low);
    if (above <= kMostAbove) continue;
    searches[num_searches++] = {
        maxima, coarse[row].count, low, above, static_cast<int32_t>(coarse[row].max), &candidates[row].bound};
  }
  FindThresholds(di, kTopK, kMostAbove, searches, num_searches);
}

// Appends the weights > bound of one group.
template <class DF, typename T>
HWY_INLINE size_t CollectGroup(DF df, const T* HWY_RESTRICT from, hn::Vec<hn::RebindToSigned<DF>> bound,
                               int32_t* HWY_RESTRICT to) {
  const hn::RebindToSigned<DF> di;
  const size_t N = hn::Lanes(df);
  size_t count = 0;
  for (size_t i = 0; i < 4; ++i) {
    const auto weight = hn::BitCast(di, LoadAsFloat(df, from + i * N));
    const auto above = hn::Gt(weight, bound);
    hn::StoreU(hn::Compress(weight, above), di, to + count);
    count += hn::CountTrue(di, above);
  }
  return count;
}

// Collects the candidates of one tile of one row: groups [begin, end) of `trip`, whose maxima stand at `group_max`.
template <typename T>
HWY_INLINE void CollectCandidates(const TripRows<T>& trip, size_t row, size_t begin, size_t end,
                                  const uint32_t* HWY_RESTRICT group_max, Candidates& candidates) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> di;
  const size_t N = hn::Lanes(df);
  const auto bound = hn::Set(di, candidates.bound);
  // First the groups with a candidate, without a branch that half of them would mispredict.
  uint16_t groups[kTileColumns / 4];
  size_t num_groups = 0;
  for (size_t i = 0; i < end - begin; ++i) {
    const auto max = hn::BitCast(di, hn::Load(hn::RebindToUnsigned<decltype(di)>(), group_max + i * N));
    groups[num_groups] = static_cast<uint16_t>(i);
    num_groups += hn::AllFalse(di, hn::Gt(max, bound)) ? 0 : 1;
  }
  size_t count = candidates.count;
  for (size_t i = 0; i < num_groups; ++i) {
    count += CollectGroup(df, trip.Group(row, begin + groups[i]), bound, candidates.weights + count);
  }
  candidates.count = count;
}

// Transposes `count` candidates (a multiple of 16) of Lanes rows: to[count, Lanes]. Interleaving fours of rows, and
// then fours or pairs of these, is a transposition if the rows are taken in steps of Lanes / 4.
template <class DI>
HWY_INLINE void TransposeCandidates(DI di, Candidates* const* rows, size_t count, int32_t* HWY_RESTRICT to) {
  const size_t N = hn::Lanes(di);
  if (N != 4 && N != 8 && N != 16) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t row = 0; row < N; ++row) to[i * N + row] = rows[row]->weights[i];
    }
    return;
  }
  const size_t step = N / 4;
  HWY_ALIGN_MAX int32_t fours[4][4 * 16];
  for (size_t i = 0; i < count; i += N) {
    for (size_t j = 0; j < step; ++j) {
      hn::StoreInterleaved4(hn::Load(di, rows[j]->weights + i), hn::Load(di, rows[j + step]->weights + i),
                            hn::Load(di, rows[j + 2 * step]->weights + i),
                            hn::Load(di, rows[j + 3 * step]->weights + i), di, step == 1 ? to + i * N : fours[j]);
    }
    for (size_t k = 0; k < 4 && step != 1; ++k) {
      int32_t* out = to + i * N + k * step * N;
      if (step == 2) {
        hn::StoreInterleaved2(hn::Load(di, fours[0] + k * N), hn::Load(di, fours[1] + k * N), di, out);
      } else {
        hn::StoreInterleaved4(hn::Load(di, fours[0] + k * N), hn::Load(di, fours[1] + k * N),
                              hn::Load(di, fours[2] + k * N), hn::Load(di, fours[3] + k * N), di, out);
      }
    }
  }
}

// Sums of the largest weights of Lanes rows with at most kCount candidates each; lanes from num_rows on repeat a row.
template <size_t kCount, class DI>
HWY_INLINE void SumTopKOfLanes(DI di, Candidates* const* rows, RowMeasures* const* measures, size_t num_rows) {
  const size_t N = hn::Lanes(di);
  HWY_ALIGN_MAX int32_t network[kCount * kMaxFloatLanes];
  HWY_ALIGN_MAX float top5[kMaxFloatLanes];
  HWY_ALIGN_MAX float top10[kMaxFloatLanes];
  HWY_ALIGN_MAX float top50[kMaxFloatLanes];
  for (size_t row = 0; row < num_rows; ++row) {
    for (size_t i = rows[row]->count; i < kCount; i += N) {
      hn::StoreU(hn::Set(di, rows[row]->bound), di, rows[row]->weights + i);
    }
  }
  TransposeCandidates(di, rows, kCount, network);
  if constexpr (kCount > kNetworkSize) KeepLargerHalf(di, network);
  SumLargestOfNetwork(di, network, top5, top10, top50);
  for (size_t row = 0; row < num_rows; ++row) {
    measures[row]->top5 = static_cast<double>(top5[row]);
    measures[row]->top10 = static_cast<double>(top10[row]);
    measures[row]->top50 = static_cast<double>(top50[row]);
  }
}

// Rows with more than `least` and at most kCount candidates, Lanes of them at a time. Which network a row goes through
// depends on the row alone.
template <size_t kCount>
HWY_INLINE void SumTopKOfSize(size_t least, Candidates* HWY_RESTRICT candidates, size_t num_rows,
                              RowMeasures* HWY_RESTRICT measures) {
  const hn::ScalableTag<int32_t> di;
  const size_t N = hn::Lanes(di);
  Candidates* rows[kMaxFloatLanes];
  RowMeasures* results[kMaxFloatLanes];
  size_t waiting = 0;
  for (size_t row = 0; row < num_rows; ++row) {
    if (candidates[row].count >= least && candidates[row].count <= kCount) {
      rows[waiting] = &candidates[row];
      results[waiting++] = &measures[row];
    }
    if (waiting == N || (waiting != 0 && row + 1 == num_rows)) {
      for (size_t lane = waiting; lane < N; ++lane) rows[lane] = rows[0];
      SumTopKOfLanes<kCount>(di, rows, results, waiting);
      waiting = 0;
    }
  }
}

// Sums of the largest weights of up to kRowsPerBlock rows whose candidates are complete.
HWY_NOINLINE void SumTopK(Candidates* HWY_RESTRICT candidates, size_t num_rows, RowMeasures* HWY_RESTRICT measures) {
  DropWeakest(hn::ScalableTag<int32_t>(), kTopK, 2 * kNetworkSize, candidates, num_rows);
  SumTopKOfSize<kNetworkSize>(0, candidates, num_rows, measures);
  SumTopKOfSize<2 * kNetworkSize>(kNetworkSize + 1, candidates, num_rows, measures);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_INL_H_

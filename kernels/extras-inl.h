// SPDX-License-Identifier: Apache-2.0
//
// The second look at a tile: finds the weights above a row's bound that share a slot with a larger one, the extras of
// top_k-inl.h. Weights are handled as their bit patterns. Included per target by weights_sweep.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_EXTRAS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_EXTRAS_INL_H_
#undef ATTNSCOPE_KERNELS_EXTRAS_INL_H_
#else
#define ATTNSCOPE_KERNELS_EXTRAS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <utility>

#include "hwy/highway.h"
#include "kernels/sweep_workspace.h"
#include "kernels/tile_vectors-inl.h"
#include "kernels/top_k_network-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Extras of a row are the weights above the bound, but for one in each slot that is the slot's maximum. A pair is two
// vectors of one slot vector (SlotMasks), of neighbouring laps of kSlots columns. For each pair, one bit a lane: where
// the larger weight is the one that the slot counted, and where another one is an extra. Pairs are numbered in strands
// of eight slot vectors, lap by lap, so that rows are read as they stand in memory.
inline constexpr size_t kStrand = 8;

// Finds one pair's bits. What equals the slot's maximum from here on is an extra.
template <size_t kIndex>
HWY_INLINE void LookAtPair(hn::Vec<DI> a, hn::Vec<DI> b, hn::Vec<DI> bound, List<DI>& max, PairBits& bits,
                           size_t pair) {
  const DI di;
  const auto larger = hn::Max(a, b);
  const auto holds = hn::Eq(larger, max.Get(kIndex));
  const auto other = hn::IfThenElse(holds, hn::Min(a, b), larger);
  hn::StoreMaskBits(di, hn::Gt(other, bound), bits.extras + (pair + kIndex) * kMaskBytes);
  hn::StoreMaskBits(di, holds, bits.holds + (pair + kIndex) * kMaskBytes);
  max.Set(kIndex, hn::IfThenElse(holds, hn::Set(di, INT32_MIN), max.Get(kIndex)));
}

template <typename T, size_t... kIndex>
HWY_INLINE void LookAtStrand(const RowVectors<T>& row, size_t begin, const uint32_t* HWY_RESTRICT slots,
                             hn::Vec<DI> bound, size_t pair, PairBits& bits, std::index_sequence<kIndex...>) {
  const DI di;
  const size_t N = hn::Lanes(di);
  const size_t step = kSlots / N;
  const size_t full_end = HWY_MIN(row.full, row.end);
  List<DI> max;
  (max.Set(kIndex, hn::BitCast(di, hn::Load(DU(), slots + kIndex * N))), ...);
  size_t i = begin;
  // Four laps, after which their orders (SlotMasks) repeat.
  for (; i + 3 * step + kStrand <= full_end; i += 4 * step, pair += 2 * kStrand) {
    (LookAtPair<kIndex>(row.LoadFull(i + kIndex), row.LoadFull(i + step + (kIndex ^ 1)), bound, max, bits, pair), ...);
    (LookAtPair<kIndex>(row.LoadFull(i + 2 * step + (kIndex ^ 2)), row.LoadFull(i + 3 * step + (kIndex ^ 3)), bound,
                        max, bits, pair + kStrand),
     ...);
  }
  size_t order = 0;
  if (i + step + kStrand <= full_end) {
    (LookAtPair<kIndex>(row.LoadFull(i + kIndex), row.LoadFull(i + step + (kIndex ^ 1)), bound, max, bits, pair), ...);
    i += 2 * step;
    pair += kStrand;
    order = 2;
  }
  for (; i < row.end; i += 2 * step, pair += kStrand, order ^= 2) {
    (LookAtPair<kIndex>(row.Load(i + (kIndex ^ order)), row.Load(i + step + (kIndex ^ order ^ 1)), bound, max, bits,
                        pair),
     ...);
  }
}

HWY_INLINE size_t PairsOfStrand(size_t vectors) {
  return kStrand * hwy::DivCeil(vectors, 2 * kSlots / hn::Lanes(DI()));
}

// No branch depends on a single pair, as a tenth to a third of them have an extra.
template <typename T>
HWY_INLINE void FindExtras(const RowVectors<T>& row, const uint32_t* HWY_RESTRICT slots, uint32_t bound,
                           PairBits& bits) {
  const DI di;
  const size_t N = hn::Lanes(di);
  const auto bound_vector = hn::Set(di, static_cast<int32_t>(bound));
  const size_t pairs = PairsOfStrand(row.end - row.begin);
  const size_t num_strands = hwy::DivCeil(kSlots / N, kStrand);
  for (size_t strand = 0; strand < num_strands; ++strand) {
    auto max = hn::Load(DU(), slots + strand * kStrand * N);
    for (size_t i = 1; i < kStrand; ++i) max = hn::Max(max, hn::Load(DU(), slots + (strand * kStrand + i) * N));
    if (hn::AllFalse(di, hn::Gt(hn::BitCast(di, max), bound_vector))) {
      memset(bits.extras + strand * pairs * kMaskBytes, 0, pairs * kMaskBytes);
      continue;
    }
    LookAtStrand(row, row.begin + strand * kStrand, slots + strand * kStrand * N, bound_vector, strand * pairs, bits,
                 std::make_index_sequence<kStrand>());
  }
  const hn::CappedTag<uint8_t, 64> d8;
  hn::StoreU(hn::Zero(d8), d8, bits.extras + num_strands * pairs * kMaskBytes);
}

// Appends the extras of one pair.
template <typename T>
HWY_INLINE size_t CollectPair(const RowVectors<T>& row, const PairBits& bits, size_t pair, size_t pairs_of_strand,
                              hn::Vec<DI> bound, uint32_t* HWY_RESTRICT to) {
  const DI di;
  const size_t step = kSlots / hn::Lanes(di);
  size_t strand = 0;
  size_t of_strand = pair;
  for (; of_strand >= pairs_of_strand; of_strand -= pairs_of_strand) ++strand;  // one strand, for vectors of 512 bits
  const size_t laps = of_strand / kStrand;                                      // pairs of them
  const size_t first = row.begin + strand * kStrand + laps * 2 * step;
  const size_t order = of_strand % kStrand ^ laps % 2 * 2;
  const auto a = row.Load(first + order);
  const auto b = row.Load(first + step + (order ^ 1));
  const auto holds = hn::LoadMaskBits(di, bits.holds + pair * kMaskBytes);
  const auto smaller = hn::Min(a, b);
  const size_t count =
      Append(hn::IfThenElse(holds, smaller, hn::Max(a, b)), hn::LoadMaskBits(di, bits.extras + pair * kMaskBytes), to);
  const auto both = hn::AndNot(holds, hn::Gt(smaller, bound));
  return HWY_LIKELY(hn::AllFalse(di, both)) ? count : count + Append(smaller, both, to + count);
}

// A row's search for extras, which pauses when many have gathered.
struct Search {
  size_t next = 0;   // the first pair that has not been collected; SIZE_MAX behind the last
  size_t count = 0;  // extras
};

// Appends extras until there are `most`, and a vector of zeros.
template <typename T>
HWY_INLINE void CollectExtras(const RowVectors<T>& row, const PairBits& bits, uint32_t bound, size_t most,
                              Search& search, uint32_t* HWY_RESTRICT extras) {
  const auto bound_vector = hn::Set(DI(), static_cast<int32_t>(bound));
  const size_t pairs = PairsOfStrand(row.end - row.begin);
  const size_t bytes = hwy::DivCeil(kSlots / hn::Lanes(DI()), kStrand) * pairs * kMaskBytes;
  size_t count = search.count;
  size_t next = SIZE_MAX;
  VisitMasks(bits.extras, bytes, [&](size_t pair) HWY_ATTR {
    if (HWY_UNLIKELY(pair < search.next)) return true;
    if (HWY_UNLIKELY(count >= most)) {
      next = pair;
      return false;
    }
    count += CollectPair(row, bits, pair, pairs, bound_vector, extras + count);
    return true;
  });
  hn::StoreU(hn::Zero(DU()), DU(), extras + count);
  search.count = count;
  search.next = next;
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_EXTRAS_INL_H_

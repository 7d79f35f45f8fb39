// SPDX-License-Identifier: Apache-2.0
//
// The inner loop of the weights sweep: one row's share of a strip of columns gives entropy, row sum, column sums and
// what the selection of the largest weights starts from, in one read. Included per target by weights_sweep.cc.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_ROW_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_ROW_TILE_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_ROW_TILE_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_ROW_TILE_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/load-inl.h"
#include "kernels/simd/plogp-inl.h"
#include "kernels/simd/prefetch-inl.h"
#include "kernels/simd/store_masks-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Columns of one group: four vectors, as four independent polynomials cover the latency of FMA (4 cycles on two ports).
inline size_t GroupColumns() { return 4 * hn::Lanes(SweepFloat()); }

// Groups whose entropy and sum stay in float32 before they move to float64. A weight then takes at most 16 + 3
// roundings, at worst 1.2e-6 relative, which with the logarithm's 1.44e-6 nats stays within 2e-6 * log(n_k) as rows
// this long have log(n_k) > 4.
inline constexpr size_t kGroupsPerFlush = 16;

// Bit pattern of 2^64. Weights above it, as unsigned numbers, are huge, infinite, NaN or have a sign; float32 sums of
// 2^31 weights below it do not overflow.
inline constexpr uint32_t kMaxFastBits = 0x5F800000u;

HWY_INLINE float FloatOfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// One row of a block. Its full groups are read where they stand, the remaining columns (less than a group) from `rest`,
// as float32 and padded by zeros.
struct SweptRow {
  const void* data;
  const float* rest;
  ElementType type;
  size_t full_groups;
  size_t groups;        // and the one in `rest`, if any
  float* columns;       // column sums with this row; null: not made
  const float* before;  // and before it, may be the same; null: zeros
};

// Element `index` of a row.
HWY_INLINE const void* ElementAt(const void* data, ElementType type, size_t index) {
  return static_cast<const uint8_t*>(data) + index * ElementBytes(type);
}

// to[0, size) = from[0, count), zeros behind them; a group of columns.
HWY_INLINE void WidenGroup(const float* HWY_RESTRICT from, size_t count, size_t size, float* HWY_RESTRICT to) {
  const SweepFloat df;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2  // where lanes that the mask leaves out are not read
  const size_t N = hn::Lanes(df);
  for (size_t i = 0; i < size; i += N) {
    const size_t left = count - HWY_MIN(count, i);
    hn::Store(hn::MaskedLoad(hn::FirstN(df, HWY_MIN(left, N)), df, from + i), df, to + i);
  }
#else
  for (size_t i = 0; i < size; i += hn::Lanes(df)) hn::Store(hn::Zero(df), df, to + i);
  memcpy(to, from, count * sizeof(float));
#endif
}
template <typename T>
HWY_INLINE void WidenGroup(const T* HWY_RESTRICT from, size_t count, size_t size, float* HWY_RESTRICT to) {
  const SweepFloat df;
  HWY_ALIGN_MAX T elements[4 * hn::MaxLanes(SweepFloat())] = {};
  memcpy(elements, from, count * sizeof(T));
  for (size_t i = 0; i < size; i += hn::Lanes(df)) hn::Store(LoadAsFloat(df, elements + i), df, to + i);
}

// Sets all but the column sums of a row of `columns` weights; `rest` is room for the last of them. In place: GCC copies
// a structure that is returned by loads that are wider than the stores before them, which cost 12 cycles a row.
HWY_INLINE void PrepareColumns(const void* data, ElementType type, size_t columns, float* HWY_RESTRICT rest,
                               SweptRow& row) {
  const size_t columns_of_group = GroupColumns();
  row.data = data;
  row.rest = rest;
  row.type = type;
  row.full_groups = columns / columns_of_group;
  row.groups = hwy::DivCeil(columns, columns_of_group);
  if (row.groups == row.full_groups) return;
  const size_t done = row.full_groups * columns_of_group;
  WithElements(ElementAt(data, type, done), type,
               [&](const auto* from) HWY_ATTR { WidenGroup(from, columns - done, columns_of_group, rest); });
}

// Adds the two halves of float32 lanes to float64 lanes in memory, or sets them.
template <class DF>
HWY_INLINE void FlushLanes(DF /*df*/, bool set, hn::Vec<DF> lanes, double* HWY_RESTRICT to) {
  const SweepDouble dd;
#if HWY_TARGET == HWY_SCALAR
  auto sum = hn::PromoteTo(dd, lanes);
#else
  const hn::Half<DF> half;
  auto sum = hn::Add(hn::PromoteTo(dd, hn::LowerHalf(half, lanes)), hn::PromoteTo(dd, hn::UpperHalf(half, lanes)));
#endif
  if (!set) sum = hn::Add(sum, hn::Load(dd, to));
  hn::Store(sum, dd, to);
}

// What the columns of a row have in common that determines their slots.
struct SlotMasks {
  size_t column;  // bits of the column that count within a lap over the slots
  size_t order;   // bits in which vectors of a group change places

  // For vectors of N lanes.
  SlotMasks(size_t num_slots, size_t N) : column(num_slots - 1), order(num_slots == kSlots ? 3 * N : 0) {}

  // The slot of column `first` of a tile, the first of a vector. Each lap puts the vectors of a group in another of
  // four orders: else all that repeats after 64 or 128 columns, as attention to pages or to equal chunks does, would
  // share few slots, and hundreds of weights would be above the bound. Short rows have one lap.
  HWY_INLINE size_t Slot(size_t first, size_t N) const { return (first & column) ^ (first / kSlots * N & order); }
};

// What the selection starts from where nothing is known of a row: the largest weight of each slot. Weights are compared
// as bit patterns, unsigned numbers: only negative, infinite and NaN ones are above the largest weight.
struct SlotMaxima {
  using Kept = uint32_t;

  SlotMasks masks;

  // Adds the four vectors of a group whose first column is column `column` of the tile. The first lap finds slots of an
  // older tile.
  template <class DU, class VU = hn::Vec<DU>>
  HWY_INLINE void Keep(DU du, size_t column, VU bits0, VU bits1, VU bits2, VU bits3,
                       uint32_t* HWY_RESTRICT slots) const {
    HWY_ALIGN_MAX static constexpr uint32_t kZeros[kShortColumns] = {};
    const size_t N = hn::Lanes(du);
    const uint32_t* before = column <= masks.column ? kZeros : slots;
    const size_t slot0 = masks.Slot(column, N);
    const size_t slot1 = slot0 ^ N;
    const size_t slot2 = slot0 ^ (2 * N);
    const size_t slot3 = slot0 ^ (3 * N);
    const auto max0 = hn::Max(hn::Load(du, before + slot0), bits0);
    const auto max1 = hn::Max(hn::Load(du, before + slot1), bits1);
    const auto max2 = hn::Max(hn::Load(du, before + slot2), bits2);
    const auto max3 = hn::Max(hn::Load(du, before + slot3), bits3);
    hn::Store(max0, du, slots + slot0);
    hn::Store(max1, du, slots + slot1);
    hn::Store(max2, du, slots + slot2);
    hn::Store(max3, du, slots + slot3);
  }
};

// Whether masks of vectors are registers, cheap to store. Else groups of four vectors have one mask, that of the
// largest weight in each lane.
#undef ATTNSCOPE_MASK_EACH_VECTOR
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define ATTNSCOPE_MASK_EACH_VECTOR 1
#else
#define ATTNSCOPE_MASK_EACH_VECTOR 0
#endif

// Bytes of a mask's bits.
inline constexpr size_t kMaskBytes = HWY_MAX(size_t{1}, hn::MaxLanes(SweepFloat()) / 8);

// A mark says for one vector which weights are above a bound, or of a group of four, that some are; zero if none is.
inline constexpr size_t kMarkedVectors = ATTNSCOPE_MASK_EACH_VECTOR ? 1 : 4;
using Mark = hwy::UnsignedFromSize<kMaskBytes>;

// What it starts from where a bound is known, or guessed, that few weights of the tile are above: which these are, by
// the same order.
struct AboveBound {
  using Kept = uint8_t;

  uint32_t bound;

  template <class DU, class VU = hn::Vec<DU>>
  HWY_INLINE void Keep(DU du, size_t column, VU bits0, VU bits1, VU bits2, VU bits3,
                       uint8_t* HWY_RESTRICT marks) const {
    const auto bound_vector = hn::Set(du, bound);
    uint8_t* HWY_RESTRICT mark = marks + column / (kMarkedVectors * hn::Lanes(du)) * sizeof(Mark);
#if ATTNSCOPE_MASK_EACH_VECTOR
    StoreFourMasks(du, hn::Gt(bits0, bound_vector), hn::Gt(bits1, bound_vector), hn::Gt(bits2, bound_vector),
                   hn::Gt(bits3, bound_vector), mark);
#else
    const auto largest = hn::Max(hn::Max(bits0, bits1), hn::Max(bits2, bits3));
    hn::StoreMaskBits(du, hn::Gt(largest, bound_vector), mark);
#endif
  }
};

// Where the column sums before a row stand, and where those with it go, which may be the same place.
struct StripColumns {
  const float* before;
  float* after;
};

// Sweeps `count` groups at `from`, whose first column is column `begin` of its tile: adds them to the column sums (only
// with kColumns), to the row's lanes (which it sets if `set`; the entropy only with kEntropy) and what `largest`, a
// SlotMaxima or AboveBound, keeps. Prefetches as many bytes at `ahead`.
template <bool kEntropy, bool kColumns, typename T, class DF, class Largest>
HWY_INLINE void SweepGroups(DF df, const T* HWY_RESTRICT from, size_t count, size_t begin, bool set, const T* ahead,
                            const StripColumns& columns, const Largest& largest,
                            typename Largest::Kept* HWY_RESTRICT kept, RowLanes* HWY_RESTRICT lanes) {
  const hn::RebindToUnsigned<DF> du;
  const size_t N = hn::Lanes(df);
  const float* columns_before = columns.before;
  float* columns_after = columns.after;
  for (size_t first = 0; first < count; first += kGroupsPerFlush) {
    const size_t end = HWY_MIN(count, first + kGroupsPerFlush);
    auto p_log2_p = hn::Zero(df);
    auto sum = hn::Zero(df);
    for (size_t i = first; i < end; ++i) {
      const size_t column = i * 4 * N;
      for (size_t j = 0; j < 4 * N; j += 64 / sizeof(T)) PrefetchToL2(ahead + column + j);
      const auto weight0 = LoadAsFloat(df, from + column);
      const auto weight1 = LoadAsFloat(df, from + column + N);
      const auto weight2 = LoadAsFloat(df, from + column + 2 * N);
      const auto weight3 = LoadAsFloat(df, from + column + 3 * N);
      if constexpr (kColumns) {
        const float* before = columns_before + column;
        float* after = columns_after + column;
        const auto column0 = hn::Add(hn::Load(df, before), weight0);
        const auto column1 = hn::Add(hn::Load(df, before + N), weight1);
        const auto column2 = hn::Add(hn::Load(df, before + 2 * N), weight2);
        const auto column3 = hn::Add(hn::Load(df, before + 3 * N), weight3);
        hn::Store(column0, df, after);
        hn::Store(column1, df, after + N);
        hn::Store(column2, df, after + 2 * N);
        hn::Store(column3, df, after + 3 * N);
      }
      largest.Keep(du, begin + column, hn::BitCast(du, weight0), hn::BitCast(du, weight1), hn::BitCast(du, weight2),
                   hn::BitCast(du, weight3), kept);
      sum = hn::Add(sum, hn::Add(hn::Add(weight0, weight1), hn::Add(weight2, weight3)));
      if constexpr (kEntropy) {
        auto log0 = weight0;
        auto log1 = weight1;
        auto log2 = weight2;
        auto log3 = weight3;
        Log2OfFour(df, log0, log1, log2, log3);
        const auto even = hn::MulAdd(weight2, log2, hn::Mul(weight0, log0));
        const auto odd = hn::MulAdd(weight3, log3, hn::Mul(weight1, log1));
        p_log2_p = hn::Add(p_log2_p, hn::Add(even, odd));
      }
    }
    FlushLanes(df, set, p_log2_p, lanes->p_log2_p);
    FlushLanes(df, set, sum, lanes->sum);
    set = false;
  }
}

// Entropy and sum of a row whose columns have all been swept.
HWY_INLINE void SumLanes(const RowLanes& lanes, double& entropy_nats, double& sum) {
  constexpr double kLn2 = 0.69314718055994530942;
  const SweepDouble dd;
  entropy_nats = -kLn2 / kLog2Unit * hn::GetLane(hn::SumOfLanes(dd, hn::Load(dd, lanes.p_log2_p)));
  sum = hn::GetLane(hn::SumOfLanes(dd, hn::Load(dd, lanes.sum)));
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_SWEEP_ROW_TILE_INL_H_

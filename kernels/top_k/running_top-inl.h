// SPDX-License-Identifier: Apache-2.0
//
// The exact k largest numbers of one row, for any k, in one read: the numbers above a bound are collected, and when
// there are too many, the k largest of them are kept and the least of these is the bound. Where numbers are in random
// order, some k log(columns / k) are ever above it, so that nearly all of a row costs a maximum and a comparison.
//
// The sweep's own selection (top_k-inl.h) does sixteen rows at once, one a lane, and knows no positions; this one knows
// them, and any k.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_RUNNING_TOP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_RUNNING_TOP_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_RUNNING_TOP_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_RUNNING_TOP_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/simd/compress-inl.h"
#include "kernels/simd/load-inl.h"
#include "kernels/top_k/kth_largest-inl.h"
#include "kernels/top_k/tile_vectors-inl.h"
#include "kernels/top_k/top_candidates.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// How numbers are compared: as keys, unsigned numbers in the same order.
//
// Weights >= 0 are their own bit patterns. Invalid weights, and -0.0, are then above the largest weight, and so among
// the candidates.
struct WeightOrder {
  using Bound = hn::Vec<DU>;
  static constexpr bool kFindsNaN = false;

  static HWY_INLINE hn::Vec<DU> Keys(hn::Vec<SweepFloat> weight) { return hn::BitCast(DU(), weight); }
  static HWY_INLINE uint32_t Pattern(uint32_t key) { return key; }
  static HWY_INLINE Bound BoundOf(uint32_t key) { return hn::Set(DU(), key); }

  // Above no bound.
  template <typename T>
  static HWY_INLINE void SetLeast(T& element) {
    memset(&element, 0, sizeof(T));
  }

  // Whether one of four vectors has a number above the bound.
  static HWY_INLINE bool AnyAbove(hn::Vec<SweepFloat> a, hn::Vec<SweepFloat> b, hn::Vec<SweepFloat> c,
                                  hn::Vec<SweepFloat> d, Bound bound) {
    const auto largest = hn::Max(hn::Max(Keys(a), Keys(b)), hn::Max(Keys(c), Keys(d)));
    return !hn::AllFalse(DU(), hn::Gt(largest, bound));
  }
};

// Numbers of any sign: -0.0 is 0. Patterns of negative ones are turned over. NaN has no place in the order, and is
// found.
struct NumberOrder {
  using Bound = hn::Vec<SweepFloat>;
  static constexpr bool kFindsNaN = true;

  static HWY_INLINE hn::Vec<DU> Keys(hn::Vec<SweepFloat> number) {
    const hn::RebindToSigned<SweepFloat> di;
    const auto bits = hn::BitCast(di, hn::Add(number, hn::Zero(SweepFloat())));
    const auto turn = hn::Or(hn::BitCast(DU(), hn::ShiftRight<31>(bits)), hn::Set(DU(), 0x80000000u));
    return hn::Xor(hn::BitCast(DU(), bits), turn);
  }
  static HWY_INLINE uint32_t Pattern(uint32_t key) { return (key & 0x80000000u) != 0 ? key ^ 0x80000000u : ~key; }
  static HWY_INLINE Bound BoundOf(uint32_t key) {
    const uint32_t pattern = Pattern(key);
    float bound;
    memcpy(&bound, &pattern, sizeof(bound));
    return hn::Set(SweepFloat(), bound);
  }

  static HWY_INLINE void SetLeast(float& element) { SetPattern(element, 0xFF800000u); }
  static HWY_INLINE void SetLeast(hwy::bfloat16_t& element) { SetPattern(element, uint16_t{0xFF80}); }
  static HWY_INLINE void SetLeast(hwy::float16_t& element) { SetPattern(element, uint16_t{0xFC00}); }

  // NaN is not at or below the bound, and so counts as above.
  static HWY_INLINE bool AnyAbove(hn::Vec<SweepFloat> a, hn::Vec<SweepFloat> b, hn::Vec<SweepFloat> c,
                                  hn::Vec<SweepFloat> d, Bound bound) {
    const auto below =
        hn::And(hn::And(hn::Le(a, bound), hn::Le(b, bound)), hn::And(hn::Le(c, bound), hn::Le(d, bound)));
    return !hn::AllTrue(SweepFloat(), below);
  }

 private:
  template <typename T, typename Bits>
  static HWY_INLINE void SetPattern(T& element, Bits infinity) {
    static_assert(sizeof(T) == sizeof(Bits));
    memcpy(&element, &infinity, sizeof(T));
  }
};

// Keeps the k largest candidates in place, in the order of their columns; of those equal to the least of them, the
// first. `count`, at least k, are there. Returns the least.
template <bool kIndices>
HWY_NOINLINE uint32_t KeepLargest(TopCandidates& candidates, size_t count, size_t k) {
  const DU du;
  const size_t N = hn::Lanes(du);
  hn::StoreU(hn::Zero(du), du, candidates.keys + count);
  const KeyArray array = {candidates.keys, count};
  const uint32_t least = KthLargest(array, k);
  const size_t above = least == UINT32_MAX ? 0 : CountAtLeast(array, least + 1);
  size_t equal = k - above;  // still to be kept
  const auto bound = hn::Set(du, least);
  size_t kept = 0;
  for (size_t i = 0; i < count; i += N) {
    const auto keys = hn::Load(du, candidates.keys + i);
    auto keep = hn::Gt(keys, bound);
    if (equal != 0) {
      auto ties = hn::And(hn::Eq(keys, bound), hn::FirstN(du, HWY_MIN(N, count - i)));
      const size_t in_vector = hn::CountTrue(du, ties);
      if (HWY_UNLIKELY(in_vector > equal)) {  // the first of them
        HWY_ALIGN_MAX uint32_t lanes[kMaxFloatLanes] = {};
        hn::Store(hn::IfThenElseZero(ties, hn::Set(du, 1)), du, lanes);
        size_t left = equal;
        for (size_t lane = 0; lane < N; ++lane) {
          if (lanes[lane] != 0 && left-- == 0) {
            memset(lanes + lane, 0, (N - lane) * sizeof(uint32_t));
            break;
          }
        }
        ties = hn::Ne(hn::Load(du, lanes), hn::Zero(du));
      }
      equal -= HWY_MIN(in_vector, equal);
      keep = hn::Or(keep, ties);
    }
    if (hn::AllFalse(du, keep)) continue;
    if constexpr (kIndices) {
      const auto indices = hn::Load(du, candidates.indices + i);
      hn::StoreU(CompressWords(du, indices, keep), du, candidates.indices + kept);
    }
    hn::StoreU(CompressWords(du, keys, keep), du, candidates.keys + kept);
    kept += hn::CountTrue(du, keep);
  }
  return least;
}

// The k largest numbers of a row that comes in pieces, k from 1 to kMostRunning.
template <class Order, bool kIndices>
class RunningTop {
 public:
  RunningTop(size_t k, TopCandidates& candidates) : candidates_(candidates), k_(k), capacity_(RunningCapacity(k)) {}

  // Adds columns [first, first + count) of the row, which begin at `from`.
  template <typename T>
  HWY_INLINE void Add(const T* HWY_RESTRICT from, size_t count, size_t first) {
    size_t done = 0;
    if (!bounded_) {
      done = HWY_MIN(count, capacity_ - count_);
      Fill(from, done, first);
      if (done == count) return;
      Reduce();
    }
    const size_t group = 4 * hn::Lanes(SweepFloat());
    auto bound = Order::BoundOf(bound_);
    size_t candidates = count_;  // in a register
    for (; done + group <= count; done += group) AddGroup(from + done, first + done, bound, candidates);
    if (done != count) {
      HWY_ALIGN_MAX T rest[4 * kMaxFloatLanes];
      FillUp(from + done, count - done, group, rest);
      AddGroup(static_cast<const T*>(rest), first + done, bound, candidates);
    }
    count_ = candidates;
  }

  // Whether a column had NaN, if the order finds it.
  bool has_nan() const { return has_nan_; }

  // After the last column: leaves the k largest, or all that there are, in the order of their columns, and zeros up to
  // a whole vector behind their keys. Returns how many.
  HWY_INLINE size_t Finish() {
    if (count_ > k_) Reduce();
    hn::StoreU(hn::Zero(DU()), DU(), candidates_.keys + count_);
    return count_;
  }

 private:
  // Copies `count` elements, and as many that are above no bound as fill up `size`.
  template <typename T>
  static HWY_INLINE void FillUp(const T* HWY_RESTRICT from, size_t count, size_t size, T* HWY_RESTRICT to) {
    memcpy(to, from, count * sizeof(T));
    for (size_t i = count; i < size; ++i) Order::SetLeast(to[i]);
  }

  // Appends columns as they are, the first that there are.
  template <typename T>
  HWY_INLINE void Fill(const T* HWY_RESTRICT from, size_t count, size_t first) {
    const size_t N = hn::Lanes(DU());
    size_t i = 0;
    for (; i + N <= count; i += N) Store(LoadAsFloat(SweepFloat(), from + i), first + i, count_ + i);
    if (i != count) {
      HWY_ALIGN_MAX T rest[kMaxFloatLanes];
      FillUp(from + i, count - i, N, rest);
      Store(LoadAsFloat(SweepFloat(), static_cast<const T*>(rest)), first + i, count_ + i);
    }
    count_ += count;
  }

  HWY_INLINE void FindNaN(hn::Vec<SweepFloat> numbers) {
    if constexpr (Order::kFindsNaN) has_nan_ |= !hn::AllFalse(SweepFloat(), hn::IsNaN(numbers));
  }

  HWY_INLINE void Store(hn::Vec<SweepFloat> numbers, size_t column, size_t to) {
    const DU du;
    FindNaN(numbers);
    hn::StoreU(Order::Keys(numbers), du, candidates_.keys + to);
    if constexpr (kIndices) hn::StoreU(NumbersFrom(column), du, candidates_.indices + to);
  }

  // Appends what is above the bound of four vectors at `from`, whose first column is `column`, to so many candidates.
  template <typename T>
  HWY_INLINE void AddGroup(const T* HWY_RESTRICT from, size_t column, typename Order::Bound& bound, size_t& count) {
    const SweepFloat df;
    const size_t N = hn::Lanes(df);
    const auto a = LoadAsFloat(df, from);
    const auto b = LoadAsFloat(df, from + N);
    const auto c = LoadAsFloat(df, from + 2 * N);
    const auto d = LoadAsFloat(df, from + 3 * N);
    if (HWY_LIKELY(!Order::AnyAbove(a, b, c, d, bound))) return;
    FindNaN(a);
    FindNaN(b);
    FindNaN(c);
    FindNaN(d);
    AppendFour(Order::Keys(a), Order::Keys(b), Order::Keys(c), Order::Keys(d), column, count);
    if (HWY_LIKELY(count <= capacity_)) return;
    count_ = count;
    Reduce();
    count = count_;
    bound = Order::BoundOf(bound_);
  }

  // Where each vector's go is known before the first is stored, so that none waits for the one before it.
  HWY_INLINE void AppendFour(hn::Vec<DU> a, hn::Vec<DU> b, hn::Vec<DU> c, hn::Vec<DU> d, size_t column, size_t& count) {
    const DU du;
    const size_t N = hn::Lanes(du);
    const auto bound = hn::Set(du, bound_);
    const auto above_a = hn::Gt(a, bound);
    const auto above_b = hn::Gt(b, bound);
    const auto above_c = hn::Gt(c, bound);
    const auto above_d = hn::Gt(d, bound);
    const size_t to_b = count + hn::CountTrue(du, above_a);
    const size_t to_c = to_b + hn::CountTrue(du, above_b);
    const size_t to_d = to_c + hn::CountTrue(du, above_c);
    const size_t end = to_d + hn::CountTrue(du, above_d);
    StoreAbove(a, above_a, column, count);
    StoreAbove(b, above_b, column + N, to_b);
    StoreAbove(c, above_c, column + 2 * N, to_c);
    StoreAbove(d, above_d, column + 3 * N, to_d);
    count = end;
  }
  HWY_INLINE void StoreAbove(hn::Vec<DU> keys, hn::Mask<DU> above, size_t column, size_t to) {
    const DU du;
    hn::StoreU(CompressWords(du, keys, above), du, candidates_.keys + to);
    if constexpr (kIndices) {
      hn::StoreU(CompressWords(du, NumbersFrom(column), above), du, candidates_.indices + to);
    }
  }

  HWY_INLINE void Reduce() {
    bound_ = KeepLargest<kIndices>(candidates_, count_, k_);
    count_ = k_;
    bounded_ = true;
  }

  TopCandidates& candidates_;
  size_t k_;
  size_t capacity_;
  size_t count_ = 0;
  uint32_t bound_ = 0;
  bool bounded_ = false;
  bool has_nan_ = false;
};

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_RUNNING_TOP_INL_H_

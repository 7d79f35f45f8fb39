// SPDX-License-Identifier: Apache-2.0
//
// Picks the weights of a tile that are above a bound, which AboveBound has marked.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_ABOVE_BOUND_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_ABOVE_BOUND_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_ABOVE_BOUND_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_ABOVE_BOUND_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/row_selection.h"
#include "kernels/top_k/tile_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Which of 64 marks of a tile from `first` on are not zero, one bit each. It has `end` marks.
HWY_INLINE uint64_t SetMarks(const AboveMarks& above, size_t first, size_t end) {
  const hn::CappedTag<Mark, 64> d;
  uint64_t set = 0;
  for (size_t i = 0; i < HWY_MIN(64, end - first); i += hn::Lanes(d)) {
    uint64_t bits = 0;
    const auto marks = hn::LoadU(d, reinterpret_cast<const Mark*>(above.bytes) + first + i);
    hn::StoreMaskBits(d, hn::Ne(marks, hn::Zero(d)), reinterpret_cast<uint8_t*>(&bits));
    set |= bits << i;
  }
  return end - first >= 64 ? set : set & ((uint64_t{1} << (end - first)) - 1);
}

// Calls append(from, mark, count), which appends the marked elements of vectors that stand at `from` behind the `count`
// of those before and returns how many they are, for each mark of a tile, in order. Returns how many there are in all;
// where there are more than `most`, stops and returns how many there are likely to be.
template <typename T, class Append>
HWY_INLINE size_t AppendMarked(const RowVectors<T>& row, const AboveMarks& above, size_t most, const Append& append) {
  const size_t marks = (row.end - row.begin) / kMarkedVectors;
  size_t count = 0;
  for (size_t first = 0; first < marks; first += 64) {
    for (uint64_t set = SetMarks(above, first, marks); set != 0; set &= set - 1) {
      const size_t i = first + hwy::Num0BitsBelowLS1Bit_Nonzero64(set);
      if (HWY_UNLIKELY(count > most)) return count * marks / i;
      count += append(row.At(row.begin + kMarkedVectors * i), above.bytes + i * sizeof(Mark), count);
    }
  }
  return count;
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3

// Picks the weights of a tile that are above the bound, in their order, as bit patterns of float32; returns how many.
// Stops where there are more than `most`; returns then how many there are likely to be. Writes up to a group of vectors
// more in vain. Compress and an ordinary store: CompressStore is microcoded on some CPUs (Zen 4).
template <typename T>
HWY_NOINLINE size_t PickAbove(const RowVectors<T>& row, const AboveMarks& above, uint32_t /*bound*/, size_t most,
                              uint32_t* HWY_RESTRICT to) {
  const DU du;
  const auto append = [&](const T* HWY_RESTRICT from, const uint8_t* HWY_RESTRICT mark, size_t count) HWY_ATTR {
    const auto mask = hn::LoadMaskBits(du, mark);
    hn::StoreU(hn::Compress(LoadPatterns(from), mask), du, to + count);
    return hn::CountTrue(du, mask);
  };
  return AppendMarked(row, above, most, append);
}

#else

// One bit for each element of a marked group, which stands at `from`: whether it is above the bound.
template <typename T>
HWY_INLINE uint64_t BitsOfGroup(const uint8_t* HWY_RESTRICT mark, const T* HWY_RESTRICT from, uint32_t bound) {
  uint64_t bits = 0;
#if ATTNSCOPE_MASK_EACH_VECTOR
  (void)from;
  (void)bound;
  hwy::CopyBytes<sizeof(Mark)>(mark, &bits);
#else
  (void)mark;
  const DU du;
  const auto bound_vector = hn::Set(du, bound);
  for (size_t i = 0; i < 4; ++i) {
    uint64_t of_vector = 0;
    const auto above = hn::Gt(LoadPatterns(from + i * hn::Lanes(du)), bound_vector);
    hn::StoreMaskBits(du, above, reinterpret_cast<uint8_t*>(&of_vector));
    bits |= of_vector << (i * hn::Lanes(du));
  }
#endif
  return bits;
}

// GCC 12 gathers elements that are stored one behind the other in a vector first, one insertion each, which takes twice
// as long.
template <typename To>
HWY_INLINE void KeepApart(To& element) {
#if HWY_COMPILER_GCC_ACTUAL
  asm("" : "+r"(element));
#else
  (void)element;
#endif
}

// Copies the elements of a group whose bits are set, To having their size; returns how many. Copies kUnchecked elements
// at least, some in vain, as a branch for each would be taken wrongly once a group.
template <size_t kUnchecked, typename T, typename To>
HWY_INLINE size_t PickElements(const T* HWY_RESTRICT from, uint64_t bits, To* HWY_RESTRICT to) {
  static_assert(sizeof(T) == sizeof(To));
  const uint64_t last = uint64_t{1} << (GroupColumns() - 1);  // there is always an element to copy
  const size_t count = hwy::PopCount(bits);
  const auto pick = [&](size_t i) HWY_ATTR {
    To element;
    hwy::CopyBytes<sizeof(T)>(from + hwy::Num0BitsBelowLS1Bit_Nonzero64(bits | last), &element);
    KeepApart(element);
    hwy::CopyBytes<sizeof(T)>(&element, to + i);
    bits &= bits - 1;
  };
  for (size_t i = 0; i < kUnchecked; ++i) pick(i);
  for (size_t i = kUnchecked; HWY_UNLIKELY(i < count); ++i) pick(i);
  return count;
}

template <size_t kUnchecked, typename T, typename To>
HWY_INLINE size_t PickFromGroups(const RowVectors<T>& row, const AboveMarks& above, uint32_t bound, size_t most,
                                 To* HWY_RESTRICT to) {
  const auto append = [&](const T* HWY_RESTRICT from, const uint8_t* HWY_RESTRICT mark, size_t count) HWY_ATTR {
    return PickElements<kUnchecked>(from, BitsOfGroup(mark, from, bound), to + count);
  };
  return AppendMarked(row, above, most, append);
}

// Most groups have no more than the unchecked elements, where as many are above the bound as a guess aims at.
template <typename T, typename To>
HWY_INLINE size_t PickFromTile(const RowVectors<T>& row, const AboveMarks& above, uint32_t bound, size_t most,
                               To* HWY_RESTRICT to) {
  const size_t likely = 4 * static_cast<size_t>(kUsualList.aim) / HWY_MAX(4, row.end - row.begin);
  if (likely >= 6) return PickFromGroups<16>(row, above, bound, most, to);
  if (likely >= 3) return PickFromGroups<8>(row, above, bound, most, to);
  return PickFromGroups<4>(row, above, bound, most, to);
}

// The same, one element after the other, as there is no instruction for more.
template <typename T>
HWY_NOINLINE size_t PickAbove(const RowVectors<T>& row, const AboveMarks& above, uint32_t bound, size_t most,
                              uint32_t* HWY_RESTRICT to) {
  if constexpr (sizeof(T) == sizeof(uint32_t)) {
    return PickFromTile(row, above, bound, most, to);
  } else {
    HWY_ALIGN_MAX uint16_t halves[kCandidatesCapacity];
    const size_t count = PickFromTile(row, above, bound, most, halves);
    const size_t end = HWY_MIN(count, kCandidatesCapacity - hn::Lanes(DU()));
    for (size_t i = 0; i < end; i += hn::Lanes(DU())) {
      hn::StoreU(LoadPatterns(reinterpret_cast<const T*>(halves + i)), DU(), to + i);
    }
    return count;
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_ABOVE_BOUND_INL_H_

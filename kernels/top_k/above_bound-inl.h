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
#include "kernels/simd/compress-inl.h"
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

// Calls append(i, count), which appends the marked elements of mark i behind the `count` of those before and returns
// how many they are, for each of marks [begin, end) of a tile that is set, in order. Returns how many there are in all;
// where there are more than `most`, some 64 marks later stops and returns how many there are likely to be.
template <class Append>
HWY_INLINE size_t AppendMarked(const AboveMarks& above, size_t begin, size_t end, size_t most, size_t count,
                               const Append& append) {
  for (size_t first = begin; first < end; first += 64) {
    if (HWY_UNLIKELY(count > most)) return count * end / first;
    for (uint64_t set = SetMarks(above, first, end); set != 0; set &= set - 1) {
      count += append(first + hwy::Num0BitsBelowLS1Bit_Nonzero64(set), count);
    }
  }
  return count;
}

#if ATTNSCOPE_MASK_EACH_VECTOR

// Picks the weights of a tile that are above the bound, in their order, as bit patterns of float32; returns how many.
// Stops where there are more than `most`; returns then how many there are likely to be. Writes up to a group of vectors
// more in vain. Compress and an ordinary store: CompressStore is microcoded on some CPUs (Zen 4). AVX2 compresses by a
// table, which takes less than half the time of one element after the other.
template <typename T>
HWY_INLINE size_t PickVectors(const T* HWY_RESTRICT from, const AboveMarks& above, size_t begin, size_t end,
                              size_t most, size_t picked, uint32_t* HWY_RESTRICT to) {
  const DU du;
  const auto append = [&](size_t i, size_t count) HWY_ATTR {
    const uint8_t* mark = above.bytes + i * sizeof(Mark);
    Mark bits;
    hwy::CopyBytes<sizeof(Mark)>(mark, &bits);
    hn::StoreU(CompressWords(du, LoadPatterns(from + i * hn::Lanes(du)), mark), du, to + count);
    return hwy::PopCount(bits);
  };
  return AppendMarked(above, begin, end, most, picked, append);
}
template <typename T>
HWY_NOINLINE size_t PickElements(const RowVectors& row, const T* HWY_RESTRICT data, const AboveMarks& above,
                                 uint32_t /*bound*/, size_t most, uint32_t* HWY_RESTRICT to) {
  const size_t N = hn::Lanes(DU());
  const size_t full = HWY_MIN(row.full, row.end) - row.begin;
  const size_t count = PickVectors(data + row.begin * N, above, 0, full, most, 0, to);
  if (HWY_LIKELY(row.full >= row.end || count > most)) return count;
  return PickVectors(row.rest - full * N, above, full, row.end - row.begin, most, count, to);
}

#else

// One bit for each element of the group at `from`: whether it is above the bound.
HWY_INLINE uint64_t BitsOfGroup(const float* HWY_RESTRICT from, uint32_t bound) {
  const DU du;
  uint64_t bits = 0;
  const auto bound_vector = hn::Set(du, bound);
  for (size_t i = 0; i < 4; ++i) {
    uint64_t of_vector = 0;
    const auto above = hn::Gt(LoadPatterns(from + i * hn::Lanes(du)), bound_vector);
    hn::StoreMaskBits(du, above, reinterpret_cast<uint8_t*>(&of_vector));
    bits |= of_vector << (i * hn::Lanes(du));
  }
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

// Copies the elements of a group whose bits are set; returns how many. Copies kUnchecked elements at least, some in
// vain, as a branch for each would be taken wrongly once a group.
template <size_t kUnchecked>
HWY_INLINE size_t CopyElements(const float* HWY_RESTRICT from, uint64_t bits, uint32_t* HWY_RESTRICT to) {
  const uint64_t last = uint64_t{1} << (GroupColumns() - 1);  // there is always an element to copy
  const size_t count = hwy::PopCount(bits);
  const auto pick = [&](size_t i) HWY_ATTR {
    uint32_t element;
    hwy::CopyBytes<sizeof(element)>(from + hwy::Num0BitsBelowLS1Bit_Nonzero64(bits | last), &element);
    KeepApart(element);
    hwy::CopyBytes<sizeof(element)>(&element, to + i);
    bits &= bits - 1;
  };
  for (size_t i = 0; i < kUnchecked; ++i) pick(i);
  for (size_t i = kUnchecked; HWY_UNLIKELY(i < count); ++i) pick(i);
  return count;
}

// The group of vectors from `vector` on: where it stands, or widened to `group`.
HWY_INLINE const float* GroupAt(const RowVectors& row, const float* data, size_t vector, float* /*group*/) {
  const size_t N = hn::Lanes(DU());
  return vector < row.full ? data + vector * N : row.rest;
}
template <typename T>
HWY_INLINE const float* GroupAt(const RowVectors& row, const T* data, size_t vector, float* group) {
  const SweepFloat df;
  const size_t N = hn::Lanes(df);
  if (HWY_UNLIKELY(vector >= row.full)) return row.rest;
  for (size_t i = 0; i < 4 * N; i += N) hn::Store(LoadAsFloat(df, data + vector * N + i), df, group + i);
  return group;
}

template <size_t kUnchecked, typename T>
HWY_INLINE size_t PickFromGroups(const RowVectors& row, const T* HWY_RESTRICT data, const AboveMarks& above,
                                 uint32_t bound, size_t most, uint32_t* HWY_RESTRICT to) {
  const auto append = [&](size_t i, size_t count) HWY_ATTR {
    HWY_ALIGN_MAX float group[4 * kMaxFloatLanes];
    const float* from = GroupAt(row, data, row.begin + kMarkedVectors * i, group);
    return CopyElements<kUnchecked>(from, BitsOfGroup(from, bound), to + count);
  };
  return AppendMarked(above, 0, (row.end - row.begin) / kMarkedVectors, most, 0, append);
}

// The same, one element after the other, as there is no instruction for more. Most groups have no more than the
// unchecked elements, where as many are above the bound as a guess aims at.
template <typename T>
HWY_NOINLINE size_t PickElements(const RowVectors& row, const T* HWY_RESTRICT data, const AboveMarks& above,
                                 uint32_t bound, size_t most, uint32_t* HWY_RESTRICT to) {
  const size_t likely = 4 * static_cast<size_t>(kUsualList.aim) / HWY_MAX(4, row.end - row.begin);
  if (likely >= 3) return PickFromGroups<8>(row, data, above, bound, most, to);
  return PickFromGroups<4>(row, data, above, bound, most, to);
}

#endif

HWY_INLINE size_t PickAbove(const RowVectors& row, const AboveMarks& above, uint32_t bound, size_t most,
                            uint32_t* HWY_RESTRICT to) {
  return WithElements(row.data, row.type,
                      [&](const auto* data) HWY_ATTR { return PickElements(row, data, above, bound, most, to); });
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_ABOVE_BOUND_INL_H_

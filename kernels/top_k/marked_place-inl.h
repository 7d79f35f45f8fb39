// SPDX-License-Identifier: Apache-2.0
//
// Where in its tile a weight stands that was picked from it (above_bound-inl.h): the picked ones are in order, and
// their marks say which they are. No weight of the tile is looked at again.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_MARKED_PLACE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_MARKED_PLACE_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_MARKED_PLACE_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_MARKED_PLACE_INL_H_
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

// The place of a weight that is not found.
inline constexpr size_t kNowhere = SIZE_MAX;

#if ATTNSCOPE_MASK_EACH_VECTOR

// 64 marked columns, one bit each.
HWY_INLINE uint64_t MarksAt(const uint8_t* HWY_RESTRICT from) {
  uint64_t word;
  hwy::CopyBytes<sizeof(word)>(from, &word);
  return word;
}

// The place of the bit that has `rank` set bits below it; it is there.
HWY_INLINE size_t PlaceOfBit(uint64_t word, size_t rank) {
#if HWY_ARCH_X86_64 && !defined(HWY_DISABLE_BMI2_FMA)
  word = _pdep_u64(uint64_t{1} << rank, word);
#else
  for (; rank != 0; --rank) word &= word - 1;
#endif
  return hwy::Num0BitsBelowLS1Bit_Nonzero64(word);
}

// Passes over kWords words of marks if the one of this rank is behind them. Without a branch, which no CPU could
// predict.
template <size_t kWords>
HWY_INLINE void PassMarks(const uint8_t* HWY_RESTRICT& marks, size_t& rank) {
  size_t count = 0;
  for (size_t i = 0; i < kWords; ++i) count += hwy::PopCount(MarksAt(marks + i * sizeof(uint64_t)));
  const size_t passed = size_t{0} - static_cast<size_t>(rank >= count);  // all ones, or zero
  marks += kWords * sizeof(uint64_t) & passed;
  rank -= count & passed;
}

// The column of a tile, which has so many, whose mark has `rank` marks before it.
HWY_INLINE size_t PlaceOfMark(const AboveMarks& above, size_t columns, size_t rank) {
  static_assert(kTileColumns == 64 * 64);
  const uint8_t* HWY_RESTRICT marks = above.bytes;
  if (columns > 64 * 32) PassMarks<32>(marks, rank);
  if (columns > 64 * 16) PassMarks<16>(marks, rank);
  PassMarks<8>(marks, rank);
  PassMarks<4>(marks, rank);
  PassMarks<2>(marks, rank);
  PassMarks<1>(marks, rank);
  return 8 * static_cast<size_t>(marks - above.bytes) + PlaceOfBit(MarksAt(marks), rank);
}

// The first of the candidates that equals `bits`; `count`, or more, if none does.
HWY_INLINE size_t RankOfCandidate(const uint32_t* HWY_RESTRICT candidates, size_t count, uint32_t bits) {
  const DU du;
  const size_t N = hn::Lanes(du);
  const auto wanted = hn::Set(du, bits);
  auto rank = hn::Set(du, UINT32_MAX);
  for (size_t i = hwy::RoundUpTo(count, N); i != 0; i -= N) {  // the last that is found is the first one
    rank = hn::IfThenElse(hn::Eq(hn::Load(du, candidates + i - N), wanted), NumbersFrom(i - N), rank);
  }
  return hn::GetLane(hn::MinOfLanes(du, rank));
}

// The first column of a tile of `columns` that has the weight with this bit pattern; kNowhere if that was not picked,
// or if the row's candidates are not what was marked.
HWY_INLINE size_t PlaceOfPicked(const SweepWorkspace& workspace, size_t row, size_t columns, uint32_t bits) {
  const RowSelection& selection = workspace.selections[row];
  if (selection.state != RowState::kPicked) return kNowhere;
  const size_t rank = RankOfCandidate(workspace.candidates[row], selection.candidates, bits);
  return rank < selection.candidates ? PlaceOfMark(workspace.above[row], columns, rank) : kNowhere;
}

#else

// Marks are of groups of vectors.
HWY_INLINE size_t PlaceOfPicked(const SweepWorkspace& /*workspace*/, size_t /*row*/, size_t /*columns*/,
                                uint32_t /*bits*/) {
  return kNowhere;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_MARKED_PLACE_INL_H_

// SPDX-License-Identifier: Apache-2.0
//
// From what the sweep kept of a tile to the candidates of each row, the weights above its bound: the steps between the
// states that top_k-inl.h draws. A step takes a row's selection and returns the one after it.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_CANDIDATES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_CANDIDATES_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_CANDIDATES_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_CANDIDATES_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/above_bound-inl.h"
#include "kernels/top_k/bound_guess.h"
#include "kernels/top_k/row_selection.h"
#include "kernels/top_k/tile_vectors-inl.h"
#include "kernels/top_k/top_lists-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Marked weights of a row that are taken as they are. Where more are marked, another look at the tile takes less time
// than sorting that many in each row of the batch.
inline constexpr size_t kMostMarked = kSlots;
// Candidates of a row that are sorted at once.
inline constexpr size_t kMostCandidates = kShortColumns;

// Zeroes the slots from those that a tile's columns have to `end`.
HWY_INLINE void ClearUnusedSlots(const RowVectors& vectors, size_t end, uint32_t* HWY_RESTRICT slots) {
  const size_t used = (vectors.end - vectors.begin) * hn::Lanes(DU());
  if (used < end) memset(slots + used, 0, (end - used) * sizeof(uint32_t));
}

// How many slots are above a bound.
HWY_INLINE size_t SlotsAbove(const uint32_t* HWY_RESTRICT slots, uint32_t bound) {
  const DU du;
  const auto bound_vector = hn::Set(du, bound);
  size_t above = 0;
  for (size_t i = 0; i < kSlots; i += hn::Lanes(du)) {
    above += hn::CountTrue(du, hn::Gt(hn::Load(du, slots + i), bound_vector));
  }
  return above;
}

// kGuessed or kBounded: picks what is marked. The state stays if too much is marked, or if the guess is no bound.
HWY_INLINE RowSelection PickMarked(const RowVectors& tile, size_t row, const RowSelection& before,
                                   SweepWorkspace& workspace) {
  const size_t count = PickAbove(tile, workspace.above[row], before.bound, kMostMarked, workspace.candidates[row]);
  const bool is_bound = before.state == RowState::kBounded || count >= workspace.list->kept || before.bound == 0;
  const bool picked = count <= kMostMarked && is_bound;
  return {before.bound, picked ? RowState::kPicked : before.state, false, count};
}

// kGuessed, too many or too few weights being above the guess: tries better ones. The state stays if all of them fail.
HWY_NOINLINE inline RowSelection CorrectGuess(const RowVectors& tile, size_t row, RowSelection guess,
                                              SweepWorkspace& workspace) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries && guess.state == RowState::kGuessed; ++i) {
    const uint32_t corrected = workspace.guess.Corrected(*workspace.list, guess.bound, guess.candidates);
    if (corrected == guess.bound) break;
    guess.bound = corrected;
    KeepTile(tile, AboveBound{guess.bound}, workspace.above[row].bytes);
    guess = PickMarked(tile, row, guess, workspace);
  }
  return guess;
}

// kSlots: the sweep has kept the tile's slots.
HWY_INLINE RowSelection CompleteSlots(const RowVectors& tile, size_t row, const RowSelection& before,
                                      SweepWorkspace& workspace) {
  uint32_t* HWY_RESTRICT slots = workspace.slot_max[row];
  ClearUnusedSlots(tile, kSlots, slots);
  const bool crowded = before.bound != 0 && SlotsAbove(slots, before.bound) > kSlots / 2;
  return {before.bound, RowState::kSlots, crowded, 0};
}

// kGuessed or kBounded, and what was marked is of no use: finds the tile's slots by another look at it.
HWY_INLINE RowSelection FindRowSlots(const RowVectors& tile, size_t row, const RowSelection& before,
                                     SweepWorkspace& workspace) {
  FindSlots(tile, workspace.slot_max[row]);
  const uint32_t bound = before.state == RowState::kBounded ? before.bound : 0;
  return {bound, RowState::kSlots, bound != 0, 0};
}

// A row whose tile has just been swept: picks its candidates, or else has its slots.
HWY_INLINE RowSelection PickOrFindSlots(const RowVectors& tile, size_t row, SweepWorkspace& workspace,
                                        GuessOutcome& outcome) {
  const RowSelection& before = workspace.selections[row];
  if (before.state == RowState::kSlots) return CompleteSlots(tile, row, before, workspace);
  RowSelection after = PickMarked(tile, row, before, workspace);
  if (HWY_LIKELY(after.state == RowState::kPicked)) return after;
  if (after.state == RowState::kGuessed) {
    ++outcome.missed;
    after = CorrectGuess(tile, row, after, workspace);
    if (after.state == RowState::kPicked) return after;
    ++outcome.failed;
  }
  return FindRowSlots(tile, row, after, workspace);
}

// kSlots: picks what is above the bound, which the slot that is last among the kept ones may raise.
HWY_INLINE RowSelection PickBySlots(const RowVectors& from, size_t row, uint32_t slot_bound,
                                    SweepWorkspace& workspace) {
  RowSelection after = workspace.selections[row];
  after.bound = HWY_MAX(after.bound, slot_bound);
  const size_t slots_above = SlotsAbove(workspace.slot_max[row], after.bound);
  after.candidates = 0;
  if (slots_above != 0) {
    KeepTile(from, AboveBound{after.bound}, workspace.above[row].bytes);
    after.candidates = PickAbove(from, workspace.above[row], after.bound, SIZE_MAX, workspace.candidates[row]);
  }
  after.state = after.candidates == slots_above ? RowState::kOnlySlots : RowState::kRaised;
  return after;
}

// Picks the candidates of the batch's rows that have slots, from the vectors of the row that `vectors_of` returns. One
// network finds the bounds of all rows, those of the others from old slots, which are not used. The batch's halves then
// hold the largest slots.
template <class VectorsOf>
HWY_INLINE void PickRowsBySlots(TopLists& batch, SweepWorkspace& workspace, const VectorsOf& vectors_of) {
  HWY_ALIGN_MAX uint32_t slot_bounds[hn::MaxLanes(DU())] = {};
  batch.SetHalves({workspace.slot_max[batch.first()], kShortColumns}, kSlots);
  batch.BoundsOfHalves(slot_bounds);
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    if (workspace.selections[row].state != RowState::kSlots) continue;
    workspace.selections[row] = PickBySlots(vectors_of(row), row, slot_bounds[row - batch.first()], workspace);
  }
}

// Picks the candidates of all rows in a tile, but of short ones, which have none.
HWY_NOINLINE inline void PickCandidates(const SweptRow* HWY_RESTRICT rows, size_t tile, TopLists& batch,
                                        SweepWorkspace& workspace, GuessOutcome& outcome) {
  bool any_slots = false;
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    RowSelection& selection = workspace.selections[row];
    if (selection.state == RowState::kShort) continue;
    selection = PickOrFindSlots(VectorsOfTile(rows[row], tile), row, workspace, outcome);
    any_slots |= selection.state == RowState::kSlots;
  }
  if (HWY_LIKELY(!any_slots)) return;
  PickRowsBySlots(batch, workspace, [&](size_t row) HWY_ATTR { return VectorsOfTile(rows[row], tile); });
}

// The most candidates of any row.
HWY_INLINE size_t MostCandidates(const TopLists& batch, const SweepWorkspace& workspace) {
  size_t most = 0;
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    most = HWY_MAX(most, workspace.selections[row].candidates);
  }
  return most;
}

// A row's candidates as the vectors of a tile, copied to where they stay while others are picked from them.
HWY_INLINE RowVectors CopyCandidates(size_t row, SweepWorkspace& workspace) {
  const size_t count = workspace.selections[row].candidates;
  const size_t end = hwy::RoundUpTo(count, GroupColumns());
  memcpy(workspace.unreduced, workspace.candidates[row], count * sizeof(uint32_t));
  memset(workspace.unreduced + count, 0, (end - count) * sizeof(uint32_t));
  const size_t vectors = end / hn::Lanes(DU());
  return {workspace.unreduced, nullptr, ElementType::kFloat32, 0, vectors, vectors};
}

// Reduces the candidates of rows that have too many to be sorted at once, by the candidates' slots: less than half of
// the slots are above the new bound, so that each time less than half of the candidates are left.
inline HWY_NOINLINE void ReduceCandidates(TopLists& batch, SweepWorkspace& workspace) {
  while (HWY_UNLIKELY(MostCandidates(batch, workspace) > kMostCandidates)) {
    for (size_t row = batch.first(); row < batch.end(); ++row) {
      RowSelection& selection = workspace.selections[row];
      if (selection.candidates <= kMostCandidates) continue;
      FindSlots(CopyCandidates(row, workspace), workspace.slot_max[row]);
      selection.state = RowState::kSlots;
    }
    PickRowsBySlots(batch, workspace, [&](size_t row) HWY_ATTR { return CopyCandidates(row, workspace); });
  }
}

// Fills up the candidates of all rows to `end` with their bounds. As many weights as are kept are greater than or equal
// to a bound, so that no more of these get into the list than there are weights equal to it.
HWY_INLINE void FillUp(const TopLists& batch, size_t end, SweepWorkspace& workspace) {
  const DU du;
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    const RowSelection& selection = workspace.selections[row];
    const auto bound = hn::Set(du, selection.bound);
    uint32_t* HWY_RESTRICT to = workspace.candidates[row];
    for (size_t i = selection.candidates; i < end; i += hn::Lanes(du)) hn::StoreU(bound, du, to + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_CANDIDATES_INL_H_

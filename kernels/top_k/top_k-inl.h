// SPDX-License-Identifier: Apache-2.0
//
// The exact sums of each row's 5, 10 and 50 largest weights. Weights are handled as their bit patterns, which for
// weights >= 0 order as the weights do. Included per target by weights_sweep.cc.
//
// Short rows go through selection networks as they are. Of longer ones, only the weights above a bound do, their
// candidates: above a weight that at least 50 weights are greater than or equal to. How many are equal to it does not
// matter, as candidates are filled up with the bound. There are three kinds of bounds:
//
// - A guess, from the rows before (BoundGuess). The sweep marks what is above it. It is a bound if that turns out to be
//   at least 50 weights.
// - Where there is no guess, or a bad one, the sweep, or a second look at the tile, leaves the largest weight of each
// of
//   128 slots. A selection network finds the 50th largest of these. Less than 50 slots hold candidates, which another
//   look at the tile, still in cache, marks and picks.
// - In later tiles, the 50th largest weight so far: after m tiles of weights in random order, some 50 / m are above it.
//   Where there are too many, as in ascending rows, slots are found as above, and in the next tile at once.
//
// Whichever way it came about, the list is that of the 50 largest weights, in order: the sums depend on the row alone,
// not on other rows, and so not on how rows are cut into calls.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_TOP_K_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_TOP_K_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_TOP_K_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_TOP_K_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_block.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/above_bound-inl.h"
#include "kernels/top_k/bound_guess.h"
#include "kernels/top_k/tile_vectors-inl.h"
#include "kernels/top_k/top_k_network-inl.h"
#include "kernels/top_k/top_lists-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Candidates of a row that one network takes.
inline constexpr size_t kMostCandidates = kSlots;

// What is known of the candidates of each row of a batch.
struct Candidates {
  size_t count[kRowsPerBlock];
  bool missed[kRowsPerBlock];      // a first guess was no bound, or too many were above it
  bool by_slots[kRowsPerBlock];    // the row's slots had to show a bound first
  bool many_slots[kRowsPerBlock];  // so many slots were above an older bound that they may be in the next tile
  bool only_slots[kRowsPerBlock];  // each candidate is the largest weight of a slot

  size_t Most(const TopLists& batch) const {
    size_t most = 0;
    for (size_t i = 0; i < batch.num_rows(); ++i) most = HWY_MAX(most, count[i]);
    return most;
  }
  size_t BySlots(const TopLists& batch) const {
    size_t rows = 0;
    for (size_t i = 0; i < batch.num_rows(); ++i) rows += by_slots[i];
    return rows;
  }
};

// Whether a row has a slot for each column.
template <typename T>
HWY_INLINE bool IsShort(const SweptRow<T>& row) {
  return row.groups * GroupColumns() <= kShortColumns;
}

// Zeroes the slots from those that a tile's columns have to `end`.
template <typename T>
HWY_INLINE void ClearUnusedSlots(const RowVectors<T>& vectors, size_t end, uint32_t* HWY_RESTRICT slots) {
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

// Raises the bounds of those rows whose slots are known to their 50th largest slot. The slots' halves stay.
inline HWY_NOINLINE void RaiseBounds(const Candidates& candidates, TopLists& batch, SweepWorkspace& workspace) {
  HWY_ALIGN_MAX uint32_t bounds[kMaxFloatLanes] = {};
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    if (!candidates.by_slots[i]) memset(workspace.slot_max[batch.first() + i], 0, kSlots * sizeof(uint32_t));
  }
  batch.SetHalves({workspace.slot_max[batch.first()], kShortColumns}, kSlots);
  batch.BoundsOfHalves(bounds);
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    uint32_t& bound = workspace.bounds[batch.first() + i];
    bound = HWY_MAX(bound, bounds[i]);
  }
}

// Picks the candidates of a row whose slots have shown its bound.
template <typename T>
HWY_INLINE void PickBySlots(const RowVectors<T>& vectors, size_t row, size_t i, Candidates& candidates,
                            SweepWorkspace& workspace) {
  const uint32_t bound = workspace.bounds[row];
  const size_t slots_above = SlotsAbove(workspace.slot_max[row], bound);
  candidates.count[i] = 0;
  if (slots_above != 0) {
    KeepTile(vectors, AboveBound{bound}, workspace.above[row].bytes);
    candidates.count[i] = PickAbove(vectors, workspace.above[row], bound, SIZE_MAX, workspace.candidates[row]);
  }
  candidates.only_slots[i] = candidates.count[i] == slots_above;
}

// Tries guesses until as many weights as a network takes, and at least 50, are above one of them. `count` are above
// `bound`. Leaves both, and the row's candidates, as the last guess has them.
template <typename T>
HWY_NOINLINE bool PickByGuess(const RowVectors<T>& vectors, size_t row, uint32_t& bound, size_t& count,
                              SweepWorkspace& workspace) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    const uint32_t corrected = workspace.guess.Corrected(bound, count);
    if (corrected == bound) return false;
    bound = corrected;
    KeepTile(vectors, AboveBound{bound}, workspace.above[row].bytes);
    count = PickAbove(vectors, workspace.above[row], bound, kMostCandidates, workspace.candidates[row]);
    if (count <= kMostCandidates && (count >= kTopK || bound == 0)) return true;
  }
  return false;
}

// Finds the candidates of a row in a tile, or else its slots.
template <typename T>
HWY_INLINE void FindInTile(const RowVectors<T>& vectors, bool first_tile, size_t row, size_t i, Candidates& candidates,
                           SweepWorkspace& workspace) {
  uint32_t& bound = workspace.bounds[row];
  size_t& count = candidates.count[i];
  if (workspace.finds_slots[row]) {
    ClearUnusedSlots(vectors, kSlots, workspace.slot_max[row]);
    candidates.by_slots[i] = true;
    candidates.many_slots[i] = !first_tile && SlotsAbove(workspace.slot_max[row], bound) > kSlots / 2;
    return;
  }
  count = PickAbove(vectors, workspace.above[row], bound, kMostCandidates, workspace.candidates[row]);
  const bool is_bound = !first_tile || count >= kTopK || bound == 0;
  if (HWY_LIKELY(count <= kMostCandidates && is_bound)) return;
  candidates.missed[i] = true;
  if (first_tile && PickByGuess(vectors, row, bound, count, workspace)) return;
  candidates.by_slots[i] = candidates.many_slots[i] = true;
  if (first_tile) bound = 0;
  FindSlots(vectors, workspace.slot_max[row]);
}

// Finds the candidates of all rows in a tile; nothing is known of them yet. Short rows have none.
template <typename T>
HWY_NOINLINE void FindCandidates(const SweptRow<T>* HWY_RESTRICT rows, size_t tile, TopLists& batch,
                                 Candidates& candidates, SweepWorkspace& workspace) {
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    const size_t row = batch.first() + i;
    candidates.only_slots[i] = IsShort(rows[row]);
    if (IsShort(rows[row])) continue;
    FindInTile(VectorsOfTile(rows[row], tile), tile == 0, row, i, candidates, workspace);
  }
  if (HWY_LIKELY(candidates.BySlots(batch) == 0)) return;
  RaiseBounds(candidates, batch, workspace);
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    if (!candidates.by_slots[i]) continue;
    const size_t row = batch.first() + i;
    PickBySlots(VectorsOfTile(rows[row], tile), row, i, candidates, workspace);
  }
}

// A row's candidates as the vectors of a tile. There is room behind them.
HWY_INLINE RowVectors<uint32_t> VectorsOf(uint32_t* HWY_RESTRICT candidates, size_t count) {
  const size_t end = hwy::RoundUpTo(count, GroupColumns());
  memset(candidates + count, 0, (end - count) * sizeof(uint32_t));
  const size_t vectors = end / hn::Lanes(DU());
  return {candidates, nullptr, 0, vectors, vectors};
}

// Reduces the candidates of rows that have more than one network takes, by a guess, or where that fails, while there
// are any, by slots, as those of a tile: less than 50 of 128 slots are above their bound, so that less than half are
// left.
inline HWY_NOINLINE void ReduceCandidates(TopLists& batch, Candidates& candidates, SweepWorkspace& workspace) {
  if (HWY_LIKELY(candidates.Most(batch) <= kSlots)) return;
  const auto move_away = [&](size_t i) HWY_ATTR {
    memcpy(workspace.unreduced, workspace.candidates[batch.first() + i], candidates.count[i] * sizeof(uint32_t));
    return VectorsOf(workspace.unreduced, candidates.count[i]);
  };
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    if (candidates.count[i] <= kMostCandidates) continue;
    const size_t row = batch.first() + i;
    uint32_t bound = workspace.bounds[row];
    size_t count = candidates.count[i];
    if (PickByGuess(move_away(i), row, bound, count, workspace)) {
      workspace.bounds[row] = bound;
      candidates.count[i] = count;
    } else {
      memcpy(workspace.candidates[row], workspace.unreduced, candidates.count[i] * sizeof(uint32_t));
    }
  }
  while (candidates.Most(batch) > kMostCandidates) {
    for (size_t i = 0; i < batch.num_rows(); ++i) {
      const size_t row = batch.first() + i;
      candidates.by_slots[i] = candidates.count[i] > kMostCandidates;
      if (!candidates.by_slots[i]) continue;
      FindSlots(VectorsOf(workspace.candidates[row], candidates.count[i]), workspace.slot_max[row]);
    }
    RaiseBounds(candidates, batch, workspace);
    for (size_t i = 0; i < batch.num_rows(); ++i) {
      if (candidates.by_slots[i]) PickBySlots(move_away(i), batch.first() + i, i, candidates, workspace);
    }
  }
}

// Fills up the candidates of all rows to `end` with their bounds. At least 50 weights are greater than or equal to a
// bound, so that no more of these get into a list of 50 than there are weights equal to it.
HWY_INLINE void FillUp(const TopLists& batch, const Candidates& candidates, size_t end, SweepWorkspace& workspace) {
  const DU du;
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    const size_t row = batch.first() + i;
    const auto bound = hn::Set(du, workspace.bounds[row]);
    uint32_t* HWY_RESTRICT to = workspace.candidates[row];
    for (size_t j = candidates.count[i]; j < end; j += hn::Lanes(du)) hn::StoreU(bound, du, to + j);
  }
}

// Sets the list to the first tile's 50 largest weights.
template <typename T>
HWY_NOINLINE void SetFirstTile(const SweptRow<T>* HWY_RESTRICT rows, TopLists& batch, SweepWorkspace& workspace,
                               GuessOutcome& outcome) {
  Candidates candidates = {};
  FindCandidates(rows, 0, batch, candidates, workspace);
  bool only_slots = true;
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    only_slots &= candidates.only_slots[i];
    outcome.missed += candidates.missed[i];
    outcome.failed += candidates.missed[i] && candidates.by_slots[i];
  }
  if (!only_slots) {
    ReduceCandidates(batch, candidates, workspace);
    FillUp(batch, candidates, kMostCandidates, workspace);
    batch.SetHalves({workspace.candidates[batch.first()], kCandidatesCapacity}, candidates.Most(batch));
  }
  batch.SetList();
  HWY_ALIGN_MAX uint32_t bounds[kMaxFloatLanes] = {};
  HWY_ALIGN_MAX uint32_t upper[kMaxFloatLanes] = {};
  hn::Store(batch.OfList(kTopK - 1), DU(), bounds);
  hn::Store(batch.OfList(kGuessFrom - 1), DU(), upper);
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    if (IsShort(rows[batch.first() + i])) continue;
    ++outcome.rows;
    outcome.bounds += bounds[i];
    outcome.steps += upper[i] - bounds[i];
  }
}

// Adds a later tile, and decides what the sweep of the next one finds.
template <typename T>
HWY_NOINLINE void AddLaterTile(const SweptRow<T>* HWY_RESTRICT rows, size_t tile, TopLists& batch,
                               SweepWorkspace& workspace) {
  Candidates candidates = {};
  FindCandidates(rows, tile, batch, candidates, workspace);
  for (size_t i = 0; i < batch.num_rows(); ++i) {
    workspace.finds_slots[batch.first() + i] = candidates.many_slots[i];
  }
  // Where bounds are raised, there have to be 50 weights with those that are equal to them.
  const bool raised = candidates.BySlots(batch) != 0 || candidates.Most(batch) > kMostCandidates;
  ReduceCandidates(batch, candidates, workspace);
  const size_t most = HWY_MAX(candidates.Most(batch), raised ? kTopK : 0);
  const size_t end = hwy::RoundUpTo(most, kMergedAtOnce);
  FillUp(batch, candidates, end, workspace);
  const RowsInMemory weights = {workspace.candidates[batch.first()], kCandidatesCapacity};
  for (size_t column = 0; column < end; column += kMergedAtOnce) batch.AddToList(weights, column);
}

// The selection of one block's rows: made before their first tile is swept, told of each tile after it.
template <typename T>
class Selection {
 public:
  // Decides what the sweep of the first tile finds.
  Selection(const SweepBlock& block, const SweptRow<T>* HWY_RESTRICT rows, SweepWorkspace& workspace)
      : rows_(rows), num_rows_(block.num_rows), workspace_(workspace) {
    const size_t N = hn::Lanes(DU());
    num_batches_ = hwy::DivCeil(num_rows_, N);
    for (size_t i = 0; i < num_batches_; ++i) batches_[i].Init(i * N, HWY_MIN(N, num_rows_ - i * N), workspace);
    const bool guess = workspace.guess.Usable();
    for (size_t i = 0; i < num_rows_; ++i) {
      const bool is_short = IsShort(rows[i]);
      size_t& longest = is_short ? longest_short_ : longest_;
      longest = HWY_MAX(longest, block.rows[i].visible);
      any_short_ |= is_short;
      workspace.finds_slots[i] = is_short || !guess;
      workspace.bounds[i] = workspace.finds_slots[i] ? 0 : workspace.guess.bits;
    }
  }

  // Adds the tile from group `tile` on, which has been swept, and decides what the sweep of the next one finds.
  void AddTile(size_t tile) {
    if (tile == 0) {
      if (any_short_) SortShort();
      if (longest_ == 0) return;
      SetFirstTiles();
    } else {
      for (size_t i = 0; i < num_batches_; ++i) AddLaterTile(rows_, tile, batches_[i], workspace_);
    }
    if (tile * GroupColumns() + kTileColumns >= longest_) return;
    for (size_t i = 0; i < num_batches_; ++i) {
      hn::StoreU(batches_[i].OfList(kTopK - 1), DU(), workspace_.bounds + batches_[i].first());
    }
  }

  // Writes the sums of all rows. Those of short rows are the halves' also where other rows of the block are longer, so
  // that they do not depend on these.
  void Sum(TopSums& sums) const {
    if (longest_ == 0) return SumHalves(sums);
    for (size_t i = 0; i < num_batches_; ++i) batches_[i].SumList(sums);
    for (size_t i = 0; any_short_ && i < num_rows_; ++i) {
      if (IsShort(rows_[i])) sums.Copy(short_, i);
    }
  }

 private:
  void SumHalves(TopSums& sums) const {
    for (size_t i = 0; i < num_batches_; ++i) batches_[i].SumHalves(sums);
  }

  void SortShort() {
    const size_t end = longest_short_ > kSlots ? kShortColumns : kSlots;
    for (size_t i = 0; i < num_batches_; ++i) {
      TopLists& batch = batches_[i];
      for (size_t row = batch.first(); row < batch.first() + batch.num_rows(); ++row) {
        ClearUnusedSlots(VectorsOfTile(rows_[row], 0), end, workspace_.slot_max[row]);
      }
      const RowsInMemory weights = {workspace_.slot_max[batch.first()], kShortColumns};
      batch.SetHalves(weights, longest_short_);
      if (longest_short_ > kSlots) batch.AddSecondLap(weights, longest_short_);
    }
    if (longest_ != 0) SumHalves(short_);
  }

  void SetFirstTiles() {
    GuessOutcome outcome;
    for (size_t i = 0; i < num_batches_; ++i) SetFirstTile(rows_, batches_[i], workspace_, outcome);
    workspace_.guess.Observe(outcome);
    memset(workspace_.finds_slots, false, sizeof(workspace_.finds_slots));
  }

  const SweptRow<T>* rows_;
  size_t num_rows_;
  SweepWorkspace& workspace_;
  size_t num_batches_;
  TopLists batches_[kRowsPerBlock];
  size_t longest_ = 0;        // weights of the longest row that is not short
  size_t longest_short_ = 0;  // and of the longest short row
  bool any_short_ = false;
  TopSums short_;  // of short rows, where others are longer
};

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_TOP_K_INL_H_

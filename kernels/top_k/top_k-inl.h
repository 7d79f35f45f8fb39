// SPDX-License-Identifier: Apache-2.0
//
// The exact sums of each row's k largest weights, for k up to 64. Weights are handled as their bit patterns, which for
// weights >= 0 order as the weights do. A row's 50 largest are kept, or 64 where some k needs more (ListSize); what
// follows says 50.
//
// Short rows go through selection networks as they are. Of longer ones, only the candidates do, the weights of a tile
// above a bound: a weight that at least 50 weights of the row are greater than or equal to. How many are equal to it
// does not matter, as candidates are filled up with the bound.
//
// The states of a longer row (RowState). The sweep of a tile keeps what the state on the left says; what it finds leads
// to the right, to the tile's candidates:
//
//   first tile, guess ----> kGuessed --- 50 to 128 weights are marked -----------------------------------> kPicked
//                              |  |                                                                           ^
//                              |  +----- otherwise: up to three better guesses, each by a look at the tile ---+
//                              |
//                              | if these fail: the tile's slots, by a look at it
//                              v
//   first tile, no guess -> kSlots ----- the 50th largest slot is a bound; a look picks what is above it --> kRaised
//   later, crowded row ---->   ^                                                                        or kOnlySlots
//                              | more than 128 are marked: the tile's slots, by a look at it; the row is crowded
//                              |
//   later tile -----------> kBounded --- up to 128 weights are marked ------------------------------------> kPicked
//
//   kRaised, with more than 256 candidates -> kSlots, those of the candidates
//   any of the three, merged into the list of the row's 50 largest weights -> kBounded, by the last of these; or
//   kSlots, if the row is crowded
//
// The guess comes from the rows before (BoundGuess). Where weights are in random order, some 50 / m of those of the
// m-th tile are above the bound. Crowded rows, such as ascending ones, have hundreds in one tile after the other.
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

#include "hwy/highway.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/row_tile-inl.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/bound_guess.h"
#include "kernels/top_k/candidates-inl.h"
#include "kernels/top_k/mass_sizes.h"
#include "kernels/top_k/row_selection.h"
#include "kernels/top_k/tile_vectors-inl.h"
#include "kernels/top_k/top_k_network-inl.h"
#include "kernels/top_k/top_lists-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adds what the list of a first tile shows of the batch's longer rows, for the next guess.
HWY_INLINE void ObserveList(const TopLists& batch, const SweepWorkspace& workspace, GuessOutcome& outcome) {
  HWY_ALIGN_MAX uint32_t bounds[hn::MaxLanes(DU())] = {};
  HWY_ALIGN_MAX uint32_t upper[hn::MaxLanes(DU())] = {};
  hn::Store(batch.OfList(workspace.list->kept - 1), DU(), bounds);
  hn::Store(batch.OfList(workspace.list->guess_from - 1), DU(), upper);
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    if (workspace.selections[row].state == RowState::kShort) continue;
    const size_t lane = row - batch.first();
    ++outcome.rows;
    outcome.bounds += bounds[lane];
    outcome.steps += upper[lane] - bounds[lane];
  }
}

// Whether each row's candidates are the largest weights of its slots, which the batch's halves hold already. Short rows
// have no candidates.
HWY_INLINE bool OnlySlots(const TopLists& batch, const SweepWorkspace& workspace) {
  bool only_slots = true;
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    const RowState state = workspace.selections[row].state;
    only_slots &= state == RowState::kOnlySlots || state == RowState::kShort;
  }
  return only_slots;
}

// Sets the list to the first tile's largest weights.
HWY_NOINLINE inline void SetFirstTile(const SweptRow* HWY_RESTRICT rows, TopLists& batch, SweepWorkspace& workspace,
                                      GuessOutcome& outcome) {
  PickCandidates(rows, 0, batch, workspace, outcome);
  if (!OnlySlots(batch, workspace)) {
    ReduceCandidates(batch, workspace);
    const size_t most = MostCandidates(batch, workspace);
    FillUp(batch, hwy::RoundUpTo(HWY_MAX(most, workspace.list->kept), kSlots / 2), workspace);
    batch.SetHalves({workspace.candidates[batch.first()], kCandidatesCapacity}, most);
  }
  batch.SetList();
  ObserveList(batch, workspace, outcome);
}

// How many of its candidates, and of its bound behind them, a row merges into the list: where the bound is raised,
// there have to be `kept` weights with those that are equal to it.
HWY_INLINE size_t NumMerged(const RowSelection& selection, size_t kept) {
  const bool raised = selection.state == RowState::kRaised || selection.state == RowState::kOnlySlots;
  return raised ? HWY_MAX(selection.candidates, kept) : selection.candidates;
}

// Adds a later tile.
HWY_NOINLINE inline void AddLaterTile(const SweptRow* HWY_RESTRICT rows, size_t tile, TopLists& batch,
                                      SweepWorkspace& workspace) {
  GuessOutcome none;  // guesses are for first tiles
  PickCandidates(rows, tile, batch, workspace, none);
  ReduceCandidates(batch, workspace);
  size_t most = 0;
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    most = HWY_MAX(most, NumMerged(workspace.selections[row], workspace.list->kept));
  }
  const size_t end = hwy::RoundUpTo(most, kMergedAtOnce);
  FillUp(batch, end, workspace);
  const RowsInMemory weights = {workspace.candidates[batch.first()], kCandidatesCapacity};
  for (size_t column = 0; column < end; column += kMergedAtOnce) batch.AddToList(weights, column);
}

// Decides what the sweep of the next tile keeps.
HWY_INLINE void PrepareNextTile(const TopLists& batch, SweepWorkspace& workspace) {
  HWY_ALIGN_MAX uint32_t bounds[hn::MaxLanes(DU())] = {};
  hn::Store(batch.OfList(workspace.list->kept - 1), DU(), bounds);
  for (size_t row = batch.first(); row < batch.end(); ++row) {
    RowSelection& selection = workspace.selections[row];
    if (selection.state == RowState::kShort) continue;
    selection = {bounds[row - batch.first()], selection.crowded ? RowState::kSlots : RowState::kBounded, false, 0};
  }
}

// The selection of one block's rows: made before their first tile is swept, told of each tile after it.
class Selection {
 public:
  // Decides what the sweep of the first tile keeps.
  Selection(const RowBlock& block, const SweptRow* HWY_RESTRICT rows, SweepWorkspace& workspace)
      : rows_(rows), num_rows_(block.num_rows), masses_(*block.masses), workspace_(workspace) {
    workspace.list = masses_.list;
    const size_t N = hn::Lanes(DU());
    num_batches_ = hwy::DivCeil(num_rows_, N);
    for (size_t i = 0; i < num_batches_; ++i) {
      batches_[i].Init(i * N, HWY_MIN((i + 1) * N, num_rows_), masses_, workspace);
    }
    const bool guess = workspace.guess.Usable();
    const RowSelection start = {guess ? workspace.guess.bits : 0, guess ? RowState::kGuessed : RowState::kSlots};
    for (size_t i = 0; i < num_rows_; ++i) {
      const bool is_short = rows[i].groups * GroupColumns() <= kShortColumns;
      size_t& longest = is_short ? longest_short_ : longest_;
      longest = HWY_MAX(longest, block.rows[i].visible);
      any_short_ |= is_short;
      workspace.selections[i] = is_short ? RowSelection{0, RowState::kShort} : start;
    }
  }

  // Adds the tile from group `tile` on, which has been swept, and decides what the sweep of the next one keeps.
  void AddTile(size_t tile) {
    if (tile == 0) {
      if (any_short_) SortShort();
      if (longest_ == 0) return;
      SetFirstTiles();
    } else {
      for (size_t i = 0; i < num_batches_; ++i) AddLaterTile(rows_, tile, batches_[i], workspace_);
    }
    if (tile * GroupColumns() + kTileColumns >= longest_) return;
    for (size_t i = 0; i < num_batches_; ++i) PrepareNextTile(batches_[i], workspace_);
  }

  // Writes the bit pattern of each row's largest weight so far to `bits`, which has room for the lanes of any batch.
  void StoreLargest(uint32_t* HWY_RESTRICT bits) const {
    for (size_t i = 0; i < num_batches_; ++i) batches_[i].StoreLargest(longest_ == 0, bits);
    for (size_t i = 0; longest_ != 0 && any_short_ && i < num_rows_; ++i) {
      if (workspace_.selections[i].state == RowState::kShort) bits[i] = short_.max_bits[i];
    }
  }

  // Writes the sums of all rows. Short rows are summed from the halves also where other rows of the block are longer:
  // so their sums do not depend on these.
  void Sum(TopSums& sums) const {
    if (longest_ == 0) return SumHalves(sums);
    for (size_t i = 0; i < num_batches_; ++i) batches_[i].SumList(sums);
    for (size_t i = 0; any_short_ && i < num_rows_; ++i) {
      if (workspace_.selections[i].state == RowState::kShort) sums.Copy(short_, i, masses_.listed);
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
      for (size_t row = batch.first(); row < batch.end(); ++row) {
        ClearUnusedSlots(VectorsOfTile(rows_[row], 0), end, workspace_.slot_max[row]);
      }
      batch.SetHalves({workspace_.slot_max[batch.first()], kShortColumns}, longest_short_);
    }
    if (longest_ != 0) SumHalves(short_);
  }

  void SetFirstTiles() {
    GuessOutcome outcome;
    for (size_t i = 0; i < num_batches_; ++i) SetFirstTile(rows_, batches_[i], workspace_, outcome);
    workspace_.guess.Observe(*masses_.list, outcome);
  }

  const SweptRow* rows_;
  size_t num_rows_;
  const MassSizes& masses_;
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

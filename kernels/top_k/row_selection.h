// SPDX-License-Identifier: Apache-2.0
//
// What the selection of the largest weights knows of one row, and its sizes. No SIMD here: shared by all targets of the
// sweep, which reads from it what to keep of the row's next tile.
#ifndef ATTNSCOPE_KERNELS_TOP_K_ROW_SELECTION_H_
#define ATTNSCOPE_KERNELS_TOP_K_ROW_SELECTION_H_

#include <stddef.h>
#include <stdint.h>

namespace attnscope {

// How many of a row's largest weights are kept, as many as the largest k of the masses that are made of them needs, and
// how many weights of a row a guess is to find above it (BoundGuess). There are two such sizes.
struct ListSize {
  size_t kept;
  size_t guess_from;    // guesses extrapolate from a row's kept-th largest weight and this one
  double log2_of_step;  // log2(kept / guess_from)
  // Weights that are to be above a guess: enough for chance to leave as many as are kept, and for few networks.
  float aim;
};
inline constexpr ListSize kUsualList = {50, 35, 0.5146, 72.0f};
inline constexpr ListSize kLongList = {64, 45, 0.5081, 88.0f};
// The most that a list holds, whatever is kept.
inline constexpr size_t kMostKept = kLongList.kept;
// A tile's columns take turns with the slots (SlotMasks). Neighbouring columns, which are often large together, have
// slots of their own.
inline constexpr size_t kSlots = 128;
// Short rows have at most this many columns, whole groups of vectors, and a slot for each column: two networks take
// less time than a second look.
inline constexpr size_t kShortColumns = 2 * kSlots;
// Vectors that a sorted list of the largest weights has room for.
inline constexpr size_t kListSize = 64;

// The states of a row. The drawing in top_k-inl.h shows which event leads from one to another.
enum class RowState : uint8_t {
  kShort,     // the sweep keeps all weights
  kSlots,     // the sweep, or another look at the weights, keeps the largest weight of each slot
  kGuessed,   // the sweep marks the weights above a guess; it is a bound if they turn out to be enough
  kBounded,   // the sweep marks the weights above a bound
  kPicked,    // the weights above the bound are picked: they are the tile's candidates
  kRaised,    // the same, above a bound that the slots have raised
  kOnlySlots  // the same, and each candidate is the largest weight of its slot
};

// A bound of a row is a weight that as many of its weights as are kept are greater than or equal to. Zero always is
// one: rows of fewer weights are filled up with zeros.
struct RowSelection {
  uint32_t bound = 0;  // or guess, as a bit pattern
  RowState state = RowState::kSlots;
  bool crowded = false;  // so much of the tile is above an older bound that the next tile is best swept for slots
  size_t candidates = 0;

  bool KeepsSlots() const { return state == RowState::kShort || state == RowState::kSlots; }
  size_t NumSlots() const { return state == RowState::kShort ? kShortColumns : kSlots; }
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_ROW_SELECTION_H_

// SPDX-License-Identifier: Apache-2.0
//
// What the selection of the largest weights knows of one row, and its sizes. No SIMD here: shared by all targets of the
// sweep, which reads from it what to keep of the row's next tile.
#ifndef ATTNSCOPE_KERNELS_TOP_K_ROW_SELECTION_H_
#define ATTNSCOPE_KERNELS_TOP_K_ROW_SELECTION_H_

#include <stddef.h>
#include <stdint.h>

namespace attnscope {

// How many of a row's largest weights are kept: the largest k of the top-k masses.
inline constexpr size_t kTopK = 50;
// A tile's columns take turns with the slots (SlotMasks). Neighbouring columns, which are often large together, have
// slots of their own.
inline constexpr size_t kSlots = 128;
// Short rows have at most this many columns, whole groups of vectors, and a slot for each column: two networks take
// less time than a second look.
inline constexpr size_t kShortColumns = 2 * kSlots;
// Vectors that a sorted list of the largest weights has room for; kTopK are in use.
inline constexpr size_t kListSize = 64;

// The states of a row. The drawing in top_k-inl.h shows which event leads from one to another.
enum class RowState : uint8_t {
  kShort,     // the sweep keeps all weights
  kSlots,     // the sweep, or another look at the weights, keeps the largest weight of each slot
  kGuessed,   // the sweep marks the weights above a guess; it is a bound if they turn out to be at least kTopK
  kBounded,   // the sweep marks the weights above a bound
  kPicked,    // the weights above the bound are picked: they are the tile's candidates
  kRaised,    // the same, above a bound that the slots have raised
  kOnlySlots  // the same, and each candidate is the largest weight of its slot
};

// A bound of a row is a weight that at least kTopK of its weights are greater than or equal to. Zero always is one:
// rows of fewer weights are filled up with zeros.
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

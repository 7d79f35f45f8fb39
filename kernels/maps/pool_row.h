// SPDX-License-Identifier: Apache-2.0
//
// One row of weights to the cells of a map: the largest of each run of keys.
#ifndef ATTNSCOPE_KERNELS_MAPS_POOL_ROW_H_
#define ATTNSCOPE_KERNELS_MAPS_POOL_ROW_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"
#include "kernels/row_visibility.h"

namespace attnscope {

// The first key of cell `cell` of `cells`, which share `keys` keys; the same for rows.
inline size_t FirstOfCell(size_t cell, size_t cells, size_t keys) { return cell * keys / cells; }
// The cell that key `key` is in.
inline size_t CellOf(size_t key, size_t cells, size_t keys) { return ((key + 1) * cells - 1) / keys; }

// A row of cells, of matrices with `keys` keys.
struct CellRow {
  float* cells = nullptr;  // [columns]
  size_t columns = 0;      // 1 to keys
  size_t keys = 0;
};

// Raises the cells to the weights of keys [range.begin, range.end), of which `weights` is the first. A cell becomes
// NaN, and stays so, with a weight that is NaN, infinite or negative. `shown` [range.size()] tells which keys count,
// null: all; weights of the others are not read. O(range.size()); allocates nothing. Thread-safe for different cells.
void PoolRow(const void* weights, ElementType type, const KeyRange& range, const uint8_t* shown, const CellRow& to);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_MAPS_POOL_ROW_H_

// SPDX-License-Identifier: Apache-2.0
//
// What an engine's additive mask shows of the cells of a key cache: the visibility that measures it best. Engines hide
// cells by -infinity: those of other sequences, of later tokens, behind a window, or unused. Where that is causality
// over cells in order, said as such it costs half. attnscope/llama.h reads llama.cpp's masks by it. Example:
//
//   attnscope::CacheMaskRows rows;
//   attnscope::Status status = attnscope::ReadCacheMask(bias, queries, cells, positions, /*bytes=*/nullptr, &rows);
//   view.keys = rows.cells;
//   params.mask = rows.visibility;
//   if (!rows.causal) params.bias = bias, params.mask.key_positions = rows.positions.data();
//
// Thread-safe: it looks at its arguments alone.
#ifndef ATTNSCOPE_CACHE_MASK_H_
#define ATTNSCOPE_CACHE_MASK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "attnscope/visibility.h"

namespace attnscope {

// What some rows of a mask show.
struct CacheMaskRows {
  size_t cells = 0;  // up to the last one that a row sees
  // Row i sees the cells up to visibility.causal_offset + i, or the last visibility.window of these, each cell holds
  // the position of its own index, and nothing is added to a logit. Otherwise the bias has to be given, and the
  // positions.
  bool causal = false;
  Visibility visibility = {};
  // Otherwise: [cells] positions for Visibility::key_positions, -1 of the cells that no row sees.
  std::vector<int64_t> positions;
};

namespace internal {

// Numbers that hide a key, in their own bits: -infinity and float16's lowest, and float32 at or below -1e8.
inline bool HidesKey(uint16_t half) { return half == 0xFC00 || half == 0xFBFF; }
inline bool HidesKey(float value) { return value <= -1e8f; }
inline bool AddsNothing(uint16_t half) { return (half & 0x7FFF) == 0; }
inline bool AddsNothing(float value) { return value == 0.0f; }

struct MaskRow {
  size_t first = 0;
  size_t end = 0;  // of the cells that the row sees; 0: it sees none
  bool plain = true;
};

template <typename T>
MaskRow ReadMaskRow(const T* row, size_t cells, uint8_t* seen, uint8_t* bytes) {
  size_t count = 0;
  size_t adds = 0;
  for (size_t j = 0; j < cells; ++j) {
    const uint8_t sees = HidesKey(row[j]) ? 0 : 1;
    seen[j] |= sees;
    count += sees;
    adds += sees & (AddsNothing(row[j]) ? 0 : 1);
  }
  if (bytes != nullptr) {
    for (size_t j = 0; j < cells; ++j) bytes[j] = HidesKey(row[j]) ? 0 : 1;
  }
  MaskRow read;
  if (count == 0) return {0, 0, false};
  while (HidesKey(row[read.first])) ++read.first;
  read.end = cells;
  while (HidesKey(row[read.end - 1])) --read.end;
  read.plain = adds == 0 && read.end - read.first == count;
  return read;
}

// Whether the rows are causal: each ends one cell later; none has left a cell behind, or all as one window has.
inline bool MaskIsCausal(const std::vector<MaskRow>& rows, Visibility* visibility) {
  size_t window = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].plain || rows[i].end != rows[0].end + i) return false;
    if (rows[i].first > 0 && window == 0) window = rows[i].end - rows[i].first;
  }
  for (const MaskRow& row : rows) {
    const size_t first = window == 0 || row.end < window ? 0 : row.end - window;
    if (row.first != first) return false;
  }
  *visibility = {
      .causal = true, .causal_offset = static_cast<int64_t>(rows[0].end) - 1, .window = static_cast<int64_t>(window)};
  return true;
}

// A cell whose position another one before it has; the number of cells if there is none. Positions may be any.
inline size_t CellOfTakenPosition(const std::vector<int64_t>& positions) {
  std::vector<std::pair<int64_t, size_t>> sorted;
  for (size_t j = 0; j < positions.size(); ++j) {
    if (positions[j] >= 0) sorted.emplace_back(positions[j], j);
  }
  std::sort(sorted.begin(), sorted.end());
  size_t cell = positions.size();
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i].first == sorted[i - 1].first) cell = std::min(cell, sorted[i].second);
  }
  return cell;
}

template <typename T>
std::vector<MaskRow> ReadMaskRows(const BiasView& bias, size_t queries, size_t cells, uint8_t* seen, uint8_t* bytes) {
  std::vector<MaskRow> rows(queries);
  for (size_t i = 0; i < queries; ++i) {
    const T* row = static_cast<const T*>(bias.data) + static_cast<int64_t>(i) * bias.query_stride;
    rows[i] = ReadMaskRow(row, cells, seen, bytes == nullptr ? nullptr : bytes + i * cells);
  }
  return rows;
}

}  // namespace internal

// Reads rows [0, queries) of the first matrix of `bias`. Cell j holds the key of position positions[j], or nothing
// known, which is negative. `bytes` is null, or gets what KeyMaskView takes: [queries, cells], 1 where a row sees.
// Allocates; O(queries * cells), and O(cells log cells) where they are not in order. Errors: kInvalidArgument for a
// bias that is neither float32 nor float16, null where there are cells, and where a row sees a cell whose position is
// not known, or two cells of one position are seen: columns would be wrong. `*out` is then unchanged.
inline Status ReadCacheMask(const BiasView& bias, size_t queries, size_t cells, const int64_t* positions,
                            uint8_t* bytes, CacheMaskRows* out) {
  if (bias.data == nullptr && queries != 0 && cells != 0) return {StatusCode::kInvalidArgument, "the mask is null"};
  if (positions == nullptr && cells != 0) return {StatusCode::kInvalidArgument, "the positions of cells are null"};
  std::vector<uint8_t> seen(cells);
  std::vector<internal::MaskRow> rows;
  if (bias.type == ElementType::kFloat16) {
    rows = internal::ReadMaskRows<uint16_t>(bias, queries, cells, seen.data(), bytes);
  } else if (bias.type == ElementType::kFloat32) {
    rows = internal::ReadMaskRows<float>(bias, queries, cells, seen.data(), bytes);
  } else {
    return {StatusCode::kInvalidArgument, "the mask is neither float32 nor float16"};
  }
  CacheMaskRows read;
  bool in_order = true;
  read.positions.assign(cells, -1);
  for (size_t j = 0; j < cells; ++j) {
    if (seen[j] == 0) continue;
    read.positions[j] = positions[j];
    read.cells = j + 1;
    if (positions[j] < 0) {
      return {StatusCode::kInvalidArgument, "a row sees cell " + std::to_string(j) + ", whose position is not known"};
    }
    in_order = in_order && static_cast<size_t>(positions[j]) == j;
  }
  const size_t taken = in_order ? cells : internal::CellOfTakenPosition(read.positions);
  if (taken != cells) {
    return {StatusCode::kInvalidArgument, "a row sees cell " + std::to_string(taken) + " of position " +
                                              std::to_string(positions[taken]) +
                                              ", which another cell has that a row sees"};
  }
  read.causal = in_order && !rows.empty() && internal::MaskIsCausal(rows, &read.visibility);
  *out = std::move(read);
  return {};
}

}  // namespace attnscope

#endif  // ATTNSCOPE_CACHE_MASK_H_

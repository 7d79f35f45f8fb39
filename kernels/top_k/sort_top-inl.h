// SPDX-License-Identifier: Apache-2.0
//
// What a running selection has kept, in descending order.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_SORT_TOP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_SORT_TOP_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_SORT_TOP_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_SORT_TOP_INL_H_
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hwy/highway.h"
#include "kernels/top_k/running_top-inl.h"
#include "kernels/top_k/tile_vectors-inl.h"
#include "kernels/top_k/top_candidates.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Candidates that are ranked by comparing each with each; more go byte by byte.
inline constexpr size_t kMostRanked = 128;

// ranks[i] = how many candidates stand before candidate i: larger ones, and equal ones of lower columns. Zeros follow
// the keys up to a whole vector.
HWY_INLINE void RankCandidates(const uint32_t* HWY_RESTRICT keys, size_t count, uint32_t* HWY_RESTRICT ranks) {
  const DU du;
  const size_t N = hn::Lanes(du);
  const auto lanes = hn::Iota(du, 0);
  for (size_t i = 0; i < count; i += N) {
    const auto own = hn::Load(du, keys + i);
    auto larger = hn::Zero(du);
    auto smaller_before = hn::Zero(du);
    for (size_t j = 0; j < i; ++j) {
      smaller_before = hn::Sub(smaller_before, hn::VecFromMask(du, hn::Lt(hn::Set(du, keys[j]), own)));
    }
    for (size_t j = i; j < HWY_MIN(i + N, count); ++j) {
      const auto other = hn::Set(du, keys[j]);
      const auto ties = hn::And(hn::Eq(other, own), hn::Gt(lanes, hn::Set(du, static_cast<uint32_t>(j - i))));
      larger = hn::Sub(larger, hn::VecFromMask(du, hn::Or(hn::Gt(other, own), ties)));
    }
    for (size_t j = i + N; j < count; ++j) {
      larger = hn::Sub(larger, hn::VecFromMask(du, hn::Gt(hn::Set(du, keys[j]), own)));
    }
    const auto before = hn::Sub(hn::Set(du, static_cast<uint32_t>(i)), smaller_before);
    hn::Store(hn::Add(before, larger), du, ranks + i);
  }
}

// A candidate, for sorting: turned over, so that the largest comes first.
struct TurnedCandidate {
  uint32_t key;
  uint32_t index;
};

// Sorts by key, equal ones as they stand (a radix sort, from the least byte up). Bytes that all keys share are passed
// over.
inline HWY_NOINLINE void SortByBytes(TurnedCandidate* HWY_RESTRICT from, TurnedCandidate* HWY_RESTRICT to,
                                     size_t count) {
  TurnedCandidate* const sorted = from;
  for (int shift = 0; shift < 32; shift += 8) {
    uint32_t begins[257] = {};
    for (size_t i = 0; i < count; ++i) ++begins[((from[i].key >> shift) & 255) + 1];
    if (begins[((from[0].key >> shift) & 255) + 1] == count) continue;
    for (size_t byte = 1; byte < 256; ++byte) begins[byte] += begins[byte - 1];
    for (size_t i = 0; i < count; ++i) to[begins[(from[i].key >> shift) & 255]++] = from[i];
    TurnedCandidate* const other = from;
    from = to;
    to = other;
  }
  if (from != sorted) memcpy(sorted, from, count * sizeof(TurnedCandidate));
}

HWY_INLINE float NumberOfKey(uint32_t key) {
  const uint32_t pattern = NumberOrder::Pattern(key);
  float number;
  memcpy(&number, &pattern, sizeof(number));
  return number;
}

// Writes `count` candidates, in descending order, equal ones in the order of their columns; then NaN and kNoIndex up to
// k. Either output may be null.
inline HWY_NOINLINE void WriteTop(const TopCandidates& candidates, size_t count, size_t k, float* HWY_RESTRICT values,
                                  uint32_t* HWY_RESTRICT indices) {
  const auto write = [&](size_t rank, uint32_t key, uint32_t index) HWY_ATTR {
    if (values != nullptr) values[rank] = NumberOfKey(key);
    if (indices != nullptr) indices[rank] = index;
  };
  if (count <= kMostRanked) {
    HWY_ALIGN_MAX uint32_t ranks[kMostRanked + kMaxFloatLanes];
    RankCandidates(candidates.keys, count, ranks);
    for (size_t i = 0; i < count; ++i) write(ranks[i], candidates.keys[i], candidates.indices[i]);
  } else {
    TurnedCandidate turned[kMostRunning];
    TurnedCandidate spare[kMostRunning];
    for (size_t i = 0; i < count; ++i) turned[i] = {~candidates.keys[i], candidates.indices[i]};
    SortByBytes(turned, spare, count);
    for (size_t i = 0; i < count; ++i) write(i, ~turned[i].key, turned[i].index);
  }
  for (size_t i = count; i < k; ++i) {
    if (values != nullptr) values[i] = NAN;
    if (indices != nullptr) indices[i] = UINT32_MAX;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_SORT_TOP_INL_H_

// SPDX-License-Identifier: Apache-2.0
//
// Selection networks: one row in each lane, no branch, so that no kind of row is slower than another. They turn columns
// of each row into sorted lists, and merge these.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_TOP_K_NETWORK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_TOP_K_NETWORK_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_TOP_K_NETWORK_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_TOP_K_NETWORK_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include <array>
#include <utility>

#include "hwy/highway.h"
#include "kernels/sweep/sweep_workspace.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A list: 32 vectors that a network works on; each lane is a list of its own. In registers, where vectors can be
// elements of arrays; compilers then drop every minimum and maximum whose result nobody reads, which prunes networks
// to the outputs that are asked for.
template <class D>
class List {
 public:
  // Written out, as GCC forgets the target's instructions in one that it makes up.
  HWY_INLINE List() {}

#if HWY_HAVE_SCALABLE
  HWY_INLINE hn::Vec<D> Get(size_t i) const { return hn::Load(D(), values_ + i * hn::Lanes(D())); }
  HWY_INLINE void Set(size_t i, hn::Vec<D> value) { hn::Store(value, D(), values_ + i * hn::Lanes(D())); }

 private:
  HWY_ALIGN_MAX hn::TFromD<D> values_[32 * kMaxFloatLanes];
#else
  HWY_INLINE hn::Vec<D> Get(size_t i) const { return values_[i]; }
  HWY_INLINE void Set(size_t i, hn::Vec<D> value) { values_[i] = value; }

 private:
  hn::Vec<D> values_[32];
#endif
};

// Puts the larger of two values at the first index, the smaller at the second.
struct Comparator {
  uint8_t larger;
  uint8_t smaller;
};

// Sorts 16 values in 60 comparisons (Green 1969, the fewest known), in descending order like all that follows.
inline constexpr std::array<Comparator, 60> kSort16 = {{
    {0, 1},  {2, 3},  {4, 5},   {6, 7},   {8, 9},  {10, 11}, {12, 13}, {14, 15}, {0, 2},  {1, 3},   {4, 6},   {5, 7},
    {8, 10}, {9, 11}, {12, 14}, {13, 15}, {0, 4},  {1, 5},   {2, 6},   {3, 7},   {8, 12}, {9, 13},  {10, 14}, {11, 15},
    {0, 8},  {1, 9},  {2, 10},  {3, 11},  {4, 12}, {5, 13},  {6, 14},  {7, 15},  {5, 10}, {6, 9},   {3, 12},  {13, 14},
    {4, 8},  {7, 11}, {1, 2},   {1, 4},   {7, 13}, {2, 8},   {11, 14}, {2, 4},   {5, 6},  {9, 10},  {11, 13}, {3, 8},
    {7, 12}, {6, 8},  {10, 12}, {3, 5},   {7, 9},  {3, 4},   {5, 6},   {7, 8},   {9, 10}, {11, 12}, {6, 7},   {8, 9},
}};

// Merges two sorted lists of 16, one behind the other, by odd-even merging (Batcher 1968).
constexpr std::array<Comparator, 65> OddEvenMerge() {
  std::array<Comparator, 65> comparators{};
  size_t count = 0;
  for (uint8_t step = 16; step >= 1; step = static_cast<uint8_t>(step / 2)) {
    for (uint8_t first = step == 16 ? 0 : step; first + step < 32; first = static_cast<uint8_t>(first + 2 * step)) {
      for (uint8_t i = first; i < first + step; ++i) comparators[count++] = {i, static_cast<uint8_t>(i + step)};
    }
  }
  return comparators;
}
inline constexpr std::array<Comparator, 65> kMerge32 = OddEvenMerge();

// Sorts a list of 32 that falls and then rises, or the other way round (Batcher 1968).
constexpr std::array<Comparator, 80> BitonicMerge() {
  std::array<Comparator, 80> comparators{};
  size_t count = 0;
  for (uint8_t step = 16; step >= 1; step = static_cast<uint8_t>(step / 2)) {
    for (uint8_t first = 0; first < 32; first = static_cast<uint8_t>(first + 2 * step)) {
      for (uint8_t i = first; i < first + step; ++i) comparators[count++] = {i, static_cast<uint8_t>(i + step)};
    }
  }
  return comparators;
}
inline constexpr std::array<Comparator, 80> kSortBitonic32 = BitonicMerge();

// Integers: their minimum and maximum run on twice as many ports as those of floats (Zen 4: 2 and 1 a cycle).
template <class D>
HWY_INLINE void Order(List<D>& list, size_t larger, size_t smaller) {
  const auto a = list.Get(larger);
  const auto b = list.Get(smaller);
  list.Set(larger, hn::Max(a, b));
  list.Set(smaller, hn::Min(a, b));
}

// Runs a network on the list from `kFirst` on. Unrolled, as lists stay in registers only if every index is a constant.
template <const auto& kNetwork, size_t kFirst, class D, size_t... kIndex>
HWY_INLINE void RunComparators(List<D>& list, std::index_sequence<kIndex...>) {
  (Order(list, kNetwork[kIndex].larger + kFirst, kNetwork[kIndex].smaller + kFirst), ...);
}
template <const auto& kNetwork, size_t kFirst, class D>
HWY_INLINE void RunNetwork(List<D>& list) {
  RunComparators<kNetwork, kFirst>(list, std::make_index_sequence<kNetwork.size()>());
}

// Values of Lanes rows in memory: row r begins at `data + r * stride`.
struct RowsInMemory {
  const uint32_t* data;
  size_t stride;
};

// For `row` in [0, 4): the four values from `column` on of rows `row`, `row + 4`, ..., one row a block of 128 bits.
// Loads that repeat a block and blends run on more ports than the shuffles they save.
template <class D>
HWY_INLINE hn::Vec<D> LoadBlocks(D d, const RowsInMemory& rows, size_t row, size_t column) {
  const uint32_t* HWY_RESTRICT from = rows.data + row * rows.stride + column;
#if !HWY_HAVE_SCALABLE && HWY_MAX_BYTES >= 64
  if constexpr (hn::MaxLanes(D()) == 16) {
    const auto lower = hn::OddEvenBlocks(hn::LoadDup128(d, from + 4 * rows.stride), hn::LoadDup128(d, from));
    const auto upper =
        hn::OddEvenBlocks(hn::LoadDup128(d, from + 12 * rows.stride), hn::LoadDup128(d, from + 8 * rows.stride));
    return hn::ConcatUpperLower(d, upper, lower);
  }
#endif
#if !HWY_HAVE_SCALABLE && HWY_MAX_BYTES >= 32
  if constexpr (hn::MaxLanes(D()) == 8) {
    return hn::ConcatUpperLower(d, hn::LoadDup128(d, from + 4 * rows.stride), hn::LoadDup128(d, from));
  }
#endif
  return hn::Load(d, from);
}

// Sets list[kFirst, kFirst + 4) to four columns of Lanes rows.
template <size_t kFirst, class D>
HWY_INLINE void LoadFourColumns(D d, const RowsInMemory& rows, size_t column, List<D>& list) {
#if HWY_HAVE_SCALABLE || HWY_TARGET == HWY_SCALAR
  const size_t N = hn::Lanes(d);
  HWY_ALIGN_MAX uint32_t values[kMaxFloatLanes] = {};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t row = 0; row < HWY_MIN(N, kRowsPerBlock); ++row) {
      values[row] = rows.data[row * rows.stride + column + i];
    }
    list.Set(kFirst + i, hn::Load(d, values));
  }
#else
  const hn::Repartition<uint64_t, D> d64;
  const auto row0 = LoadBlocks(d, rows, 0, column);
  const auto row1 = LoadBlocks(d, rows, 1, column);
  const auto row2 = LoadBlocks(d, rows, 2, column);
  const auto row3 = LoadBlocks(d, rows, 3, column);
  const auto lower01 = hn::BitCast(d64, hn::InterleaveLower(d, row0, row1));
  const auto lower23 = hn::BitCast(d64, hn::InterleaveLower(d, row2, row3));
  const auto upper01 = hn::BitCast(d64, hn::InterleaveUpper(d, row0, row1));
  const auto upper23 = hn::BitCast(d64, hn::InterleaveUpper(d, row2, row3));
  list.Set(kFirst, hn::BitCast(d, hn::InterleaveLower(d64, lower01, lower23)));
  list.Set(kFirst + 1, hn::BitCast(d, hn::InterleaveUpper(d64, lower01, lower23)));
  list.Set(kFirst + 2, hn::BitCast(d, hn::InterleaveLower(d64, upper01, upper23)));
  list.Set(kFirst + 3, hn::BitCast(d, hn::InterleaveUpper(d64, upper01, upper23)));
#endif
}

template <class D, size_t... kIndex>
HWY_INLINE void LoadList(D d, const uint32_t* HWY_RESTRICT from, List<D>& list, std::index_sequence<kIndex...>) {
  (list.Set(kIndex, hn::Load(d, from + kIndex * hn::Lanes(d))), ...);
}
template <size_t kFirst, size_t kCount, class D, size_t... kIndex>
HWY_INLINE void StoreList(D d, const List<D>& list, uint32_t* HWY_RESTRICT to, std::index_sequence<kIndex...>) {
  (hn::Store(list.Get(kFirst + kIndex), d, to + kIndex * hn::Lanes(d)), ...);
}

// Sorts columns [column, column + kCount), 16 or 32, of Lanes rows to to[kCount, Lanes].
template <size_t kCount, class D>
HWY_NOINLINE void SortColumns(D d, const RowsInMemory& rows, size_t column, uint32_t* HWY_RESTRICT to) {
  static_assert(kCount == 16 || kCount == 32);
  List<D> list;
  LoadFourColumns<0>(d, rows, column, list);
  LoadFourColumns<4>(d, rows, column + 4, list);
  LoadFourColumns<8>(d, rows, column + 8, list);
  LoadFourColumns<12>(d, rows, column + 12, list);
  RunNetwork<kSort16, 0>(list);
  if constexpr (kCount == 32) {
    LoadFourColumns<16>(d, rows, column + 16, list);
    LoadFourColumns<20>(d, rows, column + 20, list);
    LoadFourColumns<24>(d, rows, column + 24, list);
    LoadFourColumns<28>(d, rows, column + 28, list);
    RunNetwork<kSort16, 16>(list);
    RunNetwork<kMerge32, 0>(list);
  }
  StoreList<0, kCount>(d, list, to, std::make_index_sequence<kCount>());
}

// Sets the list to every second vector of two sorted lists of 32, from `odd` on, and merges them.
template <class D, size_t... kIndex>
HWY_INLINE void MergeEverySecond(D d, const uint32_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT b, size_t odd,
                                 List<D>& list, std::index_sequence<kIndex...>) {
  const size_t N = hn::Lanes(d);
  (list.Set(kIndex, hn::Load(d, a + (2 * kIndex + odd) * N)), ...);
  (list.Set(kIndex + 16, hn::Load(d, b + (2 * kIndex + odd) * N)), ...);
  RunNetwork<kMerge32, 0>(list);
}

// The last step of an odd-even merge: of each two neighbours, the one from either merged half.
template <class D, size_t... kIndex>
HWY_INLINE void OrderNeighbours(D d, const uint32_t* HWY_RESTRICT even, const List<D>& odd, uint32_t* HWY_RESTRICT to,
                                std::index_sequence<kIndex...>) {
  const size_t N = hn::Lanes(d);
  hn::Store(hn::Load(d, even), d, to);
  (hn::Store(hn::Max(odd.Get(kIndex), hn::Load(d, even + (kIndex + 1) * N)), d, to + (2 * kIndex + 1) * N), ...);
  (hn::Store(hn::Min(odd.Get(kIndex), hn::Load(d, even + (kIndex + 1) * N)), d, to + (2 * kIndex + 2) * N), ...);
}

// Merges sorted lists `a` and `b` of 32 into the sorted list of the kUsualList.kept largest; to[kListSize, Lanes], as
// one more is written. By odd-even merging, in fewer instructions than by what follows, which share their network.
template <class D>
HWY_NOINLINE void MergeHalves(D d, const uint32_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT b,
                              uint32_t* HWY_RESTRICT to) {
  constexpr std::make_index_sequence<16> kHalf;
  constexpr size_t kPairs = kUsualList.kept / 2;
  HWY_ALIGN_MAX uint32_t even[(kPairs + 1) * kMaxFloatLanes];
  List<D> list;
  MergeEverySecond(d, a, b, 0, list, kHalf);
  StoreList<0, kPairs + 1>(d, list, even, std::make_index_sequence<kPairs + 1>());
  MergeEverySecond(d, a, b, 1, list, kHalf);
  OrderNeighbours(d, even, list, to, std::make_index_sequence<kPairs>());
}

// Sorts in place a list of 32 that falls and then rises, or the other way round. All merges that follow share this
// function, as it is a long one.
template <class D>
HWY_NOINLINE void SortBitonic(D d, uint32_t* HWY_RESTRICT values) {
  constexpr std::make_index_sequence<32> kAll;
  List<D> list;
  LoadList(d, values, list, kAll);
  RunNetwork<kSortBitonic32, 0>(list);
  StoreList<0, 32>(d, list, values, kAll);
}

// Sorts a list of 64 whose first half has the larger ones, both halves being as SortBitonic wants them.
template <class D>
HWY_INLINE void SortBothHalves(D d, uint32_t* HWY_RESTRICT values) {
  static_assert(kListSize == 64);
  SortBitonic(d, values);
  SortBitonic(d, values + 32 * hn::Lanes(d));
}

// Merges sorted lists `a` and `b` of 32 into to[kListSize, Lanes], the sorted list of all.
template <class D>
HWY_NOINLINE void MergeAll(D d, const uint32_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT b,
                           uint32_t* HWY_RESTRICT to) {
  const size_t N = hn::Lanes(d);
  for (size_t i = 0; i < 32; ++i) {
    const auto first = hn::Load(d, a + i * N);
    const auto second = hn::Load(d, b + (31 - i) * N);
    hn::Store(hn::Max(first, second), d, to + i * N);
    hn::Store(hn::Min(first, second), d, to + (i + 32) * N);
  }
  SortBothHalves(d, to);
}

// Step i of 32 on the way to the 64 largest of sorted lists a[num_a, Lanes] and b[num_b, Lanes], of 32 to 64 values;
// what lies beyond a list counts as zero. These are the larger ones of a[i] and b[63 - i], and fall and rise.
template <class D>
HWY_INLINE void OrderHalves(D d, const uint32_t* HWY_RESTRICT a, size_t num_a, const uint32_t* HWY_RESTRICT b,
                            size_t num_b, size_t i, uint32_t* HWY_RESTRICT to) {
  const size_t N = hn::Lanes(d);
  auto first = hn::Load(d, a + i * N);
  if (63 - i < num_b) first = hn::Max(first, hn::Load(d, b + (63 - i) * N));
  auto second = hn::Load(d, b + (31 - i) * N);
  if (i + 32 < num_a) second = hn::Max(second, hn::Load(d, a + (i + 32) * N));
  hn::Store(hn::Max(first, second), d, to + i * N);
  hn::Store(hn::Min(first, second), d, to + (i + 32) * N);
}

// Merges two such lists into to[kListSize, Lanes], the sorted list of the 64 largest. `to` is neither of them.
template <class D>
HWY_NOINLINE void MergeLists(D d, const uint32_t* HWY_RESTRICT a, size_t num_a, const uint32_t* HWY_RESTRICT b,
                             size_t num_b, uint32_t* HWY_RESTRICT to) {
  for (size_t i = 0; i < 32; ++i) OrderHalves(d, a, num_a, b, num_b, i, to);
  SortBothHalves(d, to);
}

// The same for lists of the usual size, which all blocks of longer rows merge. Unrolled, so that the sizes take no
// time.
template <class D, size_t... kIndex>
HWY_NOINLINE void MergeUsualLists(D d, const uint32_t* HWY_RESTRICT a, const uint32_t* HWY_RESTRICT b,
                                  uint32_t* HWY_RESTRICT to, std::index_sequence<kIndex...>) {
  (OrderHalves(d, a, kUsualList.kept, b, kUsualList.kept, kIndex, to), ...);
  SortBothHalves(d, to);
}

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_TOP_K_NETWORK_INL_H_

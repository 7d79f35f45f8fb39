// SPDX-License-Identifier: Apache-2.0
//
// Sorted lists of the largest weights of a batch of rows, by selection networks. Weights are handled as their bit
// patterns, which for weights >= 0 order as the weights do. Included per target by top_k-inl.h.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_LISTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_LISTS_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_LISTS_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_LISTS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include "hwy/highway.h"
#include "kernels/sweep_tags-inl.h"
#include "kernels/sweep_workspace.h"
#include "kernels/tile_vectors-inl.h"
#include "kernels/top_k_network-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Extras that one network takes.
inline constexpr size_t kExtrasAtOnce = 32;
// Sums of each row's largest weights; room for the lanes of any batch.
struct TopSums {
  HWY_ALIGN_MAX float top5[kMaxFloatLanes];
  HWY_ALIGN_MAX float top10[kMaxFloatLanes];
  HWY_ALIGN_MAX float top50[kMaxFloatLanes];
};

// The largest weights so far of the rows of one batch, at most Lanes rows of a block, one row a lane: the 50 largest
// are among those of two sorted lists. One takes the weights of the lower half of the slots, the other all else.
class TopLists {
 public:
  // The batch begins at row `first` of the block; the lists stay in the workspace.
  void Init(size_t first, size_t num_rows, SweepWorkspace& workspace) {
    first_ = first;
    num_rows_ = num_rows;
    for (size_t i = 0; i < 3; ++i) lists_[i] = workspace.lists[i] + first * kListSize;
  }
  size_t first() const { return first_; }
  size_t num_rows() const { return num_rows_; }

  // Sorts the slots of the first tile into the lists, which are empty; in no row are there more than `columns`.
  void SetSlots(const RowsInMemory& slots, size_t columns) {
    SetHalf(slots, 0, lists_[0]);
    if (columns > kSlots / 2 + 32) return SetHalf(slots, kSlots / 2, lists_[1]);
    const DU du;
    const size_t N = hn::Lanes(du);
    size_t known = 0;
    if (columns > kSlots / 2) {
      SortColumns<32>(du, slots, kSlots / 2, lists_[1]);
      known = 32;
    }
    for (size_t i = known; i < kTopK; ++i) hn::Store(hn::Zero(du), du, lists_[1] + i * N);
  }

  // Adds the second lap of short rows' slots, of which the longest has `columns`.
  void AddSecondLap(const RowsInMemory& slots, size_t columns) {
    const DU du;
    if (columns <= kSlots + kExtrasAtOnce) {
      HWY_ALIGN_MAX uint32_t sorted[kExtrasAtOnce * kMaxFloatLanes];
      if (columns <= kSlots + 16) {
        SortColumns<16>(du, slots, kSlots, sorted);
        for (size_t i = 16; i < kExtrasAtOnce; ++i) hn::Store(hn::Zero(du), du, sorted + i * hn::Lanes(du));
      } else {
        SortColumns<32>(du, slots, kSlots, sorted);
      }
      return AddSorted<kExtrasAtOnce>(sorted);
    }
    AddHalf(slots, kSlots, lists_[1]);
    if (columns > kSlots + kSlots / 2) AddHalf(slots, kSlots + kSlots / 2, lists_[1]);
  }

  // Adds the slots of a later tile.
  void AddSlots(const RowsInMemory& slots) {
    AddHalf(slots, 0, lists_[0]);
    AddHalf(slots, kSlots / 2, lists_[1]);
  }

  // The same for slots of extras.
  void AddExtraSlots(const RowsInMemory& slots) {
    AddHalf(slots, 0, lists_[1]);
    AddHalf(slots, kSlots / 2, lists_[1]);
  }

  // Adds kCount extras in descending order.
  template <size_t kCount>
  void AddSorted(const uint32_t* HWY_RESTRICT values) {
    Merge<kCount>(values, lists_[1]);
  }

  // The 50th largest weight of each row; the largest number where it has a sign, as such rows are left to the careful
  // path and there is nothing more to find.
  void Bounds(uint32_t* HWY_RESTRICT bounds) const {
    const DU du;
    const auto limit = hn::Set(du, INT32_MAX);
    auto bound = limit;
    for (size_t i = 0; i < kTopK; ++i) bound = hn::Min(bound, LargerOf(i, kTopK));
    hn::Store(hn::IfThenElse(hn::Gt(Largest(), limit), limit, bound), du, bounds);
  }

  // Bit patterns of the largest.
  hn::Vec<DU> Largest() const { return LargerOf(0, 1); }

  // Writes the sums for the batch's rows. top5 <= top10 <= top50, whatever the rounding.
  void Sum(TopSums& sums) const {
    const SweepFloat df;
    const auto top5 = SumLargest<5>();
    const auto top10 = hn::Max(top5, SumLargest<10>());
    const auto top50 = hn::Max(top10, SumLargest<kTopK>());
    hn::Store(top5, df, sums.top5 + first_);
    hn::Store(top10, df, sums.top10 + first_);
    hn::Store(top50, df, sums.top50 + first_);
  }

 private:
  // Sets a list to the largest of 64 slots.
  static void SetHalf(const RowsInMemory& slots, size_t column, uint32_t* HWY_RESTRICT list) {
    const DU du;
    HWY_ALIGN_MAX uint32_t a[32 * kMaxFloatLanes];
    HWY_ALIGN_MAX uint32_t b[32 * kMaxFloatLanes];
    SortColumns<32>(du, slots, column, a);
    SortColumns<32>(du, slots, column + 32, b);
    MergeHalves(du, a, b, list);
  }

  void AddHalf(const RowsInMemory& slots, size_t column, uint32_t*& list) {
    HWY_ALIGN_MAX uint32_t sorted[(kTopK + 1) * kMaxFloatLanes];
    SetHalf(slots, column, sorted);
    Merge<kTopK>(sorted, list);
  }

  template <size_t kCount>
  void Merge(const uint32_t* HWY_RESTRICT values, uint32_t*& list) {
    MergeTop<kCount>(DU(), list, values, lists_[2]);
    uint32_t* merged = lists_[2];
    lists_[2] = list;
    list = merged;
  }

  // Of sorted lists a and b, the k largest of both are the larger ones of a[i] and b[k - 1 - i].
  HWY_INLINE hn::Vec<DU> LargerOf(size_t i, size_t k) const {
    const DU du;
    return hn::Max(hn::Load(du, lists_[0] + i * hn::Lanes(du)), hn::Load(du, lists_[1] + (k - 1 - i) * hn::Lanes(du)));
  }

  // The sum of the kCount largest, in groups of five: at most 4 + 9 roundings, 8e-7 relative.
  template <size_t kCount>
  HWY_INLINE hn::Vec<SweepFloat> SumLargest() const {
    const SweepFloat df;
    const auto weight = [&](size_t i) HWY_ATTR { return hn::BitCast(df, LargerOf(i, kCount)); };
    auto sum = hn::Zero(df);
    for (size_t i = 0; i < kCount; i += 5) {
      const auto four = hn::Add(hn::Add(weight(i), weight(i + 1)), hn::Add(weight(i + 2), weight(i + 3)));
      sum = hn::Add(sum, hn::Add(four, weight(i + 4)));
    }
    return sum;
  }

  size_t first_;
  size_t num_rows_;
  uint32_t* lists_[3];  // the two, and room for the next merge
};

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_LISTS_INL_H_

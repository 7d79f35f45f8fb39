// SPDX-License-Identifier: Apache-2.0
//
// Sorted lists of the largest weights of a batch of rows, by selection networks. Weights are handled as their bit
// patterns, which for weights >= 0 order as the weights do.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_TOP_K_TOP_LISTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_TOP_K_TOP_LISTS_INL_H_
#undef ATTNSCOPE_KERNELS_TOP_K_TOP_LISTS_INL_H_
#else
#define ATTNSCOPE_KERNELS_TOP_K_TOP_LISTS_INL_H_
#endif

#include <stddef.h>
#include <stdint.h>

#include <utility>

#include "hwy/highway.h"
#include "kernels/sweep/sweep_tags-inl.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/top_k/mass_sizes.h"
#include "kernels/top_k/tile_vectors-inl.h"
#include "kernels/top_k/top_k_network-inl.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums of each row's largest weights, and the bit pattern of the largest; room for the lanes of any batch.
struct TopSums {
  HWY_ALIGN_MAX uint32_t max_bits[kMaxFloatLanes];
  HWY_ALIGN_MAX float mass[kMaxTopMasses][kMaxFloatLanes];  // of each k that the list has (MassSizes)

  // Copies what there is of one row, so many masses.
  void Copy(const TopSums& from, size_t row, size_t masses) {
    max_bits[row] = from.max_bits[row];
    for (size_t i = 0; i < masses; ++i) mass[i][row] = from.mass[i][row];
  }
};

// Weights that are merged into a list at once.
inline constexpr size_t kMergedAtOnce = 32;

// The largest weights of the rows of one batch, at most Lanes rows of a block, one row a lane: a list of the `kept`
// largest so far, in descending order, and two halves, the lists of two times 64 weights or more. Behind the kept
// ones stands anything.
class TopLists {
 public:
  // The batch has rows [first, end) of the block, row `first` in the first lane; the lists stay in the workspace.
  void Init(size_t first, size_t end, const MassSizes& masses, SweepWorkspace& workspace) {
    first_ = first;
    end_ = end;
    masses_ = &masses;
    kept_ = masses.list->kept;
    list_ = workspace.lists[0] + first * kListSize;
    spare_ = workspace.lists[1] + first * kListSize;
    for (size_t i = 0; i < 2; ++i) halves_[i] = workspace.lists[2 + i] + first * kListSize;
  }
  size_t first() const { return first_; }
  size_t end() const { return end_; }

  // Sets the halves to the largest of up to 256 weights of each row; in no row are more than `count` above zero. Reads
  // 64 of each row, or 96, or 128; and of a second lap of 128, if it begins below `count`, 16, 32, 64 or 128.
  void SetHalves(const RowsInMemory& weights, size_t count) {
    SetHalf(weights, 0, halves_[0]);
    if (count > kSlots / 2 + kMergedAtOnce) {
      SetHalf(weights, kSlots / 2, halves_[1]);
    } else {
      const size_t sorted = count > kSlots / 2 ? kMergedAtOnce : 0;
      if (sorted != 0) SortColumns<kMergedAtOnce>(DU(), weights, kSlots / 2, halves_[1]);
      SetZero(halves_[1], sorted, kept_);
    }
    if (count > kSlots) AddSecondLap(weights, count);
  }

  // The last of the kept weights of each row's halves.
  void BoundsOfHalves(uint32_t* HWY_RESTRICT bounds) const {
    auto bound = LargerOfHalves(0, kept_);
    for (size_t i = 1; i < kept_; ++i) bound = hn::Min(bound, LargerOfHalves(i, kept_));
    hn::Store(bound, DU(), bounds);
  }

  // Sets the list to the halves' largest.
  void SetList() {
    if (HWY_LIKELY(kept_ == kUsualList.kept)) {
      MergeUsualLists(DU(), halves_[0], halves_[1], list_, std::make_index_sequence<32>());
    } else {
      MergeLists(DU(), halves_[0], kept_, halves_[1], kept_, list_);
    }
  }

  // Merges 32 weights of each row into the list.
  void AddToList(const RowsInMemory& weights, size_t column) {
    const DU du;
    HWY_ALIGN_MAX uint32_t sorted[kMergedAtOnce * kMaxFloatLanes];
    SortColumns<kMergedAtOnce>(du, weights, column, sorted);
    MergeInto(sorted, kMergedAtOnce, list_);
  }

  // The i-th largest weight of each row, from 0.
  hn::Vec<DU> OfList(size_t i) const { return hn::Load(DU(), list_ + i * hn::Lanes(DU())); }

  // Writes the largest weight of each row, of the halves or of the list, to the batch's place in `bits`.
  void StoreLargest(bool of_halves, uint32_t* HWY_RESTRICT bits) const {
    hn::Store(of_halves ? LargerOfHalves(0, 1) : OfList(0), DU(), bits + first_);
  }

  // Write the sums for the batch's rows. That of a larger k is never less, whatever the rounding.
  HWY_NOINLINE void SumHalves(TopSums& sums) const {
    hn::Store(LargerOfHalves(0, 1), DU(), sums.max_bits + first_);
    Sum([this](size_t k) HWY_ATTR { return SumOfHalves(k); }, sums);
  }
  HWY_NOINLINE void SumList(TopSums& sums) const {
    hn::Store(OfList(0), DU(), sums.max_bits + first_);
    Sum([this](size_t k) HWY_ATTR { return SumOfList(k); }, sums);
  }

 private:
  // Sets a list to the largest of 64 weights.
  void SetHalf(const RowsInMemory& weights, size_t column, uint32_t* HWY_RESTRICT list) const {
    const DU du;
    HWY_ALIGN_MAX uint32_t a[32 * kMaxFloatLanes];
    HWY_ALIGN_MAX uint32_t b[32 * kMaxFloatLanes];
    SortColumns<32>(du, weights, column, a);
    SortColumns<32>(du, weights, column + 32, b);
    if (HWY_LIKELY(kept_ == kUsualList.kept)) return MergeHalves(du, a, b, list);
    MergeAll(du, a, b, list);
  }

  // Sets vectors [begin, end) of a list to zero.
  static void SetZero(uint32_t* HWY_RESTRICT list, size_t begin, size_t end) {
    const DU du;
    for (size_t i = begin; i < end; ++i) hn::Store(hn::Zero(du), du, list + i * hn::Lanes(du));
  }

  // Adds the second lap of up to 128 weights to the second half.
  void AddSecondLap(const RowsInMemory& weights, size_t count) {
    if (count > kSlots + kMergedAtOnce) {
      AddHalf(weights, kSlots);
      if (count > kSlots + kSlots / 2) AddHalf(weights, kSlots + kSlots / 2);
      return;
    }
    HWY_ALIGN_MAX uint32_t sorted[kMergedAtOnce * kMaxFloatLanes];
    if (count > kSlots + kMergedAtOnce / 2) {
      SortColumns<kMergedAtOnce>(DU(), weights, kSlots, sorted);
    } else {
      SortColumns<kMergedAtOnce / 2>(DU(), weights, kSlots, sorted);
      SetZero(sorted, kMergedAtOnce / 2, kMergedAtOnce);
    }
    MergeInto(sorted, kMergedAtOnce, halves_[1]);
  }

  void AddHalf(const RowsInMemory& weights, size_t column) {
    HWY_ALIGN_MAX uint32_t sorted[kListSize * kMaxFloatLanes];
    SetHalf(weights, column, sorted);
    MergeInto(sorted, kept_, halves_[1]);
  }

  // Merges so many sorted weights into a list or half; the merged one takes its place.
  void MergeInto(const uint32_t* HWY_RESTRICT sorted, size_t count, uint32_t*& list) {
    MergeLists(DU(), list, kept_, sorted, count, spare_);
    uint32_t* merged = spare_;
    spare_ = list;
    list = merged;
  }

  // Of sorted lists a and b, the k largest of both are the larger ones of a[i] and b[k - 1 - i].
  HWY_INLINE hn::Vec<DU> LargerOfHalves(size_t i, size_t k) const {
    const DU du;
    return hn::Max(hn::Load(du, halves_[0] + i * hn::Lanes(du)),
                   hn::Load(du, halves_[1] + (k - 1 - i) * hn::Lanes(du)));
  }

  // The sum of k weights in groups of five, of which weight(i) is one of the group that next() leads to: at most
  // 4 + 12 + 4 roundings, 1.2e-6 relative.
  template <class Weight, class Next>
  HWY_INLINE static hn::Vec<SweepFloat> SumInFives(size_t k, const Weight& weight, const Next& next) {
    const SweepFloat df;
    const auto value = [&](size_t i) HWY_ATTR { return hn::BitCast(df, weight(i)); };
    auto sum = hn::Zero(df);
    const auto add_five = [&]() HWY_ATTR {
      const auto four = hn::Add(hn::Add(value(0), value(1)), hn::Add(value(2), value(3)));
      sum = hn::Add(sum, hn::Add(four, value(4)));
      next();
    };
    for (; k >= 10; k -= 10) {
      add_five();
      add_five();
    }
    if (k >= 5) {
      add_five();
      k -= 5;
    }
    for (size_t i = 0; i < k; ++i) sum = hn::Add(sum, value(i));
    return sum;
  }
  HWY_INLINE hn::Vec<SweepFloat> SumOfList(size_t k) const {
    const DU du;
    const size_t N = hn::Lanes(du);
    const uint32_t* from = list_;
    return SumInFives(
        k, [&](size_t i) HWY_ATTR { return hn::Load(du, from + i * N); }, [&]() HWY_ATTR { from += 5 * N; });
  }
  // The k largest of both halves, see LargerOfHalves.
  HWY_INLINE hn::Vec<SweepFloat> SumOfHalves(size_t k) const {
    const DU du;
    const size_t N = hn::Lanes(du);
    const uint32_t* from = halves_[0];
    const uint32_t* back = halves_[1] + (k - 1) * N;
    return SumInFives(
        k, [&](size_t i) HWY_ATTR { return hn::Max(hn::Load(du, from + i * N), hn::Load(du, back - i * N)); },
        [&]() HWY_ATTR {
          from += 5 * N;
          back -= 5 * N;
        });
  }
  template <class SumOf>
  HWY_INLINE void Sum(const SumOf& sum_of, TopSums& sums) const {
    const SweepFloat df;
    auto mass = hn::Zero(df);
    for (size_t i = 0; i < masses_->listed; ++i) {
      mass = hn::Max(mass, sum_of(masses_->k[i]));
      hn::Store(mass, df, sums.mass[i] + first_);
    }
  }

  size_t first_;
  size_t end_;
  const MassSizes* masses_;
  size_t kept_;
  uint32_t* list_;
  uint32_t* spare_;  // room for the next merge
  uint32_t* halves_[2];
};

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#endif  // ATTNSCOPE_KERNELS_TOP_K_TOP_LISTS_INL_H_

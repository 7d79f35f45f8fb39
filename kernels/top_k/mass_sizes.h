// SPDX-License-Identifier: Apache-2.0
//
// Which top-k masses the rows of a layer have, and how each is found. No SIMD here: shared by all targets.
#ifndef ATTNSCOPE_KERNELS_TOP_K_MASS_SIZES_H_
#define ATTNSCOPE_KERNELS_TOP_K_MASS_SIZES_H_

#include <stddef.h>
#include <stdint.h>

#include <span>

#include "attnscope/top_k.h"
#include "kernels/top_k/row_selection.h"

namespace attnscope {

struct MassSizes {
  TopKValues k;       // ascending
  size_t listed = 0;  // the first so many are sums of the list that the sweep's selection keeps
  const ListSize* list = &kUsualList;
  bool all_listed = false;  // and they are no fewer than the usual ones

  constexpr explicit MassSizes(const TopKValues& top_k) : k(top_k) {
    while (listed < k.size() && k[listed] <= kMostKept) ++listed;
    if (listed != 0 && k[listed - 1] > kUsualList.kept) list = &kLongList;
    all_listed = listed == k.size() && listed >= kDefaultTopK.size();
  }

  constexpr size_t size() const { return k.size(); }
  // Those that take a selection of their own.
  constexpr std::span<const uint32_t> unlisted() const { return {k.begin() + listed, k.end()}; }
};

inline constexpr MassSizes kUsualMasses(kDefaultTopK);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_MASS_SIZES_H_

// SPDX-License-Identifier: Apache-2.0
//
// The memory of a running selection. No SIMD here.
#ifndef ATTNSCOPE_KERNELS_TOP_K_TOP_CANDIDATES_H_
#define ATTNSCOPE_KERNELS_TOP_K_TOP_CANDIDATES_H_

#include <stddef.h>
#include <stdint.h>

#include "hwy/base.h"
#include "kernels/simd/lanes.h"

namespace attnscope {

// The most that a running selection keeps.
inline constexpr size_t kMostRunning = 1024;

// Candidates that are collected before the k largest of them are kept. With more, a row whose numbers ascend is reduced
// less often; with fewer, the first bound comes sooner, which most rows depend on. Three quarters go each time, so that
// each number costs the share of four steps' counting at worst.
constexpr size_t RunningCapacity(size_t k) { return HWY_MAX(size_t{256}, 4 * k); }

// Keys, which order as the numbers do, and the columns where these stand, in the order of columns. Behind them is room
// for the group of four vectors that fills the last place, and for what is stored in vain.
struct TopCandidates {
  static constexpr size_t kRoom = RunningCapacity(kMostRunning) + 4 * kMaxFloatLanes;

  HWY_ALIGN_MAX uint32_t keys[kRoom];
  HWY_ALIGN_MAX uint32_t indices[kRoom];
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_TOP_CANDIDATES_H_

// SPDX-License-Identifier: Apache-2.0
//
// The vectors of the weights sweep: as long as they are, but at most 512 bits, also where the CPU has longer ones (Arm
// SVE): a block of rows then fills the lanes of a selection network, and a group of four vectors has 64 columns at
// most. Included per target by the sweep's headers.

// Toggled include guard: included once for each target.
#if defined(ATTNSCOPE_KERNELS_SWEEP_SWEEP_TAGS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ATTNSCOPE_KERNELS_SWEEP_SWEEP_TAGS_INL_H_
#undef ATTNSCOPE_KERNELS_SWEEP_SWEEP_TAGS_INL_H_
#else
#define ATTNSCOPE_KERNELS_SWEEP_SWEEP_TAGS_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using SweepFloat = hn::CappedTag<float, kRowsPerBlock>;
using SweepDouble = hn::CappedTag<double, kRowsPerBlock / 2>;

}  // namespace HWY_NAMESPACE
}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_SWEEP_TAGS_INL_H_

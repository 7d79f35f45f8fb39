// SPDX-License-Identifier: Apache-2.0
//
// Copies of rows of weights some of whose keys are hidden one by one.
#ifndef ATTNSCOPE_KERNELS_SWEEP_SHOWN_WEIGHTS_H_
#define ATTNSCOPE_KERNELS_SWEEP_SHOWN_WEIGHTS_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"

namespace attnscope {

// to[i] = row[i] where shown[i] is not 0, else 0, for i in [0, keys). Hidden weights are not read. Returns how many are
// shown. O(keys); allocates nothing. Thread-safe.
size_t CopyShownWeights(const void* row, ElementType type, const uint8_t* shown, size_t keys, float* to);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SWEEP_SHOWN_WEIGHTS_H_

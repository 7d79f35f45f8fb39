// SPDX-License-Identifier: Apache-2.0
//
// The SIMD target asked for by the environment.
#ifndef ATTNSCOPE_KERNELS_SIMD_TARGET_CHOICE_H_
#define ATTNSCOPE_KERNELS_SIMD_TARGET_CHOICE_H_

#include "attnscope/status.h"

namespace attnscope {

// The first call forces the target that ATTNSCOPE_TARGET names, if it is set; later calls return the same. Errors: as
// ForceTarget, naming the variable. Thread-safe.
const Status& ForceTargetFromEnvironment();

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SIMD_TARGET_CHOICE_H_

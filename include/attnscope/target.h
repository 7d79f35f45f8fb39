// SPDX-License-Identifier: Apache-2.0
//
// What runs: the library's version and its SIMD targets. Kernels are compiled for several instruction sets, and the
// best that the CPU has is chosen when the first of them runs. To see the others, or to rule one out:
//
//   ATTNSCOPE_TARGET=AVX2 engine ...                          # from outside, or
//   attnscope::Status status = attnscope::ForceTarget("AVX2");  // from inside
#ifndef ATTNSCOPE_TARGET_H_
#define ATTNSCOPE_TARGET_H_

#include <string_view>
#include <vector>

#include "attnscope/export.h"
#include "attnscope/status.h"

namespace attnscope {

// "0.1.0": of the library that is linked. Thread-safe.
ATTNSCOPE_EXPORT std::string_view Version();

// The targets whose kernels are compiled in, the best first, by Highway's names: AVX3_DL, AVX3, AVX2, SSE4, SSSE3,
// NEON, SVE, ..., and EMU128 or SCALAR for the portable one. Thread-safe.
ATTNSCOPE_EXPORT std::vector<std::string_view> CompiledTargets();

// The target that kernels run on. Chooses it if nothing has run yet. Thread-safe.
ATTNSCOPE_EXPORT std::string_view ChosenTarget();

// Makes kernels run on one target from now on; an empty name restores the choice by the CPU. It is Highway's own
// switch, so other users of the same Highway library in this process follow it. Call it while no kernel runs. Errors:
// kInvalidArgument for a name that is not compiled in, kOutOfRange for a target that this CPU lacks; nothing changes
// then.
//
// The environment variable ATTNSCOPE_TARGET does the same once, before the first accumulator is made; a name that it
// cannot have is the error of LayerAccumulator::Create. ForceTarget overrides it.
ATTNSCOPE_EXPORT Status ForceTarget(std::string_view name);

}  // namespace attnscope

#endif  // ATTNSCOPE_TARGET_H_

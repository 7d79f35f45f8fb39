// SPDX-License-Identifier: Apache-2.0
#include "kernels/sweep/zero_columns.h"

#include "hwy/base.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {
namespace {

// Not const, though nobody writes it, so that it takes no room in the program's file.
HWY_ALIGN_MAX float zeros[kStripColumns];

}  // namespace

const float* ZeroColumns() { return zeros; }

}  // namespace attnscope

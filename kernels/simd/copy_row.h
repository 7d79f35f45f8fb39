// SPDX-License-Identifier: Apache-2.0
//
// Rows of any element type as float32, for what need not be compiled for each type. No SIMD here.
#ifndef ATTNSCOPE_KERNELS_SIMD_COPY_ROW_H_
#define ATTNSCOPE_KERNELS_SIMD_COPY_ROW_H_

#include <cstddef>

#include "attnscope/attention_view.h"

namespace attnscope {

// to[i] = row[i], exactly, for i in [0, count). Any alignment; allocates nothing. Thread-safe for different outputs.
void CopyRow(const void* row, ElementType type, size_t count, float* to);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SIMD_COPY_ROW_H_

// SPDX-License-Identifier: Apache-2.0
//
// Elements as a file has them to elements as the kernels read them.
#ifndef ATTNSCOPE_TOOLS_FILES_DECODE_H_
#define ATTNSCOPE_TOOLS_FILES_DECODE_H_

#include "attnscope/status.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

// Replaces the stored elements of a tensor by those of its `dtype`, little-endian, in C order; nothing is done if they
// are that already. `*data` has all of them. Errors: kOutOfMemory. O(size).
Status DecodeElements(const TensorInfo& info, TensorData* data);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_DECODE_H_

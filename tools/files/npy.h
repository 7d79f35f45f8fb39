// SPDX-License-Identifier: Apache-2.0
//
// The header of numpy's .npy format, versions 1 to 3: of a file, or of a member of an .npz archive.
#ifndef ATTNSCOPE_TOOLS_FILES_NPY_H_
#define ATTNSCOPE_TOOLS_FILES_NPY_H_

#include <cstddef>

#include "attnscope/status.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

// Bytes that tell how long a header is; every .npy file has more.
inline constexpr size_t kNpyPreludeBytes = 12;
// Headers are about a hundred bytes; only element types with hundreds of fields have long ones.
inline constexpr size_t kMaxNpyHeaderBytes = 65536;

// The size of the whole header, that is the offset of the first element, from the first bytes of a file. At least
// kNpyPreludeBytes. Errors: kDataLoss for another magic string or version, or a header that is too long.
Status NpyHeaderBytes(Bytes prelude, size_t* header_bytes);

// Reads a whole header into `*info`, but for its name. Element types that are no floats of 2, 4 or 8 bytes become
// `info->problem`. Errors: kDataLoss for a header that numpy would not
// write.
Status ParseNpyHeader(Bytes header, TensorInfo* info);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_NPY_H_

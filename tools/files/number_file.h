// SPDX-License-Identifier: Apache-2.0
//
// Numbers that an option names by a .npy file: lengths, borders of segments, masks, sinks. They are read whole.
#ifndef ATTNSCOPE_TOOLS_FILES_NUMBER_FILE_H_
#define ATTNSCOPE_TOOLS_FILES_NUMBER_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

// An array in C order. One of the lists is filled, by the type of the file.
struct NumberArray {
  Dtype dtype = Dtype::kOther;
  std::vector<size_t> shape;
  std::vector<uint8_t> bytes;  // of bool and uint8
  std::vector<int64_t> whole;  // of int32 and int64
  std::vector<float> floats;   // of floats; float64 is rounded
};

// Errors: kInvalidArgument for another element type, kNotFound, kIoError, kDataLoss, kOutOfMemory; messages name the
// path. O(size).
Status ReadNumberFile(const std::string& path, NumberArray* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_NUMBER_FILE_H_

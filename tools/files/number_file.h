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
  std::vector<int64_t> whole;  // of other whole numbers; int64 if they fit, else its largest
  std::vector<float> floats;   // of floats; float64 is rounded
};

// `void_is_bfloat16`: two bytes of no type, as numpy writes bfloat16, are that.
// Errors: kInvalidArgument for another element type, kNotFound, kIoError, kDataLoss, kOutOfMemory; messages name the
// path. O(size).
Status ReadNumberFile(const std::string& path, bool void_is_bfloat16, NumberArray* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_NUMBER_FILE_H_

// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a .npy file.
#include "tests/fuzz/tensor_file_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  attnscope::fuzz::RunTensorFile("input.npy", data, size);
  return 0;
}

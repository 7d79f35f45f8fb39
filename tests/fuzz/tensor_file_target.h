// SPDX-License-Identifier: Apache-2.0
//
// What the fuzz targets of .npy, .npz and .safetensors do with a file. Included by those three.
#ifndef ATTNSCOPE_TESTS_FUZZ_TENSOR_FILE_TARGET_H_
#define ATTNSCOPE_TESTS_FUZZ_TENSOR_FILE_TARGET_H_

#include <cstddef>
#include <cstdint>

namespace attnscope::fuzz {

// Opens the bytes as a file of this name; reads what it holds, writes it and reads it back; and measures it as weights,
// logits, queries and keys, and as a residual stream, in blocks of two sizes that must give the same report. Each error
// must name the file.
void RunTensorFile(const char* name, const uint8_t* data, size_t size);

}  // namespace attnscope::fuzz

#endif  // ATTNSCOPE_TESTS_FUZZ_TENSOR_FILE_TARGET_H_

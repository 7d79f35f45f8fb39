// SPDX-License-Identifier: Apache-2.0
//
// Reads the bundled float32 arrays: NumPy's .npy version 1, C order. For trusted test data only. Included by tests that
// measure real attention.
#ifndef ATTNSCOPE_TESTS_SUPPORT_NPY_FILE_H_
#define ATTNSCOPE_TESTS_SUPPORT_NPY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/data_file.h"

namespace attnscope::test {

struct NpyFile {
  std::vector<size_t> shape;
  std::vector<float> values;
};

// The file of this name in the folder of test data; ends the program if it is missing or of another kind.
inline NpyFile ReadNpy(const std::string& name) {
  const std::string path = DataFile(name);
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  // "\x93NUMPY", version 1.0, length of the header, the header: a Python dictionary.
  const size_t header_end = bytes.size() < 10 ? 0
                                              : 10 + static_cast<uint8_t>(bytes[8]) +
                                                    256 * static_cast<size_t>(static_cast<uint8_t>(bytes[9]));
  const std::string header = header_end == 0 ? "" : bytes.substr(10, header_end - 10);
  const size_t shape_begin = header.find("'shape': (");
  if (header.find("'<f4'") == std::string::npos || header.find("'fortran_order': False") == std::string::npos ||
      shape_begin == std::string::npos) {
    std::fprintf(stderr, "%s is missing or no float32 array in C order\n", path.c_str());
    std::abort();
  }
  NpyFile file;
  size_t elements = 1;
  for (const char* digits = header.c_str() + shape_begin + 10; *digits >= '0' && *digits <= '9';) {
    char* end = nullptr;
    file.shape.push_back(std::strtoull(digits, &end, 10));
    elements *= file.shape.back();
    digits = end + std::strspn(end, ", ");
  }
  file.values.resize(elements);
  if (bytes.size() - header_end != elements * sizeof(float)) std::abort();
  std::memcpy(file.values.data(), bytes.data() + header_end, elements * sizeof(float));
  return file;
}

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_NPY_FILE_H_

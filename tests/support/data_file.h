// SPDX-License-Identifier: Apache-2.0
// Paths of the bundled data. One source alone knows the folder, so that a compiler cache serves each copy of the
// project.
#ifndef ATTNSCOPE_TESTS_SUPPORT_DATA_FILE_H_
#define ATTNSCOPE_TESTS_SUPPORT_DATA_FILE_H_

#include <string>

namespace attnscope {

// The path of a file in tests/data.
std::string DataFile(const std::string& name);

// The path of a tensor of a layer of a run in tests/data, such as DataFile("use_short", 0, "attn").
std::string DataFile(const std::string& run, int layer, const std::string& tensor);

}  // namespace attnscope

#endif  // ATTNSCOPE_TESTS_SUPPORT_DATA_FILE_H_

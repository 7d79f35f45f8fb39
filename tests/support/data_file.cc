// SPDX-License-Identifier: Apache-2.0
#include "tests/support/data_file.h"

namespace attnscope {

std::string DataFile(const std::string& name) { return ATTNSCOPE_TEST_DATA "/" + name; }

std::string DataFile(const std::string& run, int layer, const std::string& tensor) {
  return DataFile(run + "_L" + std::to_string(layer) + "_" + tensor + ".npy");
}

}  // namespace attnscope

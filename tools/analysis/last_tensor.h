// SPDX-License-Identifier: Apache-2.0
//
// The tensor that was read last.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_LAST_TENSOR_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_LAST_TENSOR_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/status.h"
#include "tools/analysis/plan.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

// Keeps one tensor in memory. The layers of a tensor with five dimensions follow one another, and inflating it again
// for each would be quadratic.
class LastTensor {
 public:
  Status Read(const TensorRef& source, const uint8_t** elements) {
    if (source.file != file_ || source.tensor != tensor_) {
      file_ = nullptr;
      data_ = TensorData();  // before the next is read: only one is in memory
      Status status = source.file->Read(source.tensor, &data_);
      if (!status.ok()) return status;
      file_ = source.file;
      tensor_ = source.tensor;
    }
    *elements = data_.bytes().data();
    return {};
  }

 private:
  const TensorFile* file_ = nullptr;
  size_t tensor_ = 0;
  TensorData data_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_LAST_TENSOR_H_

// SPDX-License-Identifier: Apache-2.0
//
// What one task needs while it makes weights from logits, or from queries and keys.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SCRATCH_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SCRATCH_H_

#include <cstddef>
#include <cstdint>

#include "kernels/simd/aligned_buffer.h"
#include "kernels/softmax/softmax_rows.h"

namespace attnscope {

// Room for as many rows of at most `keys` keys as are held at once.
class LogitScratch {
 public:
  // Rows that are held at once: the more, the less often keys are packed. 64 MiB at most, unless a block of rows alone
  // is larger.
  static size_t Rows(size_t keys);
  static size_t Bytes(size_t keys);

  // False if there is no memory.
  bool Allocate(size_t keys);

  float* Row(size_t row) const { return rows_.get() + row * stride_; }
  SoftmaxMeasures* Measures(size_t row) const { return measures_.get() + row; }
  size_t stride() const { return stride_; }
  // [keys] for each row of a block: which of its keys are shown.
  uint8_t* Shown(size_t row) const { return shown_.get() + row * keys_; }
  SoftmaxScratch softmax() const { return {high_.get(), low_.get()}; }
  float* packed_queries() const { return packed_queries_.get(); }
  float* packed_keys() const { return packed_keys_.get(); }

 private:
  size_t keys_ = 0;
  size_t stride_ = 0;          // elements from one row to the next
  AlignedBuffer<float> rows_;  // products, then weights
  AlignedBuffer<SoftmaxMeasures> measures_;
  AlignedBuffer<float> high_;
  AlignedBuffer<float> low_;
  AlignedBuffer<float> packed_queries_;
  AlignedBuffer<float> packed_keys_;
  AlignedBuffer<uint8_t> shown_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_SCRATCH_H_

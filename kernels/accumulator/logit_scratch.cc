// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logit_scratch.h"

#include <algorithm>

#include "kernels/query_key/query_key_product.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {
namespace {

// Room for what is overwritten beyond the last key; an odd number of cache lines, so that the same column of several
// rows does not compete for one set of the L1 cache.
size_t Stride(size_t keys) {
  constexpr size_t kLine = 16;
  return (keys + kMaxProductColumns + 2 * kLine) / (2 * kLine) * (2 * kLine) + kLine;
}

}  // namespace

size_t LogitScratch::Rows(size_t keys) {
  constexpr size_t kMostRows = 256;
  constexpr size_t kMostFloats = size_t{16} << 20;
  return std::clamp(kMostFloats / Stride(keys) / kRowsPerBlock * kRowsPerBlock, kRowsPerBlock, kMostRows);
}

size_t LogitScratch::Bytes(size_t keys) {
  const size_t rows = Rows(keys);
  return (rows * (Stride(keys) + kMaxHeadDim) + 2 * PaddedColumns(keys) + kPackedKeys) * sizeof(float) +
         rows * sizeof(SoftmaxMeasures);
}

bool LogitScratch::Allocate(size_t keys) {
  const size_t rows = Rows(keys);
  stride_ = Stride(keys);
  rows_ = AllocateAlignedBuffer<float>(rows * stride_);
  measures_ = AllocateAlignedBuffer<SoftmaxMeasures>(rows);
  high_ = AllocateAlignedBuffer<float>(PaddedColumns(keys));
  low_ = AllocateAlignedBuffer<float>(PaddedColumns(keys));
  packed_queries_ = AllocateAlignedBuffer<float>(rows * kMaxHeadDim);
  packed_keys_ = AllocateAlignedBuffer<float>(kPackedKeys);
  return rows_ != nullptr && measures_ != nullptr && high_ != nullptr && low_ != nullptr &&
         packed_queries_ != nullptr && packed_keys_ != nullptr;
}

}  // namespace attnscope

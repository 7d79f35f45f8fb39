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
  constexpr size_t kMostFloats = size_t{16} << 20;
  return std::clamp(kMostFloats / Stride(keys) / kRowsPerBlock * kRowsPerBlock, kRowsPerBlock, kMaxProductRows);
}

size_t LogitScratch::Bytes(size_t keys) {
  const size_t rows = Rows(keys);
  return (rows * Stride(keys) + PackedQueries(rows) + 2 * PaddedColumns(keys) + kPackedKeys) * sizeof(float) +
         rows * sizeof(SoftmaxMeasures) + kRowsPerBlock * keys;
}

bool LogitScratch::Allocate(size_t keys) {
  const size_t rows = Rows(keys);
  keys_ = keys;
  stride_ = Stride(keys);
  rows_ = AllocateAlignedBuffer<float>(rows * stride_);
  measures_ = AllocateAlignedBuffer<SoftmaxMeasures>(rows);
  high_ = AllocateAlignedBuffer<float>(PaddedColumns(keys));
  low_ = AllocateAlignedBuffer<float>(PaddedColumns(keys));
  // As much of these is written as a head is wide, or as there are masks.
  packed_queries_ = AllocateUnsetBuffer<float>(PackedQueries(rows));
  packed_keys_ = AllocateUnsetBuffer<float>(kPackedKeys);
  shown_ = AllocateUnsetBuffer<uint8_t>(kRowsPerBlock * keys);
  return rows_ != nullptr && measures_ != nullptr && high_ != nullptr && low_ != nullptr &&
         packed_queries_ != nullptr && packed_keys_ != nullptr && shown_ != nullptr;
}

}  // namespace attnscope

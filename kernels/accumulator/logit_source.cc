// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logit_source.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/query_key/query_key_product.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {
namespace {

LogitScale ScaleOf(const SoftmaxParams& params, double default_scale) {
  return {params.scale == 0.0 ? default_scale : params.scale, params.soft_cap};
}

const void* BiasRow(const BiasView& bias, size_t sequence, size_t head, size_t row) {
  if (bias.data == nullptr) return nullptr;
  const int64_t offset = static_cast<int64_t>(sequence) * bias.batch_stride +
                         static_cast<int64_t>(head) * bias.head_stride + static_cast<int64_t>(row) * bias.query_stride;
  return static_cast<const uint8_t*>(bias.data) + offset * static_cast<int64_t>(ElementBytes(bias.type));
}

}  // namespace

size_t SweptChunk::Bytes(size_t rows, size_t keys) {
  const size_t blocks = rows / kRowsPerBlock;
  return blocks * (sizeof(SweepBlock) + sizeof(BlockResult) + Stride(keys) * sizeof(float)) +
         rows * sizeof(SoftmaxMeasures);
}

bool SweptChunk::Allocate(size_t rows, size_t keys) {
  const size_t count = rows / kRowsPerBlock;
  blocks = AllocateUnsetBuffer<SweepBlock>(count);
  results = AllocateUnsetBuffer<BlockResult>(count);
  measures = AllocateUnsetBuffer<SoftmaxMeasures>(rows);
  columns = AllocateUnsetBuffer<float>(count * Stride(keys));
  return blocks != nullptr && results != nullptr && measures != nullptr && columns != nullptr;
}

size_t LogitScratch::Stride(size_t keys) {
  constexpr size_t kLine = 16;
  return (keys + kMaxProductColumns + 2 * kLine) / (2 * kLine) * (2 * kLine) + kLine;
}

size_t LogitScratch::Bytes(size_t rows, size_t keys) {
  return (rows * (Stride(keys) + kMaxHeadDim) + PaddedColumns(keys) + kPackedKeys) * sizeof(float) +
         rows * sizeof(SoftmaxMeasures) + 2 * SweptChunk::Bytes(rows, keys) + sizeof(SweepWorkspace);
}

bool LogitScratch::Allocate(size_t rows, size_t keys) {
  stride_ = Stride(keys);
  rows_ = AllocateAlignedBuffer<float>(rows * stride_);
  measures_ = AllocateAlignedBuffer<SoftmaxMeasures>(rows);
  low_ = AllocateAlignedBuffer<float>(PaddedColumns(keys));
  packed_queries_ = AllocateAlignedBuffer<float>(rows * kMaxHeadDim);
  packed_keys_ = AllocateAlignedBuffer<float>(kPackedKeys);
  workspace_ = AllocateUnsetBuffer<SweepWorkspace>(1);
  if (!swept[0].Allocate(rows, keys) || !swept[1].Allocate(rows, keys) || workspace_ == nullptr) return false;
  workspace_[0].guess = {};
  return rows_ != nullptr && measures_ != nullptr && low_ != nullptr && packed_queries_ != nullptr &&
         packed_keys_ != nullptr;
}

LogitSource::LogitSource(const AttentionView& logits, const SoftmaxParams& params)
    : logits_(&logits),
      params_(params),
      batch_(logits.batch),
      heads_(logits.heads),
      queries_(logits.queries),
      keys_(logits.keys),
      first_sequence_(logits.first_sequence),
      first_head_(logits.first_head),
      scale_(ScaleOf(params, 1.0)) {}

LogitSource::LogitSource(const QueryKeyView& view, const SoftmaxParams& params)
    : product_(&view),
      params_(params),
      batch_(view.batch),
      heads_(view.heads),
      queries_(view.queries),
      keys_(view.keys),
      first_sequence_(view.first_sequence),
      first_head_(view.first_head),
      heads_per_group_(view.heads / view.kv_heads),
      scale_(ScaleOf(params, 1.0 / std::sqrt(static_cast<double>(view.head_dim)))) {}

VisibleKeys LogitSource::Visible(size_t sequence, size_t first_row) const {
  const int64_t* lengths = params_.mask.key_lengths;
  const size_t keys = lengths == nullptr ? keys_ : std::min(keys_, static_cast<size_t>(lengths[sequence]));
  return VisibleKeys(keys, params_.mask, first_row);
}

void LogitSource::Prepare(const LogitChunk& chunk, const LogitScratch& scratch) const {
  if (product_ == nullptr) return;
  ProductBlock block;
  block.view = product_;
  block.sequence = chunk.sequence;
  block.first_head = chunk.first_head;
  block.num_heads = chunk.num_heads;
  block.first_row = chunk.first_row;
  block.num_rows = chunk.num_rows;
  block.visible = Visible(chunk.sequence, chunk.first_row);
  MultiplyQueriesKeys(block, scratch.packed_queries(), scratch.packed_keys(), scratch.Row(0), scratch.stride());
}

SoftmaxRow LogitSource::Row(const LogitChunk& chunk, size_t head, size_t row, const LogitScratch& scratch) const {
  SoftmaxRow result;
  result.weights = scratch.Row(head * chunk.num_rows + row);
  result.logits = result.weights;
  result.keys = Visible(chunk.sequence, chunk.first_row)(row);
  if (row + 1 < chunk.num_rows) result.ahead = scratch.Row(head * chunk.num_rows + row + 1);
  if (logits_ != nullptr) {
    const RowRange range = RowsOf(*logits_, params_.mask, chunk.sequence, chunk.first_head + head);
    result.logits = range.Row(chunk.first_row + row);
    result.type = range.type;
    const size_t next = chunk.first_row + row + 1;
    result.ahead = next < queries_ ? range.Row(next) : nullptr;
  }
  result.bias = BiasRow(params_.bias, chunk.sequence, chunk.first_head + head, chunk.first_row + row);
  result.bias_type = params_.bias.type;
  return result;
}

}  // namespace attnscope

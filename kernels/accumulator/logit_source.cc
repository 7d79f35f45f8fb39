// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logit_source.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "kernels/query_key/query_key_product.h"
#include "kernels/sweep/slow_row.h"
#include "kernels/view_rows.h"

namespace attnscope {
namespace {

AttentionView ShapeOf(const QueryKeyView& view) {
  AttentionView shape;
  shape.batch = view.batch;
  shape.heads = view.heads;
  shape.queries = view.queries;
  shape.keys = view.keys;
  shape.first_sequence = view.first_sequence;
  shape.first_head = view.first_head;
  return shape;
}

// Values at or below this mask a key.
double MaskedBelow(const SoftmaxParams& params, ElementType type) {
  constexpr double kLowestFloat16 = -65504.0;
  const bool finite = params.masked_below > -HUGE_VAL;
  return finite && type == ElementType::kFloat16 ? std::max(params.masked_below, kLowestFloat16) : params.masked_below;
}

// A few rows of heads whose keys are the parts of one row of memory.
size_t GroupsTogether(const QueryKeyView& view) {
  const bool side_by_side =
      view.key_loader.load != nullptr || std::abs(view.key_head_stride) < std::abs(view.key_stride);
  return side_by_side && view.heads / view.kv_heads * view.queries <= kFewRows ? kMostHeadsTogether : 1;
}

}  // namespace

LogitSource::LogitSource(const AttentionView& shape, size_t heads_per_group, size_t groups_together,
                         const LogitScale& scale, const SoftmaxParams& params, const RowOutputs* outputs)
    : shape_(shape),
      heads_per_group_(heads_per_group),
      groups_together_(groups_together),
      scale_(scale),
      params_(params),
      outputs_(outputs) {}

const void* LogitSource::BiasRow(size_t sequence, size_t head, size_t row, size_t key) const {
  const BiasView& bias = params_.bias;
  if (bias.data == nullptr) return nullptr;
  const int64_t offset = static_cast<int64_t>(sequence) * bias.batch_stride +
                         static_cast<int64_t>(head) * bias.head_stride + static_cast<int64_t>(row) * bias.query_stride +
                         static_cast<int64_t>(key);
  return static_cast<const uint8_t*>(bias.data) + offset * static_cast<int64_t>(ElementBytes(bias.type));
}

bool LogitSource::IsMaskedByValue(size_t sequence, size_t head, size_t row, size_t key) const {
  if (shape_.data != nullptr) {
    const double logit = ElementAsDouble(ElementOf(shape_, sequence, head, row), shape_.type, key);
    if (logit <= scale_.masked_logit) return true;
  }
  const void* bias = BiasRow(sequence, head, row, key);
  return bias != nullptr && ElementAsDouble(bias, params_.bias.type, 0) <= scale_.masked_bias;
}

LogitViewSource::LogitViewSource(const AttentionView& logits, const SoftmaxParams& params, const RowOutputs* outputs)
    : LogitSource(logits, 1, 1,
                  {.scale = params.scale == 0.0 ? 1.0 : params.scale,
                   .soft_cap = params.soft_cap,
                   .masked_logit = MaskedBelow(params, logits.type),
                   .masked_bias = MaskedBelow(params, params.bias.type)},
                  params, outputs) {}

AttentionView LogitViewSource::Prepare(const RowChunk& chunk, const LogitScratch& /*scratch*/) const {
  AttentionView logits = shape();
  logits.data = logits.keys == 0 ? nullptr : ElementOf(shape(), chunk.sequence, chunk.first_head, chunk.first_row);
  if (logits.data == nullptr) logits.query_stride = logits.head_stride = 0;
  if (logits.queries <= 1) logits.query_stride = 0;  // that of one row may be anything
  logits.queries -= chunk.first_row;
  return logits;
}

QueryKeySource::QueryKeySource(const QueryKeyView& view, const SoftmaxParams& params, const RowOutputs* outputs)
    : LogitSource(ShapeOf(view), view.heads / view.kv_heads, GroupsTogether(view),
                  {.scale = params.scale == 0.0 ? 1.0 / std::sqrt(static_cast<double>(view.head_dim)) : params.scale,
                   .soft_cap = params.soft_cap,
                   .masked_bias = MaskedBelow(params, params.bias.type)},
                  params, outputs),
      view_(view) {}

AttentionView QueryKeySource::Prepare(const RowChunk& chunk, const LogitScratch& scratch) const {
  ProductBlock block;
  block.view = &view_;
  block.sequence = chunk.sequence;
  block.first_head = chunk.first_head;
  block.num_heads = chunk.num_heads;
  block.first_row = chunk.first_row;
  block.num_rows = chunk.num_rows;
  block.visible = Visible(chunk.sequence, chunk.first_head, chunk.first_row);
  MultiplyQueriesKeys(block, scratch.packed_queries(), scratch.packed_keys(), scratch.Row(0), scratch.stride());
  AttentionView products;
  products.data = scratch.Row(0);
  products.heads = chunk.num_heads;
  products.queries = chunk.num_rows;
  products.keys = view_.keys;
  products.query_stride = static_cast<int64_t>(scratch.stride());
  products.head_stride = static_cast<int64_t>(scratch.stride() * chunk.num_rows);
  return products;
}

}  // namespace attnscope

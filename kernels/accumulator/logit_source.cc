// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/logit_source.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/query_key/query_key_product.h"
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

}  // namespace

LogitSource::LogitSource(const AttentionView& shape, size_t heads_per_group, double default_scale,
                         const SoftmaxParams& params)
    : shape_(shape),
      heads_per_group_(heads_per_group),
      scale_{params.scale == 0.0 ? default_scale : params.scale, params.soft_cap},
      params_(params) {}

VisibleKeys LogitSource::Visible(size_t sequence, size_t first_row) const {
  const int64_t* lengths = params_.mask.key_lengths;
  const size_t keys = lengths == nullptr ? shape_.keys : std::min(shape_.keys, static_cast<size_t>(lengths[sequence]));
  return VisibleKeys(keys, params_.mask, first_row);
}

AttentionView LogitViewSource::Prepare(const LogitChunk& chunk, const LogitScratch& /*scratch*/) const {
  const RowRange rows = RowsOf(shape(), mask(), chunk.sequence, chunk.first_head);
  AttentionView logits = shape();
  logits.data = rows.Row(chunk.first_row);
  logits.query_stride = rows.row_stride;
  if (logits.data == nullptr) logits.head_stride = 0;
  logits.queries -= chunk.first_row;
  return logits;
}

QueryKeySource::QueryKeySource(const QueryKeyView& view, const SoftmaxParams& params)
    : LogitSource(ShapeOf(view), view.heads / view.kv_heads, 1.0 / std::sqrt(static_cast<double>(view.head_dim)),
                  params),
      view_(view) {}

AttentionView QueryKeySource::Prepare(const LogitChunk& chunk, const LogitScratch& scratch) const {
  ProductBlock block;
  block.view = &view_;
  block.sequence = chunk.sequence;
  block.first_head = chunk.first_head;
  block.num_heads = chunk.num_heads;
  block.first_row = chunk.first_row;
  block.num_rows = chunk.num_rows;
  block.visible = Visible(chunk.sequence, chunk.first_row);
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

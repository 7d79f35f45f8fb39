// SPDX-License-Identifier: Apache-2.0
//
// attnscope's side of bench/peers/kernels and bench/peers/python_calls: functions that Python's ctypes finds, as a
// static library shows none.
#include <cstddef>
#include <cstdint>

#include "attnscope/attnscope_c.h"
#include "attnscope/layer_accumulator.h"

#define ATTNSCOPE_PEER extern "C" __attribute__((visibility("default")))

namespace {

AttnscopeRows RowsOf(const float* data, size_t rows, size_t columns) {
  AttnscopeRows view = {};
  view.struct_size = sizeof view;
  view.type = ATTNSCOPE_FLOAT32;
  view.data = data;
  view.rows = rows;
  view.columns = columns;
  view.row_stride = static_cast<int64_t>(columns);
  return view;
}

}  // namespace

// Each returns an AttnscopeStatus.

ATTNSCOPE_PEER int32_t RowEntropy(const float* data, size_t rows, size_t columns, double* out) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  return AttnscopeRowEntropy(&view, out);
}

ATTNSCOPE_PEER int32_t RowMax(const float* data, size_t rows, size_t columns, double* out) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  return AttnscopeRowMax(&view, out);
}

ATTNSCOPE_PEER int32_t TopK(const float* data, size_t rows, size_t columns, size_t k, float* values,
                            uint32_t* indices) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  return AttnscopeTopK(&view, k, values, indices);
}

ATTNSCOPE_PEER int32_t TopKMass(const float* data, size_t rows, size_t columns, size_t k, double* out) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  return AttnscopeTopKMass(&view, k, out);
}

ATTNSCOPE_PEER int32_t ColumnSums(const float* data, size_t rows, size_t columns, double* out) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  return AttnscopeColumnSums(&view, out, nullptr);
}

ATTNSCOPE_PEER int32_t SoftmaxEntropy(const float* data, size_t rows, size_t columns, size_t k, double* entropy,
                                      double* logsumexp, float* values, uint32_t* indices) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  AttnscopeSoftmaxOutputs outputs = {};
  outputs.struct_size = sizeof outputs;
  outputs.entropy_nats = entropy;
  outputs.logsumexp = logsumexp;
  outputs.k = k;
  outputs.top_logits = values;
  outputs.top_indices = indices;
  return AttnscopeSoftmaxEntropy(&view, 1.0, &outputs);
}

ATTNSCOPE_PEER int32_t SquaredNorm(const float* data, size_t rows, size_t columns, double* out) {
  const AttnscopeRows view = RowsOf(data, rows, columns);
  return AttnscopeSquaredNorm(&view, out);
}

// One call of the C++ interface, and the end of its sequence: float32 [1, heads, tokens, head_dim] of both. `entropy`,
// unless it is null, becomes the mean of this call's rows, in nats.
ATTNSCOPE_PEER int32_t AddQueriesKeys(const float* queries, const float* keys, size_t heads, size_t tokens,
                                      size_t head_dim, int32_t causal, double* entropy) {
  static attnscope::LayerAccumulator layer;
  if (layer.config().heads != heads || layer.config().max_keys < tokens) {
    const attnscope::Status status = attnscope::LayerAccumulator::Create({.heads = heads, .max_keys = tokens}, &layer);
    if (!status.ok()) return static_cast<int32_t>(status.code());
  }
  if (entropy != nullptr) layer.Reset();
  const attnscope::QueryKeyView view = attnscope::ContiguousQueryKey(queries, keys, attnscope::ElementType::kFloat32, 1,
                                                                     heads, heads, tokens, tokens, head_dim);
  attnscope::SoftmaxParams params;
  params.mask.causal = causal != 0;
  const attnscope::Status status = layer.AddQueriesKeys(view, params);
  layer.EndSequence();
  if (entropy != nullptr) *entropy = layer.Stats().layer[attnscope::Metric::kEntropy];
  return static_cast<int32_t>(status.code());
}

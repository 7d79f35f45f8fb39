// SPDX-License-Identifier: Apache-2.0
//
// The kernels by themselves.
#include "attnscope/kernels.h"

#include <algorithm>

#include "c_interface/fields.h"
#include "c_interface/structs.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

static_assert(kernels::kNoIndex == ATTNSCOPE_NO_INDEX);

namespace {

Status ReadRows(const char* name, const AttnscopeRows* in, kernels::Rows* out) {
  AttnscopeRows rows = {};
  if (Status status = ReadStruct(name, in, &rows); !status.ok()) return status;
  out->data = rows.data;
  out->rows = rows.rows;
  out->columns = rows.columns;
  out->row_stride = rows.row_stride;
  return ReadType(name, "type", rows.type, &out->type);
}

// Calls kernel(rows), which messages call `name`.
template <class Kernel>
AttnscopeStatus OfRows(const char* name, const AttnscopeRows* in, const Kernel& kernel) {
  return Guarded([&] {
    kernels::Rows rows;
    if (Status status = ReadRows(name, in, &rows); !status.ok()) return status;
    return kernel(rows);
  });
}

Status ReadMeasures(const AttnscopeRowMeasures* in, kernels::RowMeasures* out) {
  AttnscopeRowMeasures measures = {};
  if (Status status = ReadStruct("measures", in, &measures); !status.ok()) return status;
  out->entropy_nats = measures.entropy_nats;
  out->exp_entropy = measures.exp_entropy;
  out->sum = measures.sum;
  out->max = measures.max;
  std::copy_n(measures.top_mass, kMaxTopMasses, out->top_mass.begin());
  out->column_sums = measures.column_sums;
  if (Status status = ReadTopK("measures", measures.top_k, &out->top_k); !status.ok()) return status;
  return CheckReserved("measures", measures.reserved);
}

Status ReadOutputs(const AttnscopeSoftmaxOutputs* in, kernels::SoftmaxOutputs* out) {
  AttnscopeSoftmaxOutputs outputs = {};
  if (Status status = ReadStruct("outputs", in, &outputs); !status.ok()) return status;
  out->entropy_nats = outputs.entropy_nats;
  out->logsumexp = outputs.logsumexp;
  out->k = outputs.k;
  out->top_logits = outputs.top_logits;
  out->top_indices = outputs.top_indices;
  return CheckReserved("outputs", outputs.reserved);
}

}  // namespace

AttnscopeStatus AttnscopeContiguousRows(const void* data, int32_t type, uint64_t rows, uint64_t columns,
                                        AttnscopeRows* out) {
  return Guarded([&] {
    AttnscopeRows filled = {sizeof(filled), type, data, rows, columns, static_cast<int64_t>(columns)};
    return WriteStruct("out", filled, out);
  });
}

AttnscopeStatus AttnscopeRowEntropy(const AttnscopeRows* weights, double* entropy_nats) {
  return OfRows("weights", weights, [&](const kernels::Rows& rows) { return kernels::RowEntropy(rows, entropy_nats); });
}

AttnscopeStatus AttnscopeRowExpEntropy(const AttnscopeRows* weights, double* exp_entropy) {
  return OfRows("weights", weights,
                [&](const kernels::Rows& rows) { return kernels::RowExpEntropy(rows, exp_entropy); });
}

AttnscopeStatus AttnscopeRowMax(const AttnscopeRows* weights, double* max) {
  return OfRows("weights", weights, [&](const kernels::Rows& rows) { return kernels::RowMax(rows, max); });
}

AttnscopeStatus AttnscopeTopKMass(const AttnscopeRows* weights, size_t k, double* mass) {
  return OfRows("weights", weights, [&](const kernels::Rows& rows) { return kernels::TopKMass(rows, k, mass); });
}

AttnscopeStatus AttnscopeTopK(const AttnscopeRows* numbers, size_t k, float* values, uint32_t* indices) {
  return OfRows("numbers", numbers, [&](const kernels::Rows& rows) { return kernels::TopK(rows, k, values, indices); });
}

AttnscopeStatus AttnscopeColumnSums(const AttnscopeRows* weights, double* sums, size_t* invalid_rows) {
  return OfRows("weights", weights,
                [&](const kernels::Rows& rows) { return kernels::ColumnSums(rows, sums, invalid_rows); });
}

AttnscopeStatus AttnscopeColumnMax(const AttnscopeRows* weights, double* max, size_t* invalid_rows) {
  return OfRows("weights", weights,
                [&](const kernels::Rows& rows) { return kernels::ColumnMax(rows, max, invalid_rows); });
}

size_t AttnscopeMeasureRowsBytes(size_t columns) { return kernels::MeasureRowsBytes(columns); }

AttnscopeStatus AttnscopeMeasureRows(const AttnscopeRows* weights, void* workspace, size_t workspace_bytes,
                                     const AttnscopeRowMeasures* measures) {
  return OfRows("weights", weights, [&](const kernels::Rows& rows) {
    kernels::RowMeasures outputs;
    if (Status status = ReadMeasures(measures, &outputs); !status.ok()) return status;
    return kernels::MeasureRows(rows, workspace, workspace_bytes, outputs);
  });
}

AttnscopeStatus AttnscopeSoftmaxEntropy(const AttnscopeRows* logits, double scale,
                                        const AttnscopeSoftmaxOutputs* outputs) {
  return OfRows("logits", logits, [&](const kernels::Rows& rows) {
    kernels::SoftmaxOutputs read;
    if (Status status = ReadOutputs(outputs, &read); !status.ok()) return status;
    return kernels::SoftmaxEntropy(rows, scale, read);
  });
}

AttnscopeStatus AttnscopeSquaredNorm(const AttnscopeRows* numbers, double* squares) {
  return OfRows("numbers", numbers, [&](const kernels::Rows& rows) { return kernels::SquaredNorm(rows, squares); });
}

AttnscopeStatus AttnscopeSquaredDistance(const AttnscopeRows* from, const AttnscopeRows* to, double* squares) {
  return OfRows("from", from, [&](const kernels::Rows& first) {
    kernels::Rows second;
    if (Status status = ReadRows("to", to, &second); !status.ok()) return status;
    return kernels::SquaredDistance(first, second, squares);
  });
}

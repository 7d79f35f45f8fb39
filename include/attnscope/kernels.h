// SPDX-License-Identifier: Apache-2.0
//
// The kernels by themselves: rows of someone else's buffer to numbers, without an accumulator. They keep nothing,
// allocate nothing and start no thread; the accumulator is made of the same code. Example, how spread each row of
// float16 weights [512, 4096] is, and the 8 tokens that a sampler looks at first:
//
//   namespace kernels = attnscope::kernels;
//   double entropy[512];
//   kernels::Rows rows = kernels::ContiguousRows(weights, attnscope::ElementType::kFloat16, 512, 4096);
//   attnscope::Status status = kernels::RowEntropy(rows, entropy);
//
//   float logit[8];
//   uint32_t token[8];
//   kernels::SoftmaxOutputs of_sampler = {.k = 8, .top_logits = logit, .top_indices = token};
//   status = kernels::SoftmaxEntropy(vocabulary, 1.0, of_sampler);  // `vocabulary`: one row of logits
//
// Outputs are [rows] unless stated, one number a row, and must not overlap the rows or each other. Errors are
// kInvalidArgument, with the name of the argument and its value: a null pointer where there are elements, no
// ElementType, more than kMaxKeys columns, strides that overflow. Outputs stay what they were then. Results do not
// depend on alignment or on what other rows there are; between SIMD targets they differ within the bounds. All are
// thread-safe.
//
// ROWS OF WEIGHTS are as docs/metrics.md has them. A row with NaN, an infinity or a negative weight is invalid: each of
// its numbers is NaN, and column sums and maxima are without it. A row of zeros, or of no columns, is a row like others
// here: its entropy is 0, its exp(entropy) 1, its sum, its maximum and its masses 0. Rows need not sum to 1. Error
// bounds are the contract of docs/metrics.md#error-bounds, of rows of up to 2^20 columns; tests/kernels/plain_rows
// proves them against long double.
#ifndef ATTNSCOPE_KERNELS_H_
#define ATTNSCOPE_KERNELS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "attnscope/attention_view.h"
#include "attnscope/export.h"
#include "attnscope/limits.h"
#include "attnscope/status.h"
#include "attnscope/top_k.h"

namespace attnscope::kernels {

// Rows [rows, columns] of a buffer. The columns of a row are contiguous, and need the alignment of their type only.
struct Rows {
  const void* data = nullptr;  // element [0, 0]
  ElementType type = ElementType::kFloat32;
  size_t rows = 0;
  size_t columns = 0;
  int64_t row_stride =
      0;  // from one row to the next, in elements; may be negative or zero. What is between is not read
};

// The rows of a C-contiguous buffer [rows, columns].
constexpr Rows ContiguousRows(const void* data, ElementType type, size_t rows, size_t columns) {
  return {data, type, rows, columns, static_cast<int64_t>(columns)};
}

// Where a row has fewer columns than k, those that there are not.
inline constexpr uint32_t kNoIndex = UINT32_MAX;

// H_i = -sum_j a_ij log a_ij, in nats. Absolute error <= 2e-6 * max(1, log columns) for rows that sum to 1; of a row
// that sums to s, 2e-6 times the larger of max(1, log columns) * max(1, s) and sum_j |a_ij log a_ij|. In [0, log
// columns] where a row sums to 1. One read of the rows.
ATTNSCOPE_EXPORT Status RowEntropy(const Rows& weights, double* entropy_nats);

// exp(H_i): the effective rank. Relative error that of H_i's absolute one. One read.
ATTNSCOPE_EXPORT Status RowExpEntropy(const Rows& weights, double* exp_entropy);

// max_j a_ij, exact. One read.
ATTNSCOPE_EXPORT Status RowMax(const Rows& weights, double* max);

// The sum of each row's k largest weights, or of all where there are fewer; k from 1 to kMaxTopK. Relative error
// <= 1e-12. One read; what is above a bound is looked at again, in at most 40 KiB of stack: O(columns), also where
// weights ascend or are all equal.
ATTNSCOPE_EXPORT Status TopKMass(const Rows& weights, size_t k, double* mass);

// Each row's k largest numbers, in descending order, equal ones in the order of their columns. Numbers of any sign, and
// infinities, are compared as numbers; k is from 1 to kMaxTopK. Where a row has fewer columns, or NaN, which has no
// order, the rest, or all, are NaN and kNoIndex. Exact; O(columns + k log k), at most 80 KiB of stack.
// `values` and `indices` are [rows, k]; either may be null.
ATTNSCOPE_EXPORT Status TopK(const Rows& numbers, size_t k, float* values, uint32_t* indices);

// sums[j] = sum_i a_ij, [columns], of the rows that are not invalid; sets `invalid_rows` to how many are, unless it is
// null. Relative error <= 1e-6 for any number of rows: 16 rows are added in float32, their sums in float64, as the
// accumulator adds them. One read; two more where a row is invalid, or has -0.0 or a weight above 2^64.
ATTNSCOPE_EXPORT Status ColumnSums(const Rows& weights, double* sums, size_t* invalid_rows = nullptr);

// max[j] = max_i a_ij, [columns], exact, in the same way; 0 where there is no row.
ATTNSCOPE_EXPORT Status ColumnMax(const Rows& weights, double* max, size_t* invalid_rows = nullptr);

// What MeasureRows measures: [rows] each, but column_sums. Null: not asked for.
struct RowMeasures {
  double* entropy_nats = nullptr;
  double* exp_entropy = nullptr;
  double* sum = nullptr;  // relative error <= 2e-6, as are the masses
  double* max = nullptr;
  TopKValues top_k = kDefaultTopK;
  std::array<double*, kMaxTopMasses> top_mass = {};  // [rows] each, of each k
  double* column_sums = nullptr;                     // [columns], as ColumnSums
};

// Bytes of the workspace that MeasureRows needs: about 270 KiB, and 4 for each column.
ATTNSCOPE_EXPORT size_t MeasureRowsBytes(size_t columns);

// All in one pass over rows that are read once, sixteen of them at a time. The workspace has `workspace_bytes`, at
// least MeasureRowsBytes, of any content and alignment; one call at a time may use it. Fewer bytes are
// kInvalidArgument, and so is a top_k as LayerConfig has none.
ATTNSCOPE_EXPORT Status MeasureRows(const Rows& weights, void* workspace, size_t workspace_bytes,
                                    const RowMeasures& measures);

// What SoftmaxEntropy measures: [rows] each, but the top k. Null: not asked for.
struct SoftmaxOutputs {
  double* entropy_nats = nullptr;  // of the softmax: absolute error <= 2e-6 * max(1, log columns)
  double* logsumexp = nullptr;     // log sum_j exp(scale * x_j): absolute error <= 2e-6 * max(1, log columns)
  size_t k = 0;                    // at most kMaxTopK; 0: no top k
  float* top_logits = nullptr;     // [rows, k]: the largest x_j as they are, in descending order, as of TopK
  uint32_t* top_indices = nullptr;
};

// Rows of logits x_j, of a vocabulary or of attention, measured in one read; weights are never written. `scale` (the
// inverse of a sampler's temperature) is finite and above zero. Logits of -infinity are masked: they count in nothing
// but in TopK's order. A row of which none is left has no distribution: its entropy is NaN, and its logsumexp
// -infinity. A row with NaN or +infinity is invalid: NaN and kNoIndex. O(columns), at most
// 80 KiB of stack.
ATTNSCOPE_EXPORT Status SoftmaxEntropy(const Rows& logits, double scale, const SoftmaxOutputs& outputs);

// sum_j x_ij^2 and sum_j (x_ij - y_ij)^2 in float64: finite float32 neither overflow nor underflow. Relative error
// <= 1e-12, and in a distance that of each difference, rounded to float64. NaN and infinities go through. One read. The
// rows of a distance have one type and as many rows and columns, else kInvalidArgument.
ATTNSCOPE_EXPORT Status SquaredNorm(const Rows& numbers, double* squares);
ATTNSCOPE_EXPORT Status SquaredDistance(const Rows& from, const Rows& to, double* squares);

}  // namespace attnscope::kernels

#endif  // ATTNSCOPE_KERNELS_H_

// SPDX-License-Identifier: Apache-2.0
//
// The accumulator's sweep over plain rows, with what it measures of each row given out instead of added up.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "attnscope/kernels.h"
#include "attnscope/limits.h"
#include "kernels/plain_rows/finish_rows.h"
#include "kernels/plain_rows/row_checks.h"
#include "kernels/sweep/row_block.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/sweep/weights_sweep.h"
#include "kernels/top_k/mass_sizes.h"
#include "kernels/top_k/top_k_checks.h"
#include "kernels/view_rows.h"

namespace attnscope::kernels {
namespace {

constexpr size_t kAlignment = 128;  // of any vector

static_assert(alignof(SweepWorkspace) <= kAlignment && std::is_trivially_destructible_v<SweepWorkspace>);
constexpr size_t kSweepBytes = (sizeof(SweepWorkspace) + kAlignment - 1) / kAlignment * kAlignment;

// The parts of a caller's workspace.
struct Workspace {
  SweepWorkspace* sweep;
  float* columns;

  explicit Workspace(void* memory) {
    const size_t past = reinterpret_cast<uintptr_t>(memory) % kAlignment;
    auto* const aligned = static_cast<std::byte*>(memory) + (past == 0 ? 0 : kAlignment - past);
    sweep = new (aligned) SweepWorkspace;
    sweep->guess = {};
    columns = reinterpret_cast<float*>(aligned + kSweepBytes);
  }
};

RowRange RangeOf(const Rows& rows) {
  RowRange range;
  range.data = rows.data;
  range.type = rows.type;
  range.row_stride = rows.rows > 1 ? rows.row_stride : 0;  // that of one row may be anything
  range.rows = rows.rows;
  range.visible = RowVisibility(rows.columns);
  return range;
}

// values[i] of the valid rows, else NaN.
void Write(const BlockResult& result, const double* values, size_t num_rows, double* to) {
  for (size_t i = 0; to != nullptr && i < num_rows; ++i) to[i] = result.valid[i] != 0.0 ? values[i] : std::nan("");
}

// The measures of rows from `first` on.
double* From(double* measures, size_t first) { return measures == nullptr ? nullptr : measures + first; }

void WriteBlock(BlockResult& result, size_t first, size_t num_rows, size_t columns, const RowMeasures& measures) {
  FinishBlock(result, num_rows, columns, From(measures.entropy_nats, first), From(measures.exp_entropy, first));
  Write(result, result.sum, num_rows, From(measures.sum, first));
  Write(result, result.max, num_rows, From(measures.max, first));
  for (size_t i = 0; i < measures.top_k.size(); ++i) {
    Write(result, result.mass[i], num_rows, From(measures.top_mass[i], first));
  }
}

}  // namespace

size_t MeasureRowsBytes(size_t columns) {
  return kAlignment - 1 + kSweepBytes + PaddedColumns(columns) * sizeof(float);
}

Status MeasureRows(const Rows& weights, void* workspace, size_t workspace_bytes, const RowMeasures& measures) {
  if (Status status = CheckRows("weights", weights, {}); !status.ok()) return status;
  if (Status status = CheckTopK("measures.top_k", measures.top_k); !status.ok()) return status;
  if (workspace == nullptr) return {StatusCode::kInvalidArgument, "workspace is null"};
  if (workspace_bytes < MeasureRowsBytes(weights.columns)) {
    return {StatusCode::kInvalidArgument, "workspace_bytes is " + std::to_string(workspace_bytes) + ", expected " +
                                              std::to_string(MeasureRowsBytes(weights.columns)) + " for " +
                                              std::to_string(weights.columns) + " columns"};
  }
  const Workspace parts(workspace);
  const MassSizes masses(measures.top_k);
  RowRange range = RangeOf(weights);
  range.rules.masses = &masses;
  const bool sum_columns = measures.column_sums != nullptr && weights.columns != 0;
  if (sum_columns) std::memset(measures.column_sums, 0, weights.columns * sizeof(double));
  for (size_t first = 0; first < weights.rows; first += kRowsPerBlock) {
    const size_t num_rows = std::min(kRowsPerBlock, weights.rows - first);
    RowBlock block;
    if (sum_columns) block.columns = parts.columns;
    block.reached = {0, weights.columns};
    block.Append(range, first, num_rows, nullptr);
    BlockResult result;
    SweepDetached(block, parts.sweep, &result);
    WriteBlock(result, first, num_rows, weights.columns, measures);
    if (sum_columns) AddDetachedColumns(block, result, block.reached, measures.column_sums);
  }
  return {};
}

}  // namespace attnscope::kernels

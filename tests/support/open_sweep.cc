// SPDX-License-Identifier: Apache-2.0
#include "tests/support/open_sweep.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/sweep/pending_rows.h"
#include "tests/support/elements.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::test {
namespace {

constexpr size_t kCanaries = 64;
constexpr float kCanary = -12345.0f;

// Scratch may hold anything: here NaN.
AlignedBuffer<float> AllocateColumns(size_t count) {
  AlignedBuffer<float> columns = AllocateAlignedBuffer<float>(count + kCanaries);
  std::memset(columns.get(), 0xFF, count * sizeof(float));
  std::fill_n(columns.get() + count, kCanaries, kCanary);
  return columns;
}

bool CanariesIntactBehind(const AlignedBuffer<float>& columns, size_t count) {
  const float* canaries = columns.get() + count;
  return std::all_of(canaries, canaries + kCanaries, [](float value) { return value == kCanary; });
}

}  // namespace

RowRange MatrixInMemory::Rows(size_t first, size_t count) const {
  RowRange range;
  range.data = static_cast<const uint8_t*>(data) +
               static_cast<int64_t>(first) * stride * static_cast<int64_t>(ElementBytes(type));
  range.type = type;
  range.row_stride = stride;
  range.rows = count;
  range.visible = RowVisibility(mask, rows, keys, 0, 0).From(first);
  range.rules.tolerance = tolerance;
  if (masses != nullptr) range.rules.masses = masses;
  return range;
}

std::vector<std::vector<long double>> MatrixInMemory::ExactRows() const {
  std::vector<std::vector<long double>> exact;
  for (size_t i = 0; i < rows; ++i) {
    const uint8_t* row =
        static_cast<const uint8_t*>(data) + static_cast<int64_t>(i) * stride * static_cast<int64_t>(ElementBytes(type));
    exact.emplace_back();
    for (const size_t key : SeenKeysOf(mask, {rows, keys}, 0, 0, i).keys) {
      exact.back().push_back(LoadElement(type, row, key));
    }
  }
  return exact;
}

OpenSweep::OpenSweep(size_t max_keys)
    : max_keys_(max_keys),
      row_sums_memory_(kNumRowSums * sizeof(double)),
      columns_memory_(max_keys * sizeof(double)),
      row_sums_(static_cast<double*>(row_sums_memory_.PlaceAtEnd(kNumRowSums * sizeof(double)))),
      columns_(static_cast<double*>(columns_memory_.PlaceAtEnd(max_keys * sizeof(double)))),
      block_(AllocateColumns(max_keys)),
      block_columns_(AllocateColumns(PaddedColumns(max_keys))),
      workspace_(AllocateAlignedBuffer<SweepWorkspace>(1)) {
  std::memset(static_cast<void*>(workspace_.get()), 0xFF, sizeof(SweepWorkspace));
  workspace_[0].guess = {};
}

void OpenSweep::Add(const RowRange& range) {
  OpenMatrix open;
  open.row_sums = row_sums_;
  open.columns = columns_;
  open.block = block_.get();
  open.block_columns = &columns_in_use_;
  open.rows = rows_;
  PendingRows pending({block_columns_.get(), workspace_.get()});
  pending.Add(range, open);
  pending.Sweep();
  rows_ += range.rows;
  keys_ = std::max(keys_, range.visible.Columns(0, range.rows).end);
}

double OpenSweep::InProgress(size_t key) const {
  const bool used = rows_ % kRowsPerBlock != 0 && key >= columns_in_use_.begin && key < columns_in_use_.end;
  return used ? static_cast<double>(block_[key]) : 0.0;
}

void OpenSweep::Clear() {
  std::fill_n(row_sums_, kNumRowSums, 0.0);
  std::fill_n(columns_, keys_, 0.0);
  rows_ = 0;
  keys_ = 0;
  columns_in_use_ = {};
}

std::vector<double> OpenSweep::Columns() const {
  std::vector<double> sums(max_keys_);
  for (size_t i = 0; i < max_keys_; ++i) sums[i] = Column(i);
  return sums;
}

std::vector<double> OpenSweep::State() const {
  std::vector<double> state(row_sums_, row_sums_ + kNumRowSums);
  state.insert(state.end(), columns_, columns_ + max_keys_);
  for (size_t i = 0; i < max_keys_; ++i) state.push_back(InProgress(i));
  return state;
}

bool OpenSweep::CanariesIntact() const {
  return row_sums_memory_.SlackIntact() && columns_memory_.SlackIntact() && CanariesIntactBehind(block_, max_keys_) &&
         CanariesIntactBehind(block_columns_, PaddedColumns(max_keys_));
}

}  // namespace attnscope::test

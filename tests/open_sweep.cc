// SPDX-License-Identifier: Apache-2.0
#include "tests/open_sweep.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/weights_sweep.h"
#include "tests/elements.h"

namespace attnscope::test {
namespace {

constexpr size_t kCanaries = 64;
constexpr float kCanary = -12345.0f;

}  // namespace

RowRange MatrixInMemory::Rows(size_t first, size_t count) const {
  RowRange range;
  range.data = static_cast<const uint8_t*>(data) +
               static_cast<int64_t>(first) * stride * static_cast<int64_t>(ElementBytes(type));
  range.type = type;
  range.row_stride = stride;
  range.rows = count;
  range.visible = VisibleKeys(keys, mask, first);
  range.tolerance = tolerance;
  return range;
}

std::vector<std::vector<long double>> MatrixInMemory::ExactRows() const {
  std::vector<std::vector<long double>> exact;
  for (size_t i = 0; i < rows; ++i) {
    int64_t visible = static_cast<int64_t>(keys);
    // Offsets of tests are small or the limits of int64_t, hence the wide sum.
    if (mask.causal) {
      const __int128 seen = static_cast<__int128>(mask.causal_offset) + static_cast<__int128>(i) + 1;
      visible = static_cast<int64_t>(std::clamp<__int128>(seen, 0, static_cast<__int128>(keys)));
    }
    const uint8_t* row =
        static_cast<const uint8_t*>(data) + static_cast<int64_t>(i) * stride * static_cast<int64_t>(ElementBytes(type));
    exact.push_back(LoadElements(type, row, static_cast<size_t>(visible)));
  }
  return exact;
}

OpenSweep::OpenSweep(size_t max_keys)
    : max_keys_(max_keys),
      row_sums_memory_(kNumRowSums * sizeof(double)),
      columns_memory_(max_keys * sizeof(double)),
      partial_memory_(max_keys * sizeof(double)),
      row_sums_(static_cast<double*>(row_sums_memory_.PlaceAtEnd(kNumRowSums * sizeof(double)))),
      columns_(static_cast<double*>(columns_memory_.PlaceAtEnd(max_keys * sizeof(double)))),
      partial_(static_cast<double*>(partial_memory_.PlaceAtEnd(max_keys * sizeof(double)))),
      block_columns_(AllocateAlignedBuffer<float>(PaddedColumns(max_keys) + kCanaries)),
      workspace_(AllocateAlignedBuffer<SweepWorkspace>(1)) {
  // Scratch may hold anything: here NaN.
  std::memset(block_columns_.get(), 0xFF, PaddedColumns(max_keys) * sizeof(float));
  std::memset(static_cast<void*>(workspace_.get()), 0xFF, sizeof(SweepWorkspace));
  std::fill_n(block_columns_.get() + PaddedColumns(max_keys), kCanaries, kCanary);
}

void OpenSweep::Add(const RowRange& range) {
  OpenColumns open;
  open.columns = columns_;
  open.partial = partial_;
  open.rows = rows_;
  open.keys = keys_;
  SweepWeights(range, open, row_sums_, block_columns_.get(), workspace_.get());
  rows_ += range.rows;
  for (size_t i = 0; i < range.rows; ++i) keys_ = std::max(keys_, range.visible(i));
}

void OpenSweep::Clear() {
  std::fill_n(row_sums_, kNumRowSums, 0.0);
  std::fill_n(columns_, keys_, 0.0);
  std::fill_n(partial_, keys_, 0.0);
  rows_ = 0;
  keys_ = 0;
}

std::vector<double> OpenSweep::Columns() const {
  std::vector<double> sums(max_keys_);
  for (size_t i = 0; i < max_keys_; ++i) sums[i] = Column(i);
  return sums;
}

std::vector<double> OpenSweep::State() const {
  std::vector<double> state(row_sums_, row_sums_ + kNumRowSums);
  state.insert(state.end(), columns_, columns_ + max_keys_);
  state.insert(state.end(), partial_, partial_ + max_keys_);
  return state;
}

bool OpenSweep::CanariesIntact() const {
  const float* canaries = block_columns_.get() + PaddedColumns(max_keys_);
  return row_sums_memory_.SlackIntact() && columns_memory_.SlackIntact() && partial_memory_.SlackIntact() &&
         std::all_of(canaries, canaries + kCanaries, [](float value) { return value == kCanary; });
}

}  // namespace attnscope::test

// SPDX-License-Identifier: Apache-2.0
//
// One open sequence of one matrix for PendingRows, with every output between canaries and guard pages.
#ifndef ATTNSCOPE_TESTS_SUPPORT_OPEN_SWEEP_H_
#define ATTNSCOPE_TESTS_SUPPORT_OPEN_SWEEP_H_

#include <cstddef>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "kernels/row_sums.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/view_rows.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/oracle.h"

namespace attnscope::test {

// Rows of one matrix in memory, which can be handed over in parts.
struct MatrixInMemory {
  const void* data = nullptr;
  ElementType type = ElementType::kFloat32;
  size_t rows = 0;
  size_t keys = 0;
  int64_t stride = 0;  // elements
  Mask mask;           // without key lengths: `keys` is the length
  double tolerance = 1e-3;
  const MassSizes* masses = nullptr;  // null: the usual ones

  RowRange Rows(size_t first, size_t count) const;
  RowRange All() const { return Rows(0, rows); }
  // What the mask lets see, exactly.
  std::vector<std::vector<long double>> ExactRows() const;
};

class OpenSweep {
 public:
  explicit OpenSweep(size_t max_keys);

  // Sweeps these rows as the next ones of the sequence.
  void Add(const RowRange& range);
  // Begins a new sequence.
  void Clear();
  // What is guessed of the next row's largest weights: costs time if it is wrong, and changes no result.
  void SetGuess(const BoundGuess& guess) { workspace_[0].guess = guess; }

  double operator[](RowSum which) const { return row_sums_[static_cast<size_t>(which)]; }
  // Column sums, finished blocks and the one in progress.
  double Column(size_t key) const { return columns_[key] + InProgress(key); }
  std::vector<double> Columns() const;
  // Everything, for comparisons bit by bit: row sums, finished columns, columns in progress.
  std::vector<double> State() const;
  bool CanariesIntact() const;

 private:
  double InProgress(size_t key) const;

  size_t max_keys_;
  size_t rows_ = 0;
  size_t keys_ = 0;
  GuardedBuffer row_sums_memory_;
  GuardedBuffer columns_memory_;
  double* row_sums_;
  double* columns_;
  AlignedBuffer<float> block_;          // with a canary behind max_keys
  KeyRange columns_in_use_;             // of `block_`
  AlignedBuffer<float> block_columns_;  // with a canary behind PaddedColumns(max_keys)
  AlignedBuffer<SweepWorkspace> workspace_;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_OPEN_SWEEP_H_

// SPDX-License-Identifier: Apache-2.0
//
// Rows of different open matrices that wait to be swept together, and what a task sweeps them with.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_PENDING_MATRICES_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_PENDING_MATRICES_H_

#include <cstddef>
#include <vector>

#include "kernels/accumulator/layer_storage.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/sweep/weights_sweep.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Matrices whose rows are swept together.
inline constexpr size_t kMatricesAtOnce = 2 * kRowsPerBlock;

// What one task needs while it sweeps. Column sums cost memory as far as the rows that are swept have keys.
struct SweepBuffers {
  AlignedBuffer<SweepWorkspace> workspace;
  AlignedBuffer<float> columns;        // [PaddedColumns(max_keys)]
  AlignedBuffer<OpenMatrix> matrices;  // [kMatricesAtOnce]
};

// Those of every task that may run at once, and the rows of a mean matrix. Shared by all feeders of a layer.
class FeederBuffers {
 public:
  // Makes room for so many tasks; false if there is no memory.
  bool Allocate(const LayerConfig& config, size_t tasks);

  SweepBuffers& OfTask(size_t task) { return of_tasks_[task]; }
  float* mean_rows() { return mean_rows_.get(); }  // [kRowsPerBlock, max_keys], mean-matrix mode only

 private:
  std::vector<SweepBuffers> of_tasks_;
  AlignedBuffer<float> mean_rows_;
};

class PendingMatrices {
 public:
  PendingMatrices(LayerStorage& storage, SweepBuffers& buffers) : storage_(storage), buffers_(buffers) {}

  // Rows of a matrix that has none pending.
  void Add(const RowRange& range, size_t sequence, size_t head);
  // Adds all pending rows to their matrices.
  void Sweep();

 private:
  LayerStorage& storage_;
  SweepBuffers& buffers_;
  size_t count_ = 0;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_PENDING_MATRICES_H_

// SPDX-License-Identifier: Apache-2.0
//
// What the feeders of a layer sweep rows with.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_FEEDER_BUFFERS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_FEEDER_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/pending_rows.h"
#include "kernels/sweep/sweep_workspace.h"

namespace attnscope {

// What one task needs while it sweeps. Column sums cost memory as far as the rows that are swept have keys, and so do
// copies of weights.
struct SweepBuffers {
  AlignedBuffer<SweepWorkspace> workspace;
  AlignedBuffer<float> columns;        // [PaddedColumns(max_keys)]
  AlignedBuffer<float> shown_weights;  // [kRowsPerBlock, max_keys], once keys are hidden one by one
  AlignedBuffer<uint8_t> shown;        // [max_keys], the same
};

// Those of every task that may run at once, and the rows of a mean matrix. Shared by all feeders of a layer.
class FeederBuffers {
 public:
  // Makes room for so many tasks; false if there is no memory.
  bool Allocate(const LayerConfig& config, size_t tasks);
  // The same, also for weights some of whose keys are hidden one by one.
  bool AllocateForShown(const LayerConfig& config, size_t tasks);

  SweepScratch OfTask(size_t task) const {
    const SweepBuffers& of_task = of_tasks_[task];
    return {of_task.columns.get(), of_task.workspace.get(), of_task.shown_weights.get(), of_task.shown.get(),
            max_keys_};
  }
  float* mean_rows() { return mean_rows_.get(); }  // [kRowsPerBlock, max_keys], mean-matrix mode only

 private:
  size_t max_keys_ = 0;
  std::vector<SweepBuffers> of_tasks_;
  AlignedBuffer<float> mean_rows_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_FEEDER_BUFFERS_H_

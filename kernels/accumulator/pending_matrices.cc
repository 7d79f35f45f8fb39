// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/pending_matrices.h"

#include <new>
#include <utility>

namespace attnscope {

bool FeederBuffers::Allocate(const LayerConfig& config, size_t tasks) {
  if (config.mean_matrix && mean_rows_ == nullptr) {
    mean_rows_ = AllocateUnsetBuffer<float>(kRowsPerBlock * config.max_keys);
    if (mean_rows_ == nullptr) return false;
  }
  while (of_tasks_.size() < tasks) {
    SweepBuffers buffers;
    buffers.workspace = AllocateAlignedBuffer<SweepWorkspace>(1);
    buffers.columns = AllocateUnsetBuffer<float>(PaddedColumns(config.max_keys));
    buffers.matrices = AllocateAlignedBuffer<OpenMatrix>(kMatricesAtOnce);
    if (buffers.workspace == nullptr || buffers.columns == nullptr || buffers.matrices == nullptr) return false;
    try {
      of_tasks_.push_back(std::move(buffers));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

void PendingMatrices::Add(const RowRange& range, size_t sequence, size_t head) {
  if (range.rows == 0) return;
  OpenMatrix& open = buffers_.matrices[count_];
  open = storage_.Open(sequence, head);
  open.range = range;
  storage_.SetKeys(sequence, head, open.KeysAfter());
  if (++count_ == kMatricesAtOnce) Sweep();
}

void PendingMatrices::Sweep() {
  if (count_ == 0) return;
  SweepWeights(buffers_.matrices.get(), count_, {buffers_.columns.get(), buffers_.workspace.get()});
  count_ = 0;
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/feeder_buffers.h"

#include <new>
#include <utility>

namespace attnscope {

bool FeederBuffers::Allocate(const LayerConfig& config, size_t tasks) {
  max_keys_ = config.max_keys;
  if (config.mean_matrix && mean_rows_ == nullptr) {
    mean_rows_ = AllocateUnsetBuffer<float>(kRowsPerBlock * config.max_keys);
    if (mean_rows_ == nullptr) return false;
  }
  while (of_tasks_.size() < tasks) {
    SweepBuffers buffers;
    buffers.workspace = AllocateAlignedBuffer<SweepWorkspace>(1);
    buffers.columns = AllocateUnsetBuffer<float>(PaddedColumns(config.max_keys));
    if (buffers.workspace == nullptr || buffers.columns == nullptr) return false;
    try {
      of_tasks_.push_back(std::move(buffers));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  return true;
}

bool FeederBuffers::AllocateForShown(const LayerConfig& config, size_t tasks) {
  if (!Allocate(config, tasks)) return false;
  for (SweepBuffers& buffers : of_tasks_) {
    if (buffers.shown != nullptr) continue;
    buffers.shown_weights = AllocateUnsetBuffer<float>(kRowsPerBlock * config.max_keys);
    buffers.shown = AllocateUnsetBuffer<uint8_t>(config.max_keys);
    if (buffers.shown_weights == nullptr || buffers.shown == nullptr) return false;
  }
  return true;
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/layer_storage.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hwy/cache_control.h"
#include "kernels/row_sums.h"

namespace attnscope {
namespace {

// More are brought while their row is made.
constexpr size_t kPrefetchedKeys = 256;

// Zeros memory that may never have been written: what is zero is only read, so its pages stay free of cost.
void ClearWritten(double* values, size_t count) {
  constexpr size_t kAtOnce = 512;  // a page
  for (size_t first = 0; first < count; first += kAtOnce) {
    double* begin = values + first;
    double* end = begin + std::min(kAtOnce, count - first);
    if (std::any_of(begin, end, [](double value) { return value != 0.0; })) std::fill(begin, end, 0.0);
  }
}

}  // namespace

bool LayerStorage::Allocate() {
  // Two doubles and a float a key and less than 2^10 others for each matrix: no index overflows.
  const size_t matrices = layout_.heads() * layout_.batch();
  if (matrices > (SIZE_MAX >> 8) / (layout_.keys() + 1024)) return false;
  sums_ = AllocateLazyBuffer<double>(layout_.sums());
  maxima_ = AllocateLazyBuffer<double>(layout_.maxima());
  block_stride_ = (layout_.keys() + kMaxFloatLanes - 1) / kMaxFloatLanes * kMaxFloatLanes;
  blocks_ = AllocateUnsetBuffer<float>(matrices * block_stride_);
  block_columns_ = AllocateLazyBuffer<KeyRange>(matrices);
  return sums_ != nullptr && maxima_ != nullptr && blocks_ != nullptr && block_columns_ != nullptr;
}

// Partial sums that no float32 holds, as those of several ranks, lose nothing: the rest goes to the finished blocks.
void LayerStorage::LoadBlocks() {
  stored_ = false;
  if (in_blocks_) return;
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) {
    for (size_t head = 0; head < layout_.heads(); ++head) {
      double* columns = sums() + layout_.OpenColumns(sequence, head);
      double* partial = sums() + layout_.OpenPartial(sequence, head);
      const bool in_block = OpenRows(sequence, head) % kRowsPerBlock != 0;
      float* block = Block(sequence, head);
      const size_t keys = OpenKeys(sequence, head);
      std::fill_n(block, keys, 0.0f);
      block_columns_[sequence * layout_.heads() + head] = {0, keys};
      for (size_t i = 0; i < keys; ++i) {
        if (in_block) block[i] = static_cast<float>(partial[i]);
        columns[i] += partial[i] - static_cast<double>(block[i]);
        partial[i] = 0.0;
      }
    }
  }
  in_blocks_ = true;
}

OpenMatrix LayerStorage::Open(size_t sequence, size_t head, const RowRange& rows) {
  OpenMatrix open;
  open.row_sums = OpenRowSums(sequence, head);
  open.rows = OpenRows(sequence, head);
  if (!keeps_columns_) return open;
  open.columns = OpenColumns(sequence, head);
  open.block = Block(sequence, head);
  open.block_columns = &block_columns_[sequence * layout_.heads() + head];
  AddColumns(sequence, head, rows.visible, rows.rows);
  return open;
}

void LayerStorage::Prefetch(size_t sequence, size_t head, size_t keys) const {
  const auto bring = [](const auto* first, size_t count) {
    for (size_t i = 0; i < count; i += 64 / sizeof(*first)) hwy::Prefetch(first + i);
  };
  bring(sums() + layout_.OpenRowSums(sequence, head), kNumRowSums);
  bring(maxima_.get() + layout_.OpenKeys(sequence, head), 1);
  bring(maxima_.get() + layout_.OpenMaxima(sequence, head), kNumOpenMaxima);
  if (!keeps_columns_) return;
  bring(&block_columns_[sequence * layout_.heads() + head], 1);
  bring(Block(sequence, head), std::min<size_t>(keys, kPrefetchedKeys));
}

size_t LayerStorage::OpenKeys(size_t sequence, size_t head) const {
  return CountOf(maxima_[layout_.OpenKeys(sequence, head)], layout_.keys());
}

size_t LayerStorage::MostOpenKeys(size_t sequence, size_t first_head, size_t heads) const {
  const double* keys = &maxima_[layout_.OpenKeys(sequence, first_head)];
  double most = 0.0;
  for (size_t i = 0; i < heads; ++i) most = std::max(most, keys[i]);
  return CountOf(most, layout_.keys());
}

size_t LayerStorage::OpenRows(size_t sequence, size_t head) const {
  return CountOf(NumRows(sums() + layout_.OpenRowSums(sequence, head)), size_t{1} << 53);
}

void LayerStorage::AddColumns(size_t sequence, size_t head, const RowVisibility& visible, size_t rows) {
  double& keys = maxima_[layout_.OpenKeys(sequence, head)];
  keys = std::max(keys, static_cast<double>(visible.Columns(0, rows).end));
  if (visible.first_key() == 0) return;
  double& first_key = OpenMaxima(sequence, head)[static_cast<size_t>(OpenMax::kFirstKey)];
  first_key = std::max(first_key, static_cast<double>(visible.first_key()));
}

KeyRange LayerStorage::BlockColumns(size_t sequence, size_t head) const {
  if (OpenRows(sequence, head) % kRowsPerBlock == 0) return {};
  return block_columns_[sequence * layout_.heads() + head];
}

float* LayerStorage::Block(size_t sequence, size_t head) const {
  return blocks_.get() + (sequence * layout_.heads() + head) * block_stride_;
}

void LayerStorage::StoreBlocks(size_t sequence) const {
  if (!in_blocks_) return;
  for (size_t head = 0; head < layout_.heads(); ++head) {
    double* partial = sums() + layout_.OpenPartial(sequence, head);
    if (OpenRows(sequence, head) % kRowsPerBlock != 0) {
      PartialSums(sequence, head, partial);
      partial_written_ = true;
    } else if (partial_written_) {
      std::fill_n(partial, OpenKeys(sequence, head), 0.0);
    }
  }
}

void LayerStorage::MoveBlocksToSums() {
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) StoreBlocks(sequence);
  in_blocks_ = false;
  partial_written_ = true;
}

double* LayerStorage::SumsToChange() {
  MoveBlocksToSums();
  handed_out_ = true;
  return sums();
}

double* LayerStorage::MaximaToChange() {
  handed_out_ = true;
  return maxima_.get();
}

const double* LayerStorage::SumsToRead() const {
  const std::lock_guard<std::mutex> lock(store_mutex_);
  for (size_t sequence = 0; !stored_ && sequence < layout_.batch(); ++sequence) StoreBlocks(sequence);
  stored_ = true;
  return sums();
}

const double* LayerStorage::PartialSums(size_t sequence, size_t head, double* scratch) const {
  if (!in_blocks_) return sums() + layout_.OpenPartial(sequence, head);
  const size_t keys = OpenKeys(sequence, head);
  const float* block = Block(sequence, head);
  const KeyRange columns = BlockColumns(sequence, head);
  std::fill_n(scratch, keys, 0.0);
  // A caller may have written fewer keys than the block has.
  const size_t end = std::min(columns.end, keys);
  for (size_t i = columns.begin; i < end; ++i) scratch[i] = static_cast<double>(block[i]);
  return scratch;
}

void LayerStorage::Fold(size_t sequence, size_t head, const double* partial, double* closed_sums,
                        double* closed_maxima) const {
  if (OpenRows(sequence, head) == 0) return;
  const OpenSums open = {.rows = sums() + layout_.OpenRowSums(sequence, head),
                         .columns = sums() + layout_.OpenColumns(sequence, head),
                         .partial = partial,
                         .keys = OpenKeys(sequence, head),
                         .maxima = maxima() + layout_.OpenMaxima(sequence, head)};
  FoldMatrix(open, closed_sums + layout_.HeadSums(head), closed_maxima + layout_.HeadMaxima(head));
}

void LayerStorage::ColumnSums(size_t sequence, size_t head, double* columns) const {
  const size_t keys = OpenKeys(sequence, head);
  std::copy_n(sums() + layout_.OpenColumns(sequence, head), keys, columns);
  if (!in_blocks_) {
    const double* partial = sums() + layout_.OpenPartial(sequence, head);
    for (size_t i = 0; i < keys; ++i) columns[i] += partial[i];
    return;
  }
  const float* block = Block(sequence, head);
  const KeyRange in_progress = BlockColumns(sequence, head);
  const size_t end = std::min(in_progress.end, keys);
  for (size_t i = in_progress.begin; i < end; ++i) columns[i] += static_cast<double>(block[i]);
}

// The sums are those that are folded next: the partial ones are added to the others, where they stand.
void LayerStorage::HandOut(size_t sequence, size_t head, const ColumnReceiver& receiver) {
  if (receiver.receive == nullptr || OpenRows(sequence, head) == 0) return;
  double* columns = sums() + layout_.OpenColumns(sequence, head);
  double* partial = sums() + layout_.OpenPartial(sequence, head);
  const size_t keys = OpenKeys(sequence, head);
  for (size_t i = 0; i < keys; ++i) {
    columns[i] += partial[i];
    if (partial[i] != 0.0) partial[i] = 0.0;  // pages of zeros may not have been written yet
  }
  receiver.receive(receiver.opaque, sequence, head, {columns, keys});
}

void LayerStorage::EndSequence(size_t sequence, const ColumnReceiver& receiver) {
  StoreBlocks(sequence);
  for (size_t head = 0; head < layout_.heads(); ++head) {
    HandOut(sequence, head, receiver);
    Fold(sequence, head, sums() + layout_.OpenPartial(sequence, head), sums(), maxima_.get());
  }
  ClearSequence(sequence);
}

void LayerStorage::EndAllSequences() {
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) EndSequence(sequence);
}

LayerStats LayerStorage::Stats() const {
  std::vector<double> closed_sums(sums(), sums() + layout_.closed_sums());
  std::vector<double> closed_maxima(maxima(), maxima() + layout_.closed_maxima());
  std::vector<double> partial;
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) {
    for (size_t head = 0; head < layout_.heads(); ++head) {
      if (in_blocks_ && partial.size() < OpenKeys(sequence, head)) partial.resize(OpenKeys(sequence, head));
      Fold(sequence, head, PartialSums(sequence, head, partial.data()), closed_sums.data(), closed_maxima.data());
    }
  }
  return StatsOf(layout_, config_.top_k, closed_sums.data(), closed_maxima.data());
}

void LayerStorage::ClearSequence(size_t sequence) {
  for (size_t head = 0; head < layout_.heads(); ++head) {
    const size_t keys = OpenKeys(sequence, head);
    std::fill_n(sums() + layout_.OpenRowSums(sequence, head), kNumRowSums, 0.0);
    std::fill_n(sums() + layout_.OpenColumns(sequence, head), keys, 0.0);
    if (partial_written_) std::fill_n(sums() + layout_.OpenPartial(sequence, head), keys, 0.0);
    maxima_[layout_.OpenKeys(sequence, head)] = 0.0;
    std::fill_n(OpenMaxima(sequence, head), kNumOpenMaxima, 0.0);
  }
}

void LayerStorage::Reset() {
  if (handed_out_) {
    // Whatever a caller wrote, also behind the keys that the maxima tell of.
    ClearWritten(sums(), layout_.sums());
    ClearWritten(maxima_.get(), layout_.maxima());
    return;
  }
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) ClearSequence(sequence);
  std::fill_n(sums(), layout_.closed_sums(), 0.0);
  std::fill_n(maxima_.get(), layout_.closed_maxima(), 0.0);
}

void LayerStorage::Merge(const LayerStorage& other) {
  const auto add = [](const double* from, size_t count, double* to) {
    for (size_t i = 0; i < count; ++i) to[i] += from[i];
  };
  const auto raise = [](const double* from, size_t count, double* to) {
    for (size_t i = 0; i < count; ++i) to[i] = std::max(to[i], from[i]);
  };
  MoveBlocksToSums();
  add(other.sums(), layout_.OpenColumns(0, 0), sums());
  raise(other.maxima(), layout_.maxima(), maxima_.get());
  for (size_t sequence = 0; sequence < layout_.batch(); ++sequence) {
    for (size_t head = 0; head < layout_.heads(); ++head) {
      const size_t keys = other.OpenKeys(sequence, head);
      const double* from = other.sums() + layout_.OpenColumns(sequence, head);
      add(from, keys, sums() + layout_.OpenColumns(sequence, head));
      double* to_partial = sums() + layout_.OpenPartial(sequence, head);
      if (!other.in_blocks_) {
        add(other.sums() + layout_.OpenPartial(sequence, head), keys, to_partial);
      } else {
        const float* block = other.Block(sequence, head);
        const KeyRange columns = other.BlockColumns(sequence, head);
        for (size_t i = columns.begin; i < columns.end; ++i) to_partial[i] += static_cast<double>(block[i]);
      }
    }
  }
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// The numbers of one layer: two flat arrays in the order of StateLayout, and the blocks of rows that are in progress.
// Feeders add rows to open matrices; ended ones are folded into the sums of their heads; states are merged.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_STORAGE_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "attnscope/attention_view.h"
#include "attnscope/layer_accumulator.h"
#include "kernels/accumulator/state_layout.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/sweep/row_block.h"
#include "kernels/top_k/mass_sizes.h"
#include "kernels/view_rows.h"

namespace attnscope {

// Whether a storage has column sums, which are most of it. Without, it is for rows whose measures go elsewhere.
enum class KeepsColumns : uint8_t { kYes, kNo };

// Const members change nothing that another const member reads, so several threads may read one storage at once.
class LayerStorage {
 public:
  explicit LayerStorage(const LayerConfig& config, KeepsColumns keeps_columns = KeepsColumns::kYes)
      : config_(config),
        masses_(config.top_k),
        layout_(config.mean_matrix ? 1 : config.heads, config.mean_matrix ? 1 : config.max_batch,
                keeps_columns == KeepsColumns::kYes ? config.max_keys : 0),
        keeps_columns_(keeps_columns == KeepsColumns::kYes) {}

  // False if there is no memory.
  bool Allocate();

  const LayerConfig& config() const { return config_; }
  const StateLayout& layout() const { return layout_; }
  bool keeps_columns() const { return keeps_columns_; }
  // Of rows of such elements. They hold pointers into this.
  RowRules Rules(ElementType type) const {
    return {type == ElementType::kFloat32 ? config_.tolerance_float32 : config_.tolerance_half, &masses_};
  }

  // Feeders call this before they add rows.
  void LoadBlocks();
  // The matrix whose sequence is open, and to which these rows are added next: from now on it has their keys.
  OpenMatrix Open(size_t sequence, size_t head, const RowRange& rows);
  // From now on the matrix has the columns of these rows.
  void AddColumns(size_t sequence, size_t head, const RowVisibility& visible, size_t rows);
  size_t OpenKeys(size_t sequence, size_t head) const;
  // The largest of so many heads.
  size_t MostOpenKeys(size_t sequence, size_t first_head, size_t heads) const;
  size_t OpenRows(size_t sequence, size_t head) const;
  double* OpenRowSums(size_t sequence, size_t head) { return sums_.get() + layout_.OpenRowSums(sequence, head); }
  double* OpenColumns(size_t sequence, size_t head) { return sums_.get() + layout_.OpenColumns(sequence, head); }
  double* OpenMaxima(size_t sequence, size_t head) {  // [kNumOpenMaxima]
    return maxima_.get() + layout_.OpenMaxima(sequence, head);
  }
  double* LayerSums() { return sums_.get(); }  // [kNumLayerSums]

  // Brings what a few rows of an open matrix are added to, up to so many keys, to the cache: memory answers meanwhile.
  void Prefetch(size_t sequence, size_t head, size_t keys) const;
  // The column sums of the block of rows in progress, which further rows are added to; null where none are kept.
  const float* OpenBlock(size_t sequence, size_t head) const {
    return keeps_columns_ ? Block(sequence, head) : nullptr;
  }

  // columns[0, OpenKeys) of an open matrix, with those of its block in progress.
  void ColumnSums(size_t sequence, size_t head, double* columns) const;

  // Folds the open matrices of one sequence, or of all, into their heads, and begins new ones. A receiver gets their
  // column sums before.
  void EndSequence(size_t sequence, const ColumnReceiver& receiver = {});
  void EndAllSequences();
  // The metrics as if all sequences ended now.
  LayerStats Stats() const;
  void Reset();
  // Adds another storage of the same configuration; of its open sequences only what they hold.
  void Merge(const LayerStorage& other);

  // The arrays as callers see them, with the blocks in progress as partial sums. A caller that may change them may do
  // so until the storage is gone.
  double* SumsToChange();
  double* MaximaToChange();
  const double* SumsToRead() const;
  const double* maxima() const { return maxima_.get(); }

 private:
  float* Block(size_t sequence, size_t head) const;
  // Copies the blocks in progress of one sequence to its partial sums.
  void StoreBlocks(size_t sequence) const;
  // The same for all; from then on the blocks stand in the partial sums alone.
  void MoveBlocksToSums();
  KeyRange BlockColumns(size_t sequence, size_t head) const;
  // [OpenKeys] partial sums: where they stand, or else made in `scratch`.
  const double* PartialSums(size_t sequence, size_t head, double* scratch) const;
  void Fold(size_t sequence, size_t head, const double* partial, double* closed_sums, double* closed_maxima) const;
  void ClearSequence(size_t sequence);
  void HandOut(size_t sequence, size_t head, const ColumnReceiver& receiver);
  double* sums() const { return sums_.get(); }

  LayerConfig config_;
  MassSizes masses_;
  StateLayout layout_;
  bool keeps_columns_;
  AlignedBuffer<double> sums_;
  AlignedBuffer<double> maxima_;
  AlignedBuffer<float> blocks_;  // [batch, heads, block_stride_]: see OpenMatrix
  size_t block_stride_ = 0;
  AlignedBuffer<KeyRange> block_columns_;  // [batch, heads]: the columns of each block that are in use
  // Where the blocks in progress stand: in `blocks_` while rows are added; in the partial sums of `sums_` once a caller
  // may have changed those.
  bool in_blocks_ = true;
  // A caller has pointers by which the arrays can be changed at any time.
  bool handed_out_ = false;
  // SumsToRead copies blocks to partial sums, which nothing else that is const reads while they stand in `blocks_`.
  mutable std::mutex store_mutex_;
  mutable bool stored_ = false;           // that copy is up to date
  mutable bool partial_written_ = false;  // partial sums may be other than zero
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_STORAGE_H_

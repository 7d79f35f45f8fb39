// SPDX-License-Identifier: Apache-2.0
//
// The state behind a LayerAccumulator, and the calls into the kernels that change it. Arguments are valid here: the
// public calls have checked them. Included by layer_accumulator.cc alone.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_STATE_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_STATE_H_

#include <cstddef>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/runner.h"
#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/state_layout.h"
#include "kernels/row_sums.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/softmax/softmax_rows.h"
#include "kernels/sweep/sweep_workspace.h"
#include "kernels/sweep/weights_sweep.h"
#include "kernels/view_rows.h"

namespace attnscope {

class ATTNSCOPE_NO_EXPORT LayerAccumulator::State {
 public:
  explicit State(const LayerConfig& config);

  // False if there is no memory.
  bool Allocate();
  // Makes room for the tasks of this runner; false if there is no memory.
  bool EnsureScratch(const Runner& runner);

  const LayerConfig& config() const { return config_; }
  const StateLayout& layout() const { return layout_; }
  // Sums as callers see them: with the open blocks. Those of a changeable state may then be changed.
  double* SumsToChange();
  const double* SumsToRead() const;
  double* closed_sums() { return sums_.get(); }  // [layout().closed_sums()]
  double* maxima() { return maxima_.get(); }
  const double* maxima() const { return maxima_.get(); }

  void SweepMatrices(const AttentionView& view, const Mask& mask, const Runner& runner);
  void SweepMeanMatrix(const AttentionView& view, const Mask& mask);
  // Makes room for the logits of this runner's tasks; false if there is no memory.
  bool EnsureLogitScratch(const Runner& runner);
  size_t LogitScratchBytes(const Runner& runner) const;
  void AddLogits(const LogitSource& source, const Runner& runner);
  void AddResidual(const ActivationView& before, const ActivationView& after);
  void AddGradient(const BufferView& gradient);

  // Folds every open matrix into closed sums and maxima, which may be copies.
  void FoldOpen(double* closed_sums, double* closed_maxima) const;
  // Zeros what FoldOpen reads.
  void ClearOpen();
  // The same for the matrices of one sequence.
  void FoldSequence(size_t sequence, double* closed_sums, double* closed_maxima) const;
  void ClearSequence(size_t sequence);
  // Adds another state of the same configuration; of its open sequences only what they hold.
  void Merge(const State& other);

 private:
  // What one task needs while it sweeps.
  struct TaskScratch {
    AlignedBuffer<SweepWorkspace> workspace;
    AlignedBuffer<float> columns;
    AlignedBuffer<OpenMatrix> waiting;  // [kMatricesAtOnce]
  };

  // Matrices whose rows are added together.
  static constexpr size_t kMatricesAtOnce = 2 * kRowsPerBlock;

  // Collects rows of different open matrices and adds them together.
  class Sweeps {
   public:
    Sweeps(State& state, TaskScratch& scratch) : state_(state), scratch_(scratch) {}
    // Rows of a matrix that has none waiting.
    void Add(const RowRange& range, size_t sequence, size_t head);
    void Flush();

   private:
    State& state_;
    TaskScratch& scratch_;
    size_t count_ = 0;
  };

  // Open blocks stand in `blocks_` while rows are added, and in the partial sums of `sums_` once a caller may have
  // changed those. The first moves them back; the others copy those of one sequence, or of all, to the partial sums.
  void LoadBlocks();
  void StoreBlocks(size_t sequence) const;
  void StoreAllBlocks() const;
  float* Block(size_t sequence, size_t head) const;
  double* sums() const { return sums_.get(); }

  void SweepLogits(const LogitSource& source, const Runner& runner);
  void SweepMeanLogits(const LogitSource& source);
  void AddLogitRow(const SoftmaxMeasures& row, double* row_sums, double* max_abs) const;
  void AddLogitSums(const SoftmaxMeasures* measures, size_t num_rows, size_t sequence, size_t head);
  static void MakeLogitBlock(const LogitSource& source, const LogitChunk& chunk, size_t head, size_t first,
                             const LogitScratch& scratch);
  RowRange LogitRows(const LogitSource& source, const LogitChunk& chunk, size_t head, size_t first,
                     const LogitScratch& scratch) const;
  void SweepLogitGroup(const LogitSource& source, size_t sequence, size_t group, size_t first, size_t end,
                       size_t index);
  void SweepLogitGroupInWaves(const LogitSource& source, size_t sequence, size_t group, const Runner& runner);
  void SweepLogitWaves(const LogitSource& source, size_t sequence, size_t group, size_t first, size_t end,
                       const Runner& runner);
  void SweepLogitsApart(const LogitSource& source, const LogitScratch& scratch, const SweptChunk& swept);
  void AddSweptLogits(const LogitSource& source, const SweptChunk& swept, size_t index, size_t tasks);
  void AddToMean(const LogitSource& source, const LogitChunk& chunk, const LogitScratch& scratch, size_t keys,
                 double (*logit_sums)[kNumRowSums]);
  size_t OpenKeys(size_t sequence, size_t head) const;
  size_t OpenRows(size_t sequence, size_t head) const;
  double Tolerance(ElementType type) const;
  void AddTo(LayerSum which, double value) { sums_[static_cast<size_t>(which)] += value; }

  LayerConfig config_;
  StateLayout layout_;
  AlignedBuffer<double> sums_;
  AlignedBuffer<double> maxima_;
  AlignedBuffer<float> blocks_;  // [batch, heads, block_stride_]: see OpenMatrix
  size_t block_stride_ = 0;
  bool blocks_current_ = true;            // the open blocks stand in `blocks_`
  mutable bool partial_written_ = false;  // partial sums may be other than zero
  AlignedBuffer<float> mean_rows_;        // [kRowsPerBlock, max_keys], mean-matrix mode only
  AlignedBuffer<double> mean_sums_;       // the same, for logits
  std::vector<TaskScratch> scratch_;
  std::vector<LogitScratch> logit_scratch_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LAYER_STATE_H_

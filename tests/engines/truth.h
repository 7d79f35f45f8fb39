// SPDX-License-Identifier: Apache-2.0
//
// What the attention of a llama.cpp context is, in long double, from copies of the tensors that its graphs used and the
// mask that they were given. A callback on the graph's evaluation as the probe is one, and nothing shared with it:
// which row is whose is told by the test, which made the batches.
#ifndef ATTNSCOPE_TESTS_ENGINES_TRUTH_H_
#define ATTNSCOPE_TESTS_ENGINES_TRUTH_H_

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "attnscope/metrics.h"
#include "tests/support/oracle.h"

namespace attnscope::test {

// A token of a ubatch.
struct TruthRow {
  int sequence = 0;
  int position = 0;
};

class Truth {
 public:
  // The next ubatches of the next llama_decode, in their order.
  void Expect(std::vector<std::vector<TruthRow>> ubatches) {
    ubatches_ = std::move(ubatches);
    ubatch_ = 0;
    last_layer_ = -1;
  }
  // Of the rows that are a sequence's, next to each other in an attention node, only so many in their middle count.
  void MeasureMiddle(size_t rows) { middle_rows_ = rows; }
  // As a program does to the memory: positions [begin, end) of a sequence move by delta; a sequence's columns begin
  // anew.
  void Shift(int sequence, int begin, int end, int delta);
  void End(int sequence) { ++parts_[sequence]; }
  void Copy(int from, int to);

  // ggml_backend_sched_eval_callback; opaque is a Truth.
  static bool OnNode(ggml_tensor* node, bool ask, void* opaque);

  // A node of another program's graph, whose keys are in no cache of llama.cpp's: rows of one sequence, key j at
  // position j, with or without a mask.
  void AddNode(const ggml_tensor& node, int layer);

  // What a layer has measured so far.
  LayerStats Stats(int layer) const;
  // Rows of the layer in which weights of the engine's softmax differ from those of its queries and keys, at most.
  double worst_weight() const { return worst_weight_; }
  const std::string& error() const { return error_; }
  int layers() const { return static_cast<int>(layers_.size()); }

 private:
  struct Cell {
    uint32_t sequences = 0;  // a bit each
    int position = -1;
  };
  struct LogitSums {
    long double rows = 0, saturated = 0, log_sum_exp = 0, count = 0, sum = 0, squares = 0, max_abs = 0;
    long double max = -1e30L;
  };
  struct Head {
    std::map<std::pair<int, int>, std::vector<ExactWeights>> matrices;  // by sequence and its part
    LogitSums logits;
  };
  struct Layer {
    std::vector<Head> heads;
  };

  bool IsMeasured(size_t first, size_t rows, size_t row) const;
  void OnStore(const ggml_tensor& node);
  void OnAttention(const ggml_tensor& node);
  void AddRows(const ggml_tensor& node, int layer, const std::vector<Cell>& all, size_t stream_cells);
  void AddRow(Layer* layer, size_t head, const TruthRow& row, const std::vector<Cell>& cells,
              const std::vector<long double>& logits, const std::vector<long double>* weights, long double sink);

  std::vector<std::vector<TruthRow>> ubatches_;
  size_t ubatch_ = 0;
  size_t middle_rows_ = SIZE_MAX;
  int last_layer_ = -1;
  std::map<int, int> parts_;
  std::map<std::string, std::vector<Cell>> cells_;  // by the cache tensor's name
  std::map<int, Layer> layers_;
  double worst_weight_ = 0.0;
  std::string error_;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_ENGINES_TRUTH_H_

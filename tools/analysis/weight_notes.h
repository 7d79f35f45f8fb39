// SPDX-License-Identifier: Apache-2.0
//
// Where weights speak against what was said of their rows: keys that nobody attends to, as padding is; a triangle of
// zeros, a band, or blocks; weight where no row should see; logits that are weights. They are no errors and no
// verdicts, but mostly a forgotten option.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_WEIGHT_NOTES_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_WEIGHT_NOTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/attention_view.h"
#include "attnscope/visibility.h"

namespace attnscope::tools {

// Rows of some sequences with all their heads, as they are measured.
struct NotedBlock {
  int64_t layer = 0;
  size_t first_sequence = 0;  // of the layer's
  size_t first_row = 0;       // of the matrix
  size_t all_rows = 0;        // of the matrix
  const AttentionView* weights = nullptr;
  const Visibility* visibility = nullptr;
};

// Looks at the blocks of one layer after another, at mostly few of their elements: it stops at the first that answers a
// question, and after some millions of a layer.
class WeightNotes {
 public:
  void Look(const NotedBlock& block);
  // The same of logits, which tell less.
  void LookAtLogits(const NotedBlock& block);
  // A line for each kind of thing that was found, with the first place of it. Ends the last layer.
  std::vector<std::string> Finish();

 private:
  // One kind of thing.
  struct Finding {
    std::string first;  // of them
    int64_t layer = -1;
    size_t layers = 0;  // that have it
  };
  // Over the rows and heads of a sequence.
  struct Extent {
    size_t begin = SIZE_MAX;
    size_t end = 0;

    void Add(size_t first, size_t last) {
      begin = begin < first ? begin : first;
      end = end > last ? end : last;
    }
  };

  // How far from its own position rows of a layer give weight, on one side.
  struct Reach {
    size_t most = 0;
    size_t cut = 0;      // rows that could give weight further away, and do not
    size_t at_most = 0;  // of them those that reach `most`: of a window nearly all

    void Add(size_t reach, size_t possible);
    bool IsOfWindow() const;
  };

  // Whether the rows of a sequence begin at the first row of a block, as those of documents and chunks do.
  struct Blocks {
    bool is_known = false;  // of rows from the first one on
    bool fits = true;
    size_t first = 0;  // key of the block
    size_t rows = 0;
    std::vector<size_t> borders = {};

    void Add(size_t own, size_t begin);
    bool IsOfBlocks() const;
    bool AreChunks() const;
  };

  void BeginLayer(int64_t layer);
  void EndLayer();
  void EndWindow();
  void EndBlocks(size_t sequence);
  void LookForPadding(const NotedBlock& block, size_t sequence);
  void LookBehindDiagonal(const NotedBlock& block, size_t sequence);
  void LookForWindow(const NotedBlock& block, size_t sequence);
  void LookOutside(const NotedBlock& block, size_t sequence);
  static void Add(int64_t layer, const std::string& text, Finding* finding);

  int64_t layer_ = -1;
  int64_t padding_budget_ = 0;  // elements of this layer that may still be looked at, by each question
  int64_t behind_budget_ = 0;
  int64_t outside_budget_ = 0;
  int64_t window_budget_ = 0;
  int64_t logit_budget_ = 0;
  bool has_weight_ = false;  // the layer
  bool is_whole_ = false;    // the sequence was looked at from its first row on
  Extent weighted_;          // its keys that have weight
  Extent visible_;           // and those that rows see
  size_t behind_ = 0;        // keys behind the diagonal that were looked at
  bool has_behind_ = false;  // one of them has weight
  Blocks blocks_;            // of the sequence
  size_t probability_rows_ = 0;
  bool has_logits_ = false;     // a row that is no distribution
  Reach before_;                // towards earlier keys
  Reach behind_reach_;          // towards later ones, where attention is not said to be causal
  std::vector<uint8_t> shown_;  // which keys of a range a row sees
  Finding padding_;
  Finding triangle_;
  Finding window_;
  Finding documents_;
  Finding probabilities_;
  Finding outside_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_WEIGHT_NOTES_H_

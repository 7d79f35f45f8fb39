// SPDX-License-Identifier: Apache-2.0
//
// Row rules, which speak of whole matrices, for some rows of some sequences.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_BLOCK_ROWS_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_BLOCK_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "attnscope/softmax_params.h"
#include "tools/analysis/plan.h"
#include "tools/analysis/row_rules.h"
#include "tools/analysis/share.h"

namespace attnscope::tools {

struct RowsOfSequences {
  size_t first_sequence = 0;  // of the layer's, over all its parts
  size_t sequences = 0;
  size_t first_row = 0;  // of the matrix, not of a file that holds a piece of it
  size_t rows = 0;
};

class BlockRows {
 public:
  // All must outlive this.
  BlockRows(const RowRules& rules, const Pieces& pieces, int64_t layer)
      : rules_(rules), pieces_(pieces), layer_(layer), window_(rules.WindowOf(layer)) {}

  // What rows of a part see, and, but for scale and soft cap, what their softmax does. It is valid until the next call,
  // and as long as the rules.
  SoftmaxParams ParamsOf(const AttentionPart& part, const RowsOfSequences& rows);

 private:
  void SetLengths(const RowsOfSequences& rows, Visibility* visibility);
  void SetMask(const AttentionPart& part, const RowsOfSequences& rows, SoftmaxParams* params);

  // A mask of the rows that are no padding on the left.
  KeyMaskView ShowRows(const RowsOfSequences& rows);
  // What a mask shows to those; ShowRows was called.
  KeyMaskView OfShownRows(const KeyMaskView& mask, const AttentionPart& part, const RowsOfSequences& rows);

  const RowRules& rules_;
  const Pieces& pieces_;
  const int64_t layer_;
  const LayerWindow window_;
  std::vector<int64_t> query_lengths_;  // of the block
  std::vector<uint8_t> shown_rows_;     // [sequences, rows] of the block
  std::vector<uint8_t> shown_keys_;     // [sequences, heads or 1, rows, keys] of the block
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_BLOCK_ROWS_H_

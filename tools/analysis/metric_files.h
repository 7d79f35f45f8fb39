// SPDX-License-Identifier: Apache-2.0
//
// What each row and each key of an analysis measures, as arrays of .npz files that are filled while it runs.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_METRIC_FILES_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_METRIC_FILES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/row_outputs.h"
#include "attnscope/status.h"
#include "tools/analysis/plan.h"
#include "tools/files/npz_image.h"

namespace attnscope::tools {

// The sequences of a layer, over all its parts. A mean matrix is one sequence of one head for each part.
struct LayerShape {
  size_t sequences = 0;
  size_t heads = 0;
  size_t queries = 0;  // the most of any part
  size_t keys = 0;
  bool same_queries = true;  // in all parts
  bool has_logits = false;
};
LayerShape ShapeOf(const LayerPlan& layer, bool mean_matrix);

// Arrays "layer3.entropy" [sequences, heads, queries] and so on, of float32 and int32: the outputs of RowOutputs, those
// of logits where the layer has some. Rows that a part does not have, as others have more, are NaN and -1.
class RowMetricsFile {
 public:
  // Errors: as NpzImage::Allocate.
  Status Allocate(const Plan& plan, bool mean_matrix, const TopKValues& top_k, const std::string& path);
  // Those of rows from `first_row` on of sequences from `first_sequence` on.
  RowOutputs OutputsOf(int64_t layer, size_t first_sequence, size_t first_row);
  // Errors: as NpzImage::Write.
  Status Write() { return image_.Write(path_); }

 private:
  struct LayerArrays {
    LayerShape shape;
    size_t first = 0;  // array of the image
  };

  std::string path_;
  TopKValues top_k_;
  NpzImage image_;
  std::map<int64_t, LayerArrays> layers_;
};

// Arrays "layer3.column_sum" [sequences, heads, keys] of float64: the attention that each key receives from all rows.
// Keys that a part does not have are zero.
class KeyMetricsFile {
 public:
  // Errors: as NpzImage::Allocate.
  Status Allocate(const Plan& plan, bool mean_matrix, const std::string& path);
  // Takes the columns of matrix [sequence, head].
  void Take(int64_t layer, size_t sequence, size_t head, std::span<const double> columns);
  // Errors: as NpzImage::Write.
  Status Write() { return image_.Write(path_); }

 private:
  struct LayerArray {
    LayerShape shape;
    size_t index = 0;
  };

  std::string path_;
  NpzImage image_;
  std::map<int64_t, LayerArray> layers_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_METRIC_FILES_H_

// SPDX-License-Identifier: Apache-2.0
//
// Measures a share of a plan: tensors to accumulators.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_ANALYSIS_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_ANALYSIS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/runner.h"
#include "attnscope/status.h"
#include "attnscope/top_k.h"
#include "tools/analysis/attention_pictures.h"
#include "tools/analysis/metric_files.h"
#include "tools/analysis/plan.h"
#include "tools/analysis/row_rules.h"
#include "tools/analysis/share.h"

namespace attnscope::tools {

struct AnalysisOptions {
  RowRules rows = {};  // which fit the plan, see FitRowRules
  bool mean_matrix = false;
  // Of logits, and of queries and keys; as in SoftmaxParams, zero is the default.
  double scale = 0.0;
  double soft_cap = 0.0;
  TopKValues top_k = kDefaultTopK;
  Pieces pieces = {};                     // those of the share
  AttentionPictures* pictures = nullptr;  // collects what is to be drawn; null: nothing is. Not with open sequences
  Runner runner = {};
  // What each row and each key measures goes there too; null: nowhere. Only where one share has everything.
  RowMetricsFile* row_metrics = nullptr;
  KeyMetricsFile* key_metrics = nullptr;
  // About how much is measured at once, and at most copied of float64; results do not depend on it. 64 MB of float32.
  size_t block_elements = size_t{16} << 20;
  // Called now and then with the elements measured since the last call, of ShareSize in all.
  std::function<void(size_t elements)> on_progress = [](size_t) {};
  // Called after the last layer with what people should know of the weights, see WeightNotes.
  std::function<void(const std::string& note)> on_note = [](const std::string&) {};
};

// One layer of a share.
struct MeasuredLayer {
  int64_t layer = 0;
  std::optional<AttentionKind> kind;  // none: only residual streams
  LayerAccumulator accumulator;       // of the same configuration in every share
  std::vector<OpenSequence> open;     // those sequences are open in it, by these indices
};

// Measures a share of a plan, one layer after another, and hands over each, also one of which the share has nothing.
// Memory: one layer's accumulator, and copies only of tensors that are deflated, misaligned or float64 (those block by
// block). Errors: of reading and of the accumulator, naming file and tensor; those of `take`;
// kDataLoss, after the last layer, for a file that was written to meanwhile.
Status MeasureShare(const Plan& plan, const Share& share, const AnalysisOptions& options,
                    const std::function<Status(MeasuredLayer layer)>& take);

// What a layer measured, its open sequences included. Heads are always part of it, except in mean-matrix mode.
LayerStats StatsOf(const LayerAccumulator& accumulator);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_ANALYSIS_H_

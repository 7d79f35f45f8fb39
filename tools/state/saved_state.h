// SPDX-License-Identifier: Apache-2.0
//
// What some process measured, apart from the memory that it measured in: the accumulators' state, with what is needed
// to merge it with that of others and to refuse what does not belong together.
#ifndef ATTNSCOPE_TOOLS_STATE_SAVED_STATE_H_
#define ATTNSCOPE_TOOLS_STATE_SAVED_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/report.h"
#include "attnscope/status.h"
#include "tools/analysis/analysis.h"
#include "tools/state/state_contents.h"

namespace attnscope::tools {

// One head of one open sequence.
struct OpenMatrix {
  size_t sequence = 0;  // index into SavedLayer::open
  size_t head = 0;
  std::vector<double> maxima = {};    // [kNumOpenMaxima]
  std::vector<double> row_sums = {};  // [kNumRowSums]
  std::vector<double> columns = {};   // [keys seen so far]
  std::vector<double> partial = {};   // the same
};

struct SavedLayer {
  int64_t layer = 0;
  std::optional<AttentionKind> kind;
  size_t model_heads = 1;
  size_t heads = 1;            // that are measured apart: 1 in mean-matrix mode
  std::vector<double> sums;    // the accumulator's closed sums: [kNumLayerSums + heads * kNumHeadSums]
  std::vector<double> maxima;  // and maxima: [heads * kNumHeadMaxima]
  std::vector<OpenSequence> open;
  std::vector<OpenMatrix> matrices;  // those that have rows, ascending by sequence, then head
};

// What has to be the same for numbers to be added up.
struct StateSettings {
  bool causal = false;
  bool mean_matrix = false;
  std::string row_options = {};  // what else was said of rows, as TextOfRules has it
  double scale = 0.0;
  double soft_cap = 0.0;
  double tolerance_float32 = LayerConfig().tolerance_float32;
  double tolerance_half = LayerConfig().tolerance_half;
  double saturation_bound = LayerConfig().saturation_bound;
  TopKValues top_k = LayerConfig().top_k;
  std::optional<int64_t> epoch = {};
  std::string stage = {};
};

struct SavedState {
  StateSettings settings;
  // Numbers that a state does not have are 0 in its layers, and of metrics that are made from them a report says
  // nothing.
  StateContents contents;
  // Which shares of how many are in it; none of zero if it is complete by itself.
  ShareBy share_by = ShareBy::kAuto;
  size_t share_count = 0;
  std::vector<size_t> shares;      // ascending
  std::vector<SavedLayer> layers;  // ascending
};

SavedLayer SaveLayer(const MeasuredLayer& measured);

// Adds up states, and refuses those that do not belong together. The sum has the numbers that all of them have. A name
// is what messages call a state: its path.
class StateMerger {
 public:
  // Errors: kInvalidArgument, naming both states, if settings, the kinds, heads or open sequences of a layer, or the
  // manner of sharing differ, if a share is in both, or if a sequence would have more rows than it is long.
  Status Add(const std::string& name, SavedState state);

  // What is missing for all that was added to be complete: shares, rows of open sequences, rows of single heads. Empty
  // if nothing is.
  std::string Missing() const;

  // The sum. Of a complete one the open sequences are ended.
  Status Take(SavedState* out);

 private:
  Status CheckSettings(const std::string& name, const StateSettings& settings) const;
  Status AddShares(const std::string& name, const SavedState& state);
  Status AddLayer(const std::string& name, SavedLayer layer);

  SavedState state_;
  std::string first_;                        // name of the state whose settings all others are compared with
  std::string first_share_;                  // and of the first that is a share
  std::map<size_t, std::string> share_of_;   // which state brought a share
  std::map<int64_t, std::string> layer_of_;  // and a layer, first
};

// Ends the open sequences of a layer. Errors: kOutOfMemory.
Status EndSequences(SavedLayer* layer);

// The report of a state, its open sequences as far as they go. Errors: kOutOfMemory.
Status ReportOf(const SavedState& state, Report* report);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_STATE_SAVED_STATE_H_

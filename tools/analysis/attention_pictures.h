// SPDX-License-Identifier: Apache-2.0
//
// What pictures of attention itself are drawn from, collected while it is measured.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_ATTENTION_PICTURES_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_ATTENTION_PICTURES_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "attnscope/key_profile.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/status.h"
#include "tools/analysis/layer_set.h"
#include "tools/analysis/plan.h"

namespace attnscope::tools {

// What is to be drawn, and of which layers; none: all.
struct PictureChoice {
  bool keys = false;
  std::vector<LayerSet> layers = {};
};

class AttentionPictures {
 public:
  // Chooses layers of the plan. Where there are more than a picture has room for, those at even distances, which a note
  // says. Errors: kNotFound if the plan has no attention, or none of the layers.
  static Status Create(const PictureChoice& choice, const Plan& plan, AttentionPictures* out);

  // For people.
  const std::vector<std::string>& notes() const { return notes_; }

  bool HasKeys(int64_t layer) const { return layers_of_keys_.contains(layer); }
  // Adds the columns of `count` sequences from `first` on, which are open and end now.
  void AddColumns(size_t first, size_t count, LayerAccumulator* accumulator);
  // Makes the layer's profile of what was added since the last one. The accumulator has measured all of it.
  Status EndKeys(int64_t layer, const LayerAccumulator& accumulator);

  // Of the layers that ended.
  const std::vector<KeyProfile>& keys() const { return keys_; }

 private:
  std::set<int64_t> layers_of_keys_;
  std::vector<std::string> notes_;
  std::vector<double> column_sums_;  // of the layer: [heads, keys]
  std::vector<KeyProfile> keys_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_ATTENTION_PICTURES_H_

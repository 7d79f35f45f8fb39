// SPDX-License-Identifier: Apache-2.0
//
// What pictures of attention itself are drawn from, collected while it is measured.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_ATTENTION_PICTURES_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_ATTENTION_PICTURES_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "attnscope/attention_map.h"
#include "attnscope/attention_view.h"
#include "attnscope/key_profile.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/runner.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "attnscope/visibility.h"
#include "tools/analysis/layer_set.h"
#include "tools/analysis/plan.h"

namespace attnscope::tools {

// What is to be drawn, and of which layers and heads; none: all.
struct PictureChoice {
  bool keys = false;
  bool maps = false;  // of the first sequence of a layer
  std::vector<LayerSet> layers = {};
  std::vector<LayerSet> heads = {};
};

class AttentionPictures {
 public:
  // Chooses layers, and for maps heads, of the plan. Where there are more than a picture has room for, those at even
  // distances, which a note says. Errors: kNotFound if the plan has no attention, or none of the layers or heads.
  static Status Create(const PictureChoice& choice, const Plan& plan, AttentionPictures* out);

  // For people.
  const std::vector<std::string>& notes() const { return notes_; }

  bool HasKeys(int64_t layer) const { return layers_of_keys_.contains(layer); }
  // Adds the columns of `count` sequences from `first` on, which are open and end now.
  void AddColumns(size_t first, size_t count, LayerAccumulator* accumulator);
  // Makes the layer's profile of what was added since the last one. The accumulator has measured all of it.
  Status EndKeys(int64_t layer, const LayerAccumulator& accumulator);

  bool HasMaps(int64_t layer) const { return layers_of_maps_.contains(layer); }
  // Adds rows of a layer's first sequence, which is the only one of the views, from row `first_query` of a matrix of
  // `queries` rows. One head after another, those that are chosen.
  Status AddWeights(int64_t layer, const AttentionView& weights, size_t first_query, size_t queries,
                    const Visibility& visibility, const Runner& runner);
  Status AddLogits(int64_t layer, const AttentionView& logits, size_t first_query, size_t queries,
                   const SoftmaxParams& params, const Runner& runner);
  Status AddQueriesKeys(int64_t layer, const QueryKeyView& view, size_t first_query, size_t queries,
                        const SoftmaxParams& params, const Runner& runner);

  const std::vector<AttentionMap>& maps() const { return maps_; }
  // Of the layers that ended.
  const std::vector<KeyProfile>& keys() const { return keys_; }

 private:
  // The maps of a layer, those of its heads that are chosen, in their order. They begin with its first rows.
  std::span<AttentionMap> MapsOf(int64_t layer, size_t queries, size_t keys);
  template <typename View, typename Params, typename Pool>
  Status AddRows(int64_t layer, const View& view, size_t first_query, size_t queries, const Params& params,
                 const Runner& runner, const Pool& pool);

  std::set<int64_t> layers_of_keys_;
  std::set<int64_t> layers_of_maps_;
  std::set<int64_t> heads_of_maps_;
  std::vector<AttentionMap> maps_;
  std::vector<std::string> notes_;
  std::vector<double> column_sums_;  // of the layer: [heads, keys]
  std::vector<KeyProfile> keys_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_ATTENTION_PICTURES_H_

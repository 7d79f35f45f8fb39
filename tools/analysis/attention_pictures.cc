// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/attention_pictures.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "attnscope/figure.h"
#include "attnscope/metrics.h"

namespace attnscope::tools {
namespace {

bool IsChosen(int64_t number, const std::vector<LayerSet>& sets) {
  return sets.empty() || std::any_of(sets.begin(), sets.end(), [&](const LayerSet& set) { return set.Has(number); });
}

// At most `most` of them, the first and the last among these.
std::set<int64_t> AtEvenDistances(const std::vector<int64_t>& all, size_t most) {
  if (all.size() <= most) return {all.begin(), all.end()};
  std::set<int64_t> chosen;
  for (size_t i = 0; i < most; ++i) chosen.insert(all[i * (all.size() - 1) / (most - 1)]);
  return chosen;
}

// "0, 2, 5, ..., 94".
std::string ListOf(const std::set<int64_t>& numbers) {
  constexpr size_t kFirst = 3;
  std::string list;
  size_t i = 0;
  for (const int64_t number : numbers) {
    ++i;
    if (i > kFirst && i < numbers.size()) continue;
    if (i > 1) list += i > kFirst && numbers.size() > kFirst + 1 ? ", ..., " : ", ";
    list += std::to_string(number);
  }
  return list;
}

// What there is room for.
constexpr size_t kMostMapLayers = 32;
constexpr size_t kMostMapHeads = 32;
static_assert(kMostMapLayers * kMostMapHeads <= kMostMaps);

// Which layers, or heads, are drawn.
struct Choosing {
  const char* things;
  const char* option;
  const std::vector<LayerSet>& sets;
  size_t most;

  // Errors: kNotFound if none is chosen.
  Status Choose(const std::set<int64_t>& all, std::set<int64_t>* out, std::vector<std::string>* notes) const {
    std::vector<int64_t> chosen;
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
                 [this](int64_t number) { return IsChosen(number, sets); });
    if (chosen.empty()) {
      return {StatusCode::kNotFound,
              std::string(option) + " chooses none of the " + things + " " + ListOf({all.begin(), all.end()})};
    }
    *out = AtEvenDistances(chosen, most);
    if (chosen.size() > most) {
      notes->push_back("the picture has room for " + std::to_string(most) + " of " + std::to_string(chosen.size()) +
                       " " + things + ": " + ListOf(*out) + "; " + option + " chooses others");
    }
    return {};
  }
};

// One head of a view.
AttentionView HeadOf(AttentionView view, size_t head) {
  const int64_t offset = static_cast<int64_t>(head) * view.head_stride;
  view.data = static_cast<const uint8_t*>(view.data) + offset * static_cast<int64_t>(ElementBytes(view.type));
  view.heads = 1;
  return view;
}

QueryKeyView HeadOf(QueryKeyView view, size_t head) {
  const auto kv_head = static_cast<int64_t>(head / (view.heads / view.kv_heads));
  const auto at = [](const void* data, int64_t elements, ElementType type) {
    return static_cast<const uint8_t*>(data) + elements * static_cast<int64_t>(ElementBytes(type));
  };
  view.query_data = at(view.query_data, static_cast<int64_t>(head) * view.query_head_stride, view.query_type);
  view.key_data = at(view.key_data, kv_head * view.key_head_stride, view.key_type);
  view.heads = view.kv_heads = 1;
  return view;
}

// What is said of it.
Visibility ParamsOfHead(Visibility visibility, size_t head) {
  KeyMaskView& mask = visibility.key_mask;
  if (mask.data != nullptr) mask.data += static_cast<int64_t>(head) * mask.head_stride;
  return visibility;
}

SoftmaxParams ParamsOfHead(SoftmaxParams params, size_t head) {
  params.mask = ParamsOfHead(params.mask, head);
  BiasView& bias = params.bias;
  if (bias.data != nullptr) {
    const int64_t offset = static_cast<int64_t>(head) * bias.head_stride;
    bias.data = static_cast<const uint8_t*>(bias.data) + offset * static_cast<int64_t>(ElementBytes(bias.type));
  }
  if (bias.head_factors != nullptr) bias.head_factors += head;
  if (params.sinks != nullptr) params.sinks += head;
  return params;
}

// Of each matrix of a layer.
std::vector<double> MeasuredRows(const LayerAccumulator& accumulator) {
  std::vector<double> rows;
  for (const MetricValues& head : accumulator.Stats().heads) {
    double measured = head[Metric::kRows];
    for (const Metric other : {Metric::kInvalidRows, Metric::kEmptyRows, Metric::kMaskedRows}) {
      if (head.Has(other)) measured -= head[other];
    }
    rows.push_back(std::max(measured, 0.0));
  }
  return rows;
}

}  // namespace

Status AttentionPictures::Create(const PictureChoice& choice, const Plan& plan, AttentionPictures* out) {
  AttentionPictures pictures;
  std::set<int64_t> layers;
  std::set<int64_t> heads;
  for (const auto& [index, layer] : plan.layers) {
    for (const AttentionPart& part : layer.attention) {
      layers.insert(index);
      for (size_t head = 0; head < part.heads; ++head) heads.insert(static_cast<int64_t>(head));
    }
  }
  if (layers.empty()) return {StatusCode::kNotFound, "the files hold no attention that could be drawn"};
  if (choice.keys) {
    const Choosing choosing = {"layers", "--show-layers", choice.layers, kMostProfiles};
    Status status = choosing.Choose(layers, &pictures.layers_of_keys_, &pictures.notes_);
    if (!status.ok()) return status;
  }
  if (choice.maps) {
    const Choosing of_layers = {"layers", "--show-layers", choice.layers, kMostMapLayers};
    const Choosing of_heads = {"heads", "--show-heads", choice.heads, kMostMapHeads};
    Status status = of_layers.Choose(layers, &pictures.layers_of_maps_, &pictures.notes_);
    if (status.ok()) status = of_heads.Choose(heads, &pictures.heads_of_maps_, &pictures.notes_);
    if (!status.ok()) return status;
  }
  *out = std::move(pictures);
  return {};
}

std::span<AttentionMap> AttentionPictures::MapsOf(int64_t layer, size_t queries, size_t keys) {
  if (maps_.empty() || maps_.back().layer != layer) {
    for (const int64_t head : heads_of_maps_) maps_.push_back(MakeAttentionMap(layer, head, queries, keys));
  }
  return std::span(maps_).last(heads_of_maps_.size());
}

template <typename View, typename Params, typename Pool>
Status AttentionPictures::AddRows(int64_t layer, const View& view, size_t first_query, size_t queries,
                                  const Params& params, const Runner& runner, const Pool& pool) {
  for (AttentionMap& map : MapsOf(layer, queries, view.keys)) {
    if (map.head >= static_cast<int64_t>(view.heads)) continue;  // of a layer with fewer
    const View of_head = HeadOf(view, static_cast<size_t>(map.head));
    Status status =
        pool(of_head, first_query, ParamsOfHead(params, static_cast<size_t>(map.head)), std::span(&map, 1), runner);
    if (!status.ok()) return status;
  }
  return {};
}

Status AttentionPictures::AddWeights(int64_t layer, const AttentionView& weights, size_t first_query, size_t queries,
                                     const Visibility& visibility, const Runner& runner) {
  return AddRows(layer, weights, first_query, queries, visibility, runner, &PoolWeights);
}

Status AttentionPictures::AddLogits(int64_t layer, const AttentionView& logits, size_t first_query, size_t queries,
                                    const SoftmaxParams& params, const Runner& runner) {
  return AddRows(layer, logits, first_query, queries, params, runner, &PoolLogits);
}

Status AttentionPictures::AddQueriesKeys(int64_t layer, const QueryKeyView& view, size_t first_query, size_t queries,
                                         const SoftmaxParams& params, const Runner& runner) {
  return AddRows(layer, view, first_query, queries, params, runner, &PoolQueriesKeys);
}

void AttentionPictures::AddColumns(size_t first, size_t count, LayerAccumulator* accumulator) {
  const OpenParts parts = accumulator->open_parts();
  const std::span<const double> sums = accumulator->sums();
  const size_t of_sequence = parts.matrices / accumulator->config().max_batch * parts.keys;
  column_sums_.resize(of_sequence);
  for (size_t sequence = first; sequence < first + count; ++sequence) {
    const size_t begin = sequence * of_sequence;
    for (size_t i = 0; i < of_sequence; ++i) {
      column_sums_[i] += sums[parts.columns + begin + i] + sums[parts.partial_columns + begin + i];
    }
  }
}

Status AttentionPictures::EndKeys(int64_t layer, const LayerAccumulator& accumulator) {
  KeyProfile profile;
  Status status = MakeKeyProfile(layer, column_sums_, MeasuredRows(accumulator), &profile);
  column_sums_.clear();
  if (status.ok()) keys_.push_back(std::move(profile));
  return status;
}

}  // namespace attnscope::tools

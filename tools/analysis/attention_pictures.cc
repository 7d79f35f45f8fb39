// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/attention_pictures.h"

#include <algorithm>
#include <span>
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
  std::vector<int64_t> all;
  std::vector<int64_t> chosen;
  for (const auto& [index, layer] : plan.layers) {
    if (layer.attention.empty()) continue;
    all.push_back(index);
    if (IsChosen(index, choice.layers)) chosen.push_back(index);
  }
  if (all.empty()) return {StatusCode::kNotFound, "the files hold no attention that could be drawn"};
  if (chosen.empty()) {
    return {StatusCode::kNotFound, "--show-layers chooses none of the layers " + ListOf({all.begin(), all.end()})};
  }
  if (choice.keys) {
    pictures.layers_of_keys_ = AtEvenDistances(chosen, kMostProfiles);
    if (chosen.size() > kMostProfiles) {
      pictures.notes_.push_back("the picture has room for " + std::to_string(kMostProfiles) + " of " +
                                std::to_string(chosen.size()) + " layers: " + ListOf(pictures.layers_of_keys_) +
                                "; --show-layers chooses others");
    }
  }
  *out = std::move(pictures);
  return {};
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

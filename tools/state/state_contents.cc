// SPDX-License-Identifier: Apache-2.0
#include "tools/state/state_contents.h"

#include <algorithm>
#include <set>

namespace attnscope::tools {

size_t NumbersIn(NumberList list) {
  constexpr std::array<size_t, kNumNumberLists> kSizes = {kNumLayerSums, kNumRowSums, kNumMatrixSums, kNumHeadMaxima,
                                                          kNumOpenMaxima};
  return kSizes[static_cast<size_t>(list)];
}

std::string_view NumberName(NumberList list, size_t index, const TopKValues& top_k) {
  switch (list) {
    case NumberList::kLayerSums:
      return kLayerSums.Name(index);
    case NumberList::kRowSums:
      return RowSumName(index, top_k);
    case NumberList::kMatrixSums:
      return kMatrixSums.Name(index);
    case NumberList::kHeadMaxima:
      return kHeadMaxima.Name(index);
    case NumberList::kOpenMaxima:
      return kOpenMaximaNames[index];
  }
  return {};
}

StateContents::StateContents(const TopKValues& top_k) {
  for (size_t l = 0; l < kNumNumberLists; ++l) {
    const auto list = static_cast<NumberList>(l);
    for (size_t i = 0; i < NumbersIn(list); ++i) has_[l].push_back(!NumberName(list, i, top_k).empty());
  }
}

void StateContents::KeepCommon(const StateContents& other) {
  for (size_t list = 0; list < kNumNumberLists; ++list) {
    for (size_t i = 0; i < has_[list].size(); ++i) has_[list][i] = has_[list][i] && other.has_[list][i];
  }
}

std::string NamesText(const StateContents& contents, NumberList list, const TopKValues& top_k) {
  std::string text;
  for (size_t i = 0; i < NumbersIn(list); ++i) {
    if (!contents.Has(list, i)) continue;
    if (!text.empty()) text += ' ';
    text += NumberName(list, i, top_k);
  }
  return text;
}

std::string ReadNames(std::string_view text, NumberList list, const TopKValues& top_k, NumberMap* map,
                      StateContents* contents) {
  std::vector<size_t>& places = map->places[static_cast<size_t>(list)];
  std::set<std::string_view> seen;
  for (size_t i = 0; i < NumbersIn(list); ++i) contents->Set(list, i, false);
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(' ', start), text.size());
    const std::string_view name = text.substr(start, end - start);
    if (name.empty() || end + 1 == text.size() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos) {
      return "a number has no name";
    }
    if (!seen.insert(name).second) return "two numbers are called " + std::string(name);
    size_t place = 0;
    while (place < NumbersIn(list) && NumberName(list, place, top_k) != name) ++place;
    places.push_back(place < NumbersIn(list) ? place : NumberMap::kUnknown);
    if (place < NumbersIn(list)) contents->Set(list, place, true);
    start = end + 1;
  }
  if (list != NumberList::kRowSums) return "";
  // Without these it cannot be told whether a state is complete.
  for (const std::string_view name : {"measured_rows", "invalid_rows", "empty_rows"}) {
    if (!seen.contains(name)) return "there is no " + std::string(name);
  }
  return "";
}

std::string_view NamesOfVersion1(NumberList list) {
  switch (list) {
    case NumberList::kLayerSums:
      return "residual_sequences residual_ratio infinite_residuals residual_tokens token_residual_ratio "
             "gradient_buffers gradient_squares";
    case NumberList::kRowSums:
      return "measured_rows entropy effective_rank top5 top10 top50 max_row_weight normalized_entropy "
             "rows_of_several_keys unnormalized_rows invalid_rows empty_rows logit_rows logsumexp saturation_ratio "
             "logits logit_mean logit_squares";
    case NumberList::kMatrixSums:
      return "matrices col_entropy max_col_sum sink_mass first_token_mass";
    case NumberList::kHeadMaxima:
      return "sink keys max_abs_logit";
    case NumberList::kOpenMaxima:
      return "max_abs_logit";
  }
  return "";
}

}  // namespace attnscope::tools

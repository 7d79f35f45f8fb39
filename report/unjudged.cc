// SPDX-License-Identifier: Apache-2.0
//
// What was not judged, in few lines.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/diagnosis.h"

namespace attnscope {
namespace {

// What shares a line: one pathology for one reason.
struct Group {
  Pathology pathology;
  std::string_view reason;
  std::vector<int64_t> layers = {};         // as a whole
  std::vector<const Unjudged*> heads = {};  // whose layer is not among them

  bool Holds(const Unjudged& unjudged) const { return pathology == unjudged.pathology && reason == unjudged.reason; }
  void Add(const Unjudged& unjudged) {
    // Heads come behind their layer.
    if (unjudged.head < 0) {
      layers.push_back(unjudged.layer);
    } else if (layers.empty() || layers.back() != unjudged.layer) {
      heads.push_back(&unjudged);
    }
  }
};

// "layers 0 to 3, 7"
std::string LayersText(const std::vector<int64_t>& layers) {
  std::string text = layers.size() == 1 ? "layer " : "layers ";
  for (size_t i = 0; i < layers.size();) {
    size_t end = i + 1;
    while (end < layers.size() && layers[end] == layers[end - 1] + 1) ++end;
    if (i > 0) text += ", ";
    text += std::to_string(layers[i]);
    if (end - i > 1) text += (end - i > 2 ? " to " : ", ") + std::to_string(layers[end - 1]);
    i = end;
  }
  return text;
}

// "layers 0 to 3; 7 heads of layers 5, 6"
std::string PlacesText(const Group& group) {
  std::string text = group.layers.empty() ? "" : LayersText(group.layers);
  if (group.heads.empty()) return text;
  if (!text.empty()) text += "; ";
  std::vector<int64_t> layers;
  for (const Unjudged* head : group.heads) {
    if (layers.empty() || layers.back() != head->layer) layers.push_back(head->layer);
  }
  const size_t count = group.heads.size();
  text += count == 1 ? "head " + std::to_string(group.heads[0]->head) : std::to_string(count) + " heads";
  return text + " of " + LayersText(layers);
}

}  // namespace

std::vector<std::string> SummarizeUnjudged(const Diagnosis& diagnosis) {
  std::vector<Group> groups;
  for (const Unjudged& unjudged : diagnosis.unjudged) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.Holds(unjudged); });
    if (group == groups.end()) group = groups.insert(groups.end(), {unjudged.pathology, unjudged.reason});
    group->Add(unjudged);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.pathology < b.pathology; });
  // Pathologies that are not judged for the same reason in the same places share a line.
  std::vector<std::pair<std::string, std::string>> lines;  // names, the rest
  for (const Group& group : groups) {
    std::string rest = ": " + std::string(group.reason) + " (" + PlacesText(group) + ")";
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.second == rest; });
    if (same == lines.end()) {
      lines.emplace_back(NameOf(group.pathology), std::move(rest));
    } else {
      same->first += ", " + std::string(NameOf(group.pathology));
    }
  }
  std::vector<std::string> texts;
  texts.reserve(lines.size());
  for (const auto& [names, rest] : lines) texts.push_back(names + rest);
  return texts;
}

}  // namespace attnscope

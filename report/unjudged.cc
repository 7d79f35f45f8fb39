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

std::string PlacesText(const Group& group) {
  constexpr size_t kShown = 3;
  std::string text;
  if (!group.layers.empty()) text = LayersText(group.layers);
  for (size_t i = 0; i < std::min(group.heads.size(), kShown); ++i) {
    if (!text.empty()) text += "; ";
    text += "layer " + std::to_string(group.heads[i]->layer) + ", head " + std::to_string(group.heads[i]->head);
  }
  if (group.heads.size() > kShown) text += "; " + std::to_string(group.heads.size() - kShown) + " more heads";
  return text;
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
  std::vector<std::string> lines;
  for (const Group& group : groups) {
    lines.push_back(std::string(NameOf(group.pathology)) + ": " + std::string(group.reason) + " (" + PlacesText(group) +
                    ")");
  }
  return lines;
}

}  // namespace attnscope

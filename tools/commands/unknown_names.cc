// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/unknown_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "attnscope/metrics.h"
#include "report/report_keys.h"

namespace attnscope::tools {
namespace {

using nlohmann::json;

bool IsLayer(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// {"0": ..., "1": ...}
bool IsOfLayers(const json& value) {
  if (!value.is_object() || value.empty()) return false;
  for (const auto& [key, of_layer] : value.items()) {
    if (!IsLayer(key)) return false;
  }
  return true;
}

bool IsMetric(std::string_view name, std::string_view group) {
  if (const MetricInfo info = InfoOf(TopMass(TopKNamed(name))); info.top_k != 0) return info.report_key == group;
  const auto& metrics = AllMetrics();
  return std::any_of(metrics.begin(), metrics.end(), [&](const MetricInfo& info) {
    return info.report_key == group && (info.name == name || (!info.old_name.empty() && info.old_name == name));
  });
}

// A name that is not read where it stands, and where it would be.
std::string WithItsPlace(const std::string& path, std::string_view name) {
  const auto& metrics = AllMetrics();
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const MetricInfo& info) {
    return info.name == name || (!info.old_name.empty() && info.old_name == name);
  });
  if (found == metrics.end()) return path;
  std::string place(found->report_key);
  if (found->group != MetricGroup::kLayer) (place += ".LAYER.") += found->name;
  return path + " (it is to be " + place + ")";
}

void FindInLayer(const json& layer, const std::string& group, std::set<std::string>* out) {
  for (const auto& [name, value] : layer.items()) {
    if (name != "heads" && !IsMetric(name, group)) out->insert(WithItsPlace(group + "." + name, name));
  }
}

}  // namespace

void FindUnknownNames(const json& report, std::set<std::string>* out) {
  const std::vector<std::string_view> groups = ReportKeys();
  for (const auto& [key, group] : report.items()) {
    if (!IsOfLayers(group)) continue;
    if (std::find(groups.begin(), groups.end(), key) == groups.end()) {
      out->insert(WithItsPlace(key, key));
      continue;
    }
    for (const json& layer : group) {
      if (layer.is_object()) FindInLayer(layer, key, out);
    }
  }
}

}  // namespace attnscope::tools

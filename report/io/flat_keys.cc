// SPDX-License-Identifier: Apache-2.0
#include "report/io/flat_keys.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/report_keys.h"

namespace attnscope {
namespace {

using nlohmann::json;

constexpr std::string_view kStatistics = "attention_stats";
// Group, layer, "heads", metric.
constexpr size_t kMostParts = 4;

// The parts of a key that is of a group, split by the separator that follows the group; else none.
std::vector<std::string> PartsOf(const std::string& key, const std::vector<std::string_view>& groups) {
  const auto is_of = [&key](std::string_view group) {
    return key.size() > group.size() && key.starts_with(group) &&
           (key[group.size()] == '/' || key[group.size()] == '.');
  };
  const auto group = std::find_if(groups.begin(), groups.end(), is_of);
  std::vector<std::string> parts;
  if (group == groups.end()) return parts;
  const char separator = key[group->size()];
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find(separator, begin), key.size());
    parts.push_back(key.substr(begin, end - begin));
    begin = end + 1;
  }
  if (parts.size() > kMostParts) parts.clear();
  return parts;
}

// False if a part is a value already, or the last one is there.
bool Place(const std::vector<std::string>& parts, const json& value, json* nested) {
  json* at = nested;
  for (const std::string& part : parts) {
    if (!at->is_null() && !at->is_object()) return false;
    at = &(*at)[part];
  }
  if (!at->is_null()) return false;
  *at = value;
  return true;
}

}  // namespace

bool HasStatistics(const json& object) {
  if (const auto stats = object.find(kStatistics); stats != object.end()) return !stats->is_null();
  return std::any_of(object.items().begin(), object.items().end(),
                     [](const auto& item) { return PartsOf(item.key(), {kStatistics}).size() > 1; });
}

void NestFlatKeys(json* object) {
  if (object->contains(kStatistics) || !HasStatistics(*object)) return;
  const std::vector<std::string_view> groups = ReportKeys();
  json nested = json::object();
  for (const auto& [key, value] : object->items()) {
    const std::vector<std::string> parts = PartsOf(key, groups);
    if (parts.empty() || !Place(parts, value, &nested)) nested[key] = value;
  }
  *object = std::move(nested);
}

}  // namespace attnscope

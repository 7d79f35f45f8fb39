// SPDX-License-Identifier: Apache-2.0
//
// Reports to JSON. Walks AllMetrics(), so a metric that is added there is written.
#include <algorithm>
#include <string>
#include <string_view>

#include "attnscope/report.h"
#include "report/json_writer.h"
#include "report/report_keys.h"

namespace attnscope {
namespace {

constexpr std::string_view kHeadsKey = "heads";

void AppendHeads(const LayerStats& stats, std::string_view report_key, std::string* members) {
  std::string arrays;
  for (const MetricInfo& info : AllMetrics()) {
    if (info.report_key != report_key || !info.per_head) continue;
    if (std::none_of(stats.heads.begin(), stats.heads.end(),
                     [&](const MetricValues& head) { return head.Has(info.metric); })) {
      continue;
    }
    if (!arrays.empty()) arrays += ",\n                ";
    AppendJsonKey(info.name, &arrays);
    char separator = '[';
    for (const MetricValues& head : stats.heads) {
      arrays += separator;
      AppendJsonNumber(head[info.metric], info.is_count, &arrays);
      separator = ',';
    }
    arrays += ']';
  }
  if (arrays.empty()) return;
  if (!members->empty()) *members += ",\n      ";
  AppendJsonKey(kHeadsKey, members);
  *members += "{" + arrays + "}";
}

// What a group says of one layer, or nothing.
std::string LayerText(const LayerStats& stats, std::string_view report_key) {
  std::string members;
  for (const MetricInfo& info : AllMetrics()) {
    if (info.report_key != report_key || !stats.layer.Has(info.metric)) continue;
    if (info.group == MetricGroup::kLayer) {
      AppendJsonNumber(stats.layer[info.metric], info.is_count, &members);
      return members;
    }
    if (!members.empty()) members += ", ";
    AppendJsonKey(info.name, &members);
    AppendJsonNumber(stats.layer[info.metric], info.is_count, &members);
  }
  AppendHeads(stats, report_key, &members);
  return members.empty() ? members : "{" + members + "}";
}

std::string GroupText(const Report& report, std::string_view report_key) {
  std::string text;
  for (const LayerReport& layer : report.layers) {
    const std::string members = LayerText(layer.stats, report_key);
    if (members.empty()) continue;
    text += text.empty() ? "\n    " : ",\n    ";
    AppendJsonKey(std::to_string(layer.layer), &text);
    text += members;
  }
  return text.empty() ? text : "{" + text + "\n  }";
}

}  // namespace

std::string ReportToJson(const Report& report) {
  std::string text = "{";
  for (const std::string_view key : ReportKeys()) {
    std::string group = GroupText(report, key);
    if (group.empty() && key != "attention_stats") continue;
    text += text.size() > 1 ? ",\n  " : "\n  ";
    AppendJsonKey(key, &text);
    text += group.empty() ? "{}" : group;
  }
  if (report.epoch.has_value()) text += ",\n  \"num_epochs\": " + std::to_string(*report.epoch);
  if (report.step.has_value()) text += ",\n  \"step\": " + std::to_string(*report.step);
  if (!report.stage.empty()) {
    text += ",\n  \"stage\": ";
    AppendJsonString(report.stage, &text);
  }
  return text + "\n}\n";
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/log_entry.h"

#include <nlohmann/json.hpp>
#include <string>

#include "attnscope/metrics.h"
#include "monitor/window_record.h"
#include "report/io/flat_keys.h"
#include "report/io/json_text.h"

namespace attnscope::tools {
namespace {

using nlohmann::json;

// A record as the dictionary of a report with one layer.
json DictionaryOf(const json& record) {
  const std::string layer = record["layer"].dump();
  json report = {{"attention_stats", {{layer, json::object()}}}};
  for (const char* const key : {"stage", "step"}) {
    if (record.contains(key)) report[key] = record[key];
  }
  const json none = json::object();
  const json& metrics = record.contains("metrics") ? record["metrics"] : none;
  const json& heads = record.contains("heads") ? record["heads"] : none;
  const auto place_metric = [&](const MetricInfo& info) {
    const std::string name(info.name);
    const std::string group(info.report_key);
    if (metrics.contains(name)) {
      json& place = report[group][layer];
      (info.group == MetricGroup::kLayer ? place : place[name]) = metrics[name];
    }
    if (heads.contains(name)) report[group][layer]["heads"][name] = heads[name];
  };
  for (const MetricInfo& info : AllMetrics()) place_metric(info);
  for (const json* const values : {&metrics, &heads}) {
    for (const auto& [name, value] : values->items()) {
      if (const size_t k = TopKNamed(name); k != 0) place_metric(InfoOf(TopMass(k)));
    }
  }
  return report;
}

bool IsRecord(const json& object) {
  return object.contains("schema") && object["schema"] == kWindowSchema && object.contains("layer") &&
         (!object.contains("metrics") || object["metrics"].is_object()) &&
         (!object.contains("heads") || object["heads"].is_object());
}

}  // namespace

LogEntry ReadLogEntry(std::string_view line, Report* report, std::string* error) {
  const auto read = [&](std::string_view text, LogEntry entry) {
    const Status status = ReportFromJson(text, report);
    if (!status.ok() && error != nullptr) *error = status.message();
    return status.ok() ? entry : LogEntry::kDamaged;
  };
  if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return LogEntry::kBlank;
  json object;
  if (!ParseJson(line, &object).ok() || !object.is_object()) return LogEntry::kDamaged;
  if (HasStatistics(object)) return read(line, LogEntry::kReport);
  if (!IsRecord(object)) return LogEntry::kOther;
  return read(DictionaryOf(object).dump(), LogEntry::kRecord);
}

}  // namespace attnscope::tools

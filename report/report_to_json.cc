// SPDX-License-Identifier: Apache-2.0
//
// Reports to JSON. Walks MetricsOf, so a metric that is added to the table is written.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"
#include "report/diagnosis_json.h"
#include "report/json_writer.h"
#include "report/metrics_of.h"
#include "report/report_keys.h"

namespace attnscope {
namespace {

using internal::JsonObject;

constexpr std::string_view kHeadsKey = "heads";
constexpr std::string_view kFirstKey = "attention_stats";  // which every report has

// One layer a line, the heads of each on a line of their own, and their metrics below one another.
constexpr JsonObject::Spacing kReportSpacing = {"\n  ", "\n  ", "\n"};
constexpr JsonObject::Spacing kGroupSpacing = {"\n    ", "\n    ", "\n  "};
constexpr std::string_view kBeforeHeads = "\n      ";
constexpr JsonObject::Spacing kHeadsSpacing = {"", "\n                ", ""};

using Metrics = std::vector<MetricInfo>;

bool HasHeads(const LayerStats& stats, const Metrics& metrics, std::string_view report_key) {
  return std::any_of(metrics.begin(), metrics.end(), [&](const MetricInfo& info) {
    return info.report_key == report_key && info.per_head && internal::AnyHas(stats.heads, info.metric);
  });
}

void AppendHeads(const LayerStats& stats, const Metrics& metrics, std::string_view report_key, std::string* out) {
  JsonObject heads(out, kHeadsSpacing);
  for (const MetricInfo& info : metrics) {
    if (info.report_key != report_key || !info.per_head || !internal::AnyHas(stats.heads, info.metric)) continue;
    internal::AppendJsonHeads(stats.heads, info, heads.Member(info.name));
  }
  heads.End();
}

// What a group says of one layer, or nothing.
std::string LayerText(const LayerStats& stats, std::string_view report_key) {
  std::string text;
  JsonObject layer(&text);
  const Metrics metrics = MetricsOf(stats);
  for (const MetricInfo& info : metrics) {
    if (info.report_key != report_key || !internal::IsGiven(stats.layer, info.metric)) continue;
    if (info.group == MetricGroup::kLayer) {
      std::string number;
      internal::AppendJsonMetric(stats.layer, info, &number);
      return number;
    }
    internal::AppendJsonMetric(stats.layer, info, layer.Member(info.name));
  }
  if (HasHeads(stats, metrics, report_key))
    AppendHeads(stats, metrics, report_key, layer.Member(kHeadsKey, kBeforeHeads));
  layer.End();
  return layer.empty() ? std::string() : text;
}

// Whether no group says anything of a layer.
bool IsEmpty(const LayerStats& stats) {
  const std::vector<std::string_view> keys = ReportKeys();
  return std::all_of(keys.begin(), keys.end(), [&](std::string_view key) { return LayerText(stats, key).empty(); });
}

std::string GroupText(const Report& report, std::string_view report_key) {
  std::string text;
  JsonObject group(&text, kGroupSpacing);
  for (const LayerReport& layer : report.layers) {
    std::string members = LayerText(layer.stats, report_key);
    if (members.empty() && report_key == kFirstKey && IsEmpty(layer.stats)) members = "{}";  // it is there
    if (!members.empty()) *group.Member(std::to_string(layer.layer)) += members;
  }
  group.End();
  return text;
}

// `diagnosis` may be null.
std::string ToJson(const Report& report, const Diagnosis* diagnosis) {
  std::string text;
  JsonObject object(&text, kReportSpacing);
  for (const std::string_view key : ReportKeys()) {
    const std::string group = GroupText(report, key);
    if (group != "{}" || key == kFirstKey) *object.Member(key) += group;
  }
  if (report.epoch.has_value()) object.Integer("num_epochs", *report.epoch);
  if (report.step.has_value()) object.Integer("step", *report.step);
  if (!report.stage.empty()) object.String("stage", report.stage);
  if (diagnosis != nullptr) internal::AppendDiagnosis(*diagnosis, true, "\n    ", &object);
  object.End();
  return text + "\n";
}

}  // namespace

std::string ReportToJson(const Report& report) { return ToJson(report, nullptr); }

std::string ReportToJson(const Report& report, const Diagnosis& diagnosis) { return ToJson(report, &diagnosis); }

}  // namespace attnscope

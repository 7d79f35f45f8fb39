// SPDX-License-Identifier: Apache-2.0
#include "monitor/window_record.h"

#include <algorithm>

#include "report/json_writer.h"

namespace attnscope {
namespace {

// An object that is written member by member.
class Object {
 public:
  explicit Object(std::string* out) : out_(*out) { out_ += '{'; }

  std::string* Member(std::string_view key) {
    if (!first_) out_ += ", ";
    first_ = false;
    AppendJsonKey(key, &out_);
    return &out_;
  }
  void Count(std::string_view key, uint64_t value) { *Member(key) += std::to_string(value); }
  void Number(std::string_view key, double value) { AppendJsonNumber(value, false, Member(key)); }
  void String(std::string_view key, std::string_view value) { AppendJsonString(value, Member(key)); }
  void End() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

void AppendMetrics(const MetricValues& values, std::string* out) {
  Object metrics(out);
  for (const MetricInfo& info : AllMetrics()) {
    if (values.Has(info.metric)) AppendJsonNumber(values[info.metric], info.is_count, metrics.Member(info.name));
  }
  metrics.End();
}

void AppendHeads(const std::vector<MetricValues>& heads, std::string* out) {
  Object metrics(out);
  for (const MetricInfo& info : AllMetrics()) {
    const auto has = [&](const MetricValues& head) { return head.Has(info.metric); };
    if (!info.per_head || std::none_of(heads.begin(), heads.end(), has)) continue;
    std::string* const array = metrics.Member(info.name);
    char separator = '[';
    for (const MetricValues& head : heads) {
      *array += separator;
      AppendJsonNumber(head[info.metric], info.is_count, array);
      separator = ',';
    }
    *array += ']';
  }
  metrics.End();
}

void AppendVerdict(const Verdict& verdict, std::string* out) {
  Object object(out);
  object.String("pathology", NameOf(verdict.pathology));
  object.String("severity", NameOf(verdict.severity));
  if (verdict.head >= 0) *object.Member("head") += std::to_string(verdict.head);
  object.String("metric", InfoOf(verdict.metric).name);
  object.Number("value", verdict.value);
  object.Number("bound", verdict.bound);
  object.String("message", verdict.message);
  object.End();
}

}  // namespace

std::string WindowRecord(const WindowInfo& info, const LayerCounts& counts, const LayerReport& layer,
                         const std::vector<Verdict>& verdicts, bool per_head) {
  std::string line;
  Object record(&line);
  record.String("schema", kWindowSchema);
  record.Number("time", info.time);
  record.String("stage", info.stage);
  record.Count("window", info.window);
  record.Count("first_step", info.first_step);
  record.Count("step", info.last_step);
  record.Count("steps", info.steps);
  record.Count("tokens", info.tokens);
  record.Count("layer", static_cast<uint64_t>(layer.layer));
  record.Count("samples", counts.samples);
  record.Count("late", counts.late);
  record.Count("postponed", counts.postponed);
  record.Number("overhead", info.overhead);
  AppendMetrics(layer.stats.layer, record.Member("metrics"));
  if (per_head) AppendHeads(layer.stats.heads, record.Member("heads"));
  std::string* const array = record.Member("verdicts");
  *array += '[';
  for (const Verdict& verdict : verdicts) {
    if (&verdict != &verdicts.front()) *array += ", ";
    AppendVerdict(verdict, array);
  }
  *array += ']';
  record.End();
  return line;
}

}  // namespace attnscope

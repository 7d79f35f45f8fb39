// SPDX-License-Identifier: Apache-2.0
#include "monitor/window_record.h"

#include "report/diagnosis_json.h"
#include "report/json_writer.h"
#include "report/metrics_of.h"

namespace attnscope {
namespace {

using internal::JsonObject;

void AppendMetrics(const MetricValues& values, std::string* out) {
  JsonObject metrics(out);
  for (const MetricInfo& info : MetricsOf(values)) {
    if (!internal::IsGiven(values, info.metric)) continue;
    internal::AppendJsonMetric(values, info, metrics.Member(info.name));
  }
  metrics.End();
}

void AppendHeads(const LayerStats& stats, std::string* out) {
  JsonObject metrics(out);
  for (const MetricInfo& info : MetricsOf(stats)) {
    if (!info.per_head || !internal::AnyHas(stats.heads, info.metric)) continue;
    internal::AppendJsonHeads(stats.heads, info, metrics.Member(info.name));
  }
  metrics.End();
}

}  // namespace

std::string WindowRecord(const WindowInfo& info, const LayerCounts& counts, const LayerReport& layer,
                         const Diagnosis& diagnosis, bool per_head) {
  std::string line;
  JsonObject record(&line);
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
  record.Count("refused", counts.refused);
  record.Count("postponed", counts.postponed);
  if (counts.left_out_rows > 0) record.Count("left_out_rows", counts.left_out_rows);
  record.Number("overhead", info.overhead);
  AppendMetrics(layer.stats.layer, record.Member("metrics"));
  if (per_head) AppendHeads(layer.stats, record.Member("heads"));
  internal::AppendDiagnosis(diagnosis, false, " ", &record);
  record.End();
  return line;
}

}  // namespace attnscope

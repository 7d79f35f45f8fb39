// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "c_interface/handles.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

Status FindMetric(const Report& report, int64_t layer, int64_t head, int32_t metric, double* out) {
  if (metric < 0 || static_cast<size_t>(metric) >= kNumMetrics) {
    return {StatusCode::kInvalidArgument, "metric is " + std::to_string(metric) + ", not an AttnscopeMetric"};
  }
  const LayerReport* const entry = report.Find(layer);
  if (entry == nullptr) return {StatusCode::kNotFound, "the report has no layer " + std::to_string(layer)};
  if (head < -1 || head >= static_cast<int64_t>(entry->stats.heads.size())) {
    return {StatusCode::kNotFound,
            "layer " + std::to_string(layer) + " of the report has no head " + std::to_string(head)};
  }
  const LayerStats& stats = entry->stats;
  *out = (head < 0 ? stats.layer : stats.heads[static_cast<size_t>(head)])[static_cast<Metric>(metric)];
  return {};
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeReportCreate(AttnscopeReport** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    *out = std::make_unique<AttnscopeReport>().release();
    return {};
  });
}

void AttnscopeReportDestroy(AttnscopeReport* report) { delete report; }

AttnscopeStatus AttnscopeReportSetStage(AttnscopeReport* report, const char* stage) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    report->report.stage = stage == nullptr ? "" : stage;
    return {};
  });
}

AttnscopeStatus AttnscopeReportSetEpoch(AttnscopeReport* report, int64_t epoch) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    report->report.epoch = epoch;
    return {};
  });
}

AttnscopeStatus AttnscopeReportSetLayer(AttnscopeReport* report, int64_t layer,
                                        const AttnscopeAccumulator* accumulator) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (accumulator == nullptr) return NullArgument("accumulator");
    if (layer < 0) return {StatusCode::kInvalidArgument, "layer is " + std::to_string(layer) + ", expected >= 0"};
    LayerStats stats = accumulator->accumulator.Stats();
    report->report.Layer(layer).stats = std::move(stats);
    return {};
  });
}

AttnscopeStatus AttnscopeReportMetric(const AttnscopeReport* report, int64_t layer, int64_t head, int32_t metric,
                                      double* out) {
  return Guarded([&] {
    if (report == nullptr) return NullArgument("report");
    if (out == nullptr) return NullArgument("out");
    return FindMetric(report->report, layer, head, metric, out);
  });
}

AttnscopeStatus AttnscopeReportToJson(AttnscopeReport* report, const char** json, size_t* length) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (json == nullptr) return NullArgument("json");
    report->json = ReportToJson(report->report);
    *json = report->json.c_str();
    if (length != nullptr) *length = report->json.size();
    return {};
  });
}

AttnscopeStatus AttnscopeReportDiagnose(AttnscopeReport* report, const AttnscopeThresholds* thresholds,
                                        size_t* num_verdicts) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (num_verdicts == nullptr) return NullArgument("num_verdicts");
    Thresholds read;
    if (Status status = Read(thresholds, &read); !status.ok()) return status;
    report->verdicts = Diagnose(report->report, read);
    *num_verdicts = report->verdicts.size();
    return {};
  });
}

AttnscopeStatus AttnscopeReportVerdict(const AttnscopeReport* report, size_t index, AttnscopeVerdict* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (out == nullptr) return NullArgument("out");
    if (index >= report->verdicts.size()) {
      return {StatusCode::kOutOfRange,
              "index is " + std::to_string(index) + ", of " + std::to_string(report->verdicts.size()) + " verdicts"};
    }
    WriteStruct(c_interface::ToC(report->verdicts[index]), out);
    return {};
  });
}

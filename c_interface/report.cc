// SPDX-License-Identifier: Apache-2.0
//
// Reports: what they hold, and what is made of them without a file or a picture.
#include "attnscope/report.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/limits.h"
#include "c_interface/handles.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

// Runs `work` on the report of a handle.
template <typename Work>
AttnscopeStatus With(AttnscopeReport* handle, const Work& work) {
  return Guarded([&]() -> Status { return handle == nullptr ? NullArgument("report") : work(handle->report); });
}

// Runs `work`, which fills in `*out`.
template <typename Out, typename Work>
AttnscopeStatus Ask(const AttnscopeReport* handle, Out* out, const Work& work) {
  return Guarded([&]() -> Status {
    if (handle == nullptr) return NullArgument("report");
    return out == nullptr ? NullArgument("out") : work(handle->report);
  });
}

Status CheckMetric(int32_t metric) {
  if (metric >= 0 && IsMetric(static_cast<size_t>(metric))) return {};
  return {StatusCode::kInvalidArgument, "metric is " + std::to_string(metric) + ", not an AttnscopeMetric"};
}

Status CheckLayer(int64_t layer) {
  if (layer >= 0) return {};
  return {StatusCode::kInvalidArgument, "layer is " + std::to_string(layer) + ", expected >= 0"};
}

Status FindMetric(const Report& report, int64_t layer, int64_t head, int32_t metric, double* out) {
  if (Status status = CheckMetric(metric); !status.ok()) return status;
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

Status SetMetric(Report& report, int64_t layer, int64_t head, int32_t metric, double value) {
  if (Status status = CheckMetric(metric); !status.ok()) return status;
  if (Status status = CheckLayer(layer); !status.ok()) return status;
  if (head < -1 || head >= static_cast<int64_t>(kMaxHeads)) {
    return {StatusCode::kInvalidArgument,
            "head is " + std::to_string(head) + ", expected -1 to " + std::to_string(kMaxHeads - 1)};
  }
  LayerStats& stats = report.Layer(layer).stats;
  if (head >= 0) stats.heads.resize(std::max(stats.heads.size(), static_cast<size_t>(head) + 1));
  MetricValues& values = head < 0 ? stats.layer : stats.heads[static_cast<size_t>(head)];
  if (!values.HasRoomFor(static_cast<Metric>(metric))) {
    return {StatusCode::kInvalidArgument, "there is no room for " +
                                              std::string(InfoOf(static_cast<Metric>(metric)).name) + " beside " +
                                              std::to_string(kMaxTopMasses) + " other top-k masses"};
  }
  if (std::isnan(value)) {
    values.Remove(static_cast<Metric>(metric));
  } else {
    values[static_cast<Metric>(metric)] = value;
  }
  return {};
}

Status ReadTime(const char* name, const std::optional<int64_t>& time, int64_t* out) {
  if (!time.has_value()) return {StatusCode::kNotFound, std::string("the report has no ") + name};
  *out = *time;
  return {};
}

// One of what a diagnosis has.
template <typename Found, typename Out>
Status WriteAt(const std::vector<Found>& found, size_t index, const char* name, Out* out) {
  if (index < found.size()) return WriteStruct("out", c_interface::ToC(found[index]), out);
  return {StatusCode::kOutOfRange,
          "index is " + std::to_string(index) + ", of " + std::to_string(found.size()) + " " + name};
}

Status FindOutcome(const Diagnosis& diagnosis, int64_t layer, Outcome* out) {
  const auto found = std::find_if(diagnosis.layers.begin(), diagnosis.layers.end(),
                                  [layer](const Diagnosis::Layer& entry) { return entry.layer == layer; });
  if (found == diagnosis.layers.end()) {
    return {StatusCode::kNotFound, "the report had no layer " + std::to_string(layer) + " when it was diagnosed"};
  }
  *out = found->outcome;
  return {};
}

// `baseline` may be null.
Status DiagnoseBeside(AttnscopeReport* report, const AttnscopeThresholds* thresholds, const Baseline* baseline,
                      size_t* num_verdicts) {
  if (report == nullptr) return NullArgument("report");
  if (num_verdicts == nullptr) return NullArgument("num_verdicts");
  Thresholds read;
  if (Status status = Read("thresholds", thresholds, &read); !status.ok()) return status;
  report->diagnosis = Judge(report->report, read, baseline);
  *num_verdicts = report->diagnosis.verdicts.size();
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
  return With(report, [&](Report& to) -> Status {
    to.stage = stage == nullptr ? "" : stage;
    return {};
  });
}

AttnscopeStatus AttnscopeReportSetEpoch(AttnscopeReport* report, int64_t epoch) {
  return With(report, [&](Report& to) -> Status {
    to.epoch = epoch;
    return {};
  });
}

AttnscopeStatus AttnscopeReportSetStep(AttnscopeReport* report, int64_t step) {
  return With(report, [&](Report& to) -> Status {
    to.step = step;
    return {};
  });
}

AttnscopeStatus AttnscopeReportStage(const AttnscopeReport* report, const char** out) {
  return Ask(report, out, [&](const Report& from) -> Status {
    *out = from.stage.c_str();
    return {};
  });
}

AttnscopeStatus AttnscopeReportEpoch(const AttnscopeReport* report, int64_t* out) {
  return Ask(report, out, [&](const Report& from) { return ReadTime("epoch", from.epoch, out); });
}

AttnscopeStatus AttnscopeReportStep(const AttnscopeReport* report, int64_t* out) {
  return Ask(report, out, [&](const Report& from) { return ReadTime("step", from.step, out); });
}

AttnscopeStatus AttnscopeReportSetLayer(AttnscopeReport* report, int64_t layer,
                                        const AttnscopeAccumulator* accumulator) {
  return With(report, [&](Report& to) -> Status {
    if (accumulator == nullptr) return NullArgument("accumulator");
    if (Status status = CheckLayer(layer); !status.ok()) return status;
    LayerStats stats = accumulator->accumulator.Stats();
    to.Layer(layer).stats = std::move(stats);
    return {};
  });
}

AttnscopeStatus AttnscopeReportSetMetric(AttnscopeReport* report, int64_t layer, int64_t head, int32_t metric,
                                         double value) {
  return With(report, [&](Report& to) { return SetMetric(to, layer, head, metric, value); });
}

AttnscopeStatus AttnscopeReportNumLayers(const AttnscopeReport* report, size_t* out) {
  return Ask(report, out, [&](const Report& from) -> Status {
    *out = from.layers.size();
    return {};
  });
}

AttnscopeStatus AttnscopeReportLayerAt(const AttnscopeReport* report, size_t index, int64_t* layer, size_t* num_heads) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    const size_t layers = report->report.layers.size();
    if (index >= layers) {
      return {StatusCode::kOutOfRange,
              "index is " + std::to_string(index) + ", of " + std::to_string(layers) + " layers"};
    }
    const LayerReport& entry = report->report.layers[index];
    if (layer != nullptr) *layer = entry.layer;
    if (num_heads != nullptr) *num_heads = entry.stats.heads.size();
    return {};
  });
}

AttnscopeStatus AttnscopeReportMetric(const AttnscopeReport* report, int64_t layer, int64_t head, int32_t metric,
                                      double* out) {
  return Ask(report, out, [&](const Report& from) { return FindMetric(from, layer, head, metric, out); });
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
  return Guarded([&] { return DiagnoseBeside(report, thresholds, nullptr, num_verdicts); });
}

AttnscopeStatus AttnscopeReportDiagnoseBeside(AttnscopeReport* report, const AttnscopeThresholds* thresholds,
                                              const AttnscopeBaseline* baseline, size_t* num_verdicts) {
  return Guarded([&] {
    if (baseline == nullptr) return NullArgument("baseline");
    return DiagnoseBeside(report, thresholds, &baseline->baseline, num_verdicts);
  });
}

AttnscopeStatus AttnscopeReportNumAsInBaseline(const AttnscopeReport* report, size_t* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (out == nullptr) return NullArgument("out");
    *out = report->diagnosis.as_in_baseline.size();
    return {};
  });
}

AttnscopeStatus AttnscopeReportAsInBaseline(const AttnscopeReport* report, size_t index, AttnscopeVerdict* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    return WriteAt(report->diagnosis.as_in_baseline, index, "verdicts as in the baseline", out);
  });
}

AttnscopeStatus AttnscopeReportVerdict(const AttnscopeReport* report, size_t index, AttnscopeVerdict* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    return WriteAt(report->diagnosis.verdicts, index, "verdicts", out);
  });
}

AttnscopeStatus AttnscopeReportNumUnjudged(const AttnscopeReport* report, size_t* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (out == nullptr) return NullArgument("out");
    *out = report->diagnosis.unjudged.size();
    return {};
  });
}

AttnscopeStatus AttnscopeReportUnjudged(const AttnscopeReport* report, size_t index, AttnscopeUnjudged* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    return WriteAt(report->diagnosis.unjudged, index, "unjudged", out);
  });
}

AttnscopeStatus AttnscopeReportOutcome(const AttnscopeReport* report, int64_t layer, int32_t* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (out == nullptr) return NullArgument("out");
    Outcome outcome = report->diagnosis.outcome;
    if (layer != -1) {
      if (Status status = FindOutcome(report->diagnosis, layer, &outcome); !status.ok()) return status;
    }
    *out = static_cast<int32_t>(outcome);
    return {};
  });
}

AttnscopeStatus AttnscopeReportWorstSeverity(const AttnscopeReport* report, int32_t* out) {
  return Guarded([&]() -> Status {
    if (report == nullptr) return NullArgument("report");
    if (out == nullptr) return NullArgument("out");
    *out = static_cast<int32_t>(WorstSeverity(report->diagnosis.verdicts));
    return {};
  });
}

// SPDX-License-Identifier: Apache-2.0
#include "attnscope/report.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "python/module/argument.h"
#include "python/module/diagnosis.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "tools/state/saved_state.h"
#include "tools/state/state_file.h"

namespace attnscope::python {
namespace {

Report FromJson(std::string_view json) {
  Report report;
  Status status;
  {
    const nb::gil_scoped_release release;
    status = ReportFromJson(json, &report);
  }
  Check(status);
  return report;
}

// What several processes measured, as the command merges it.
Report FromStates(const std::vector<nb::bytes>& states) {
  tools::StateMerger merger;
  for (size_t i = 0; i < states.size(); ++i) {
    const std::string name = "states[" + std::to_string(i) + "]";
    tools::SavedState state;
    Check(name.c_str(),
          tools::StateFromBytes({static_cast<const uint8_t*>(states[i].data()), states[i].size()}, &state));
    Check(merger.Add(name, std::move(state)));
  }
  if (const std::string missing = merger.Missing(); !missing.empty()) {
    Throw(PyExc_ValueError, "the states are not all of them: " + missing);
  }
  tools::SavedState sum;
  Report report;
  Check(merger.Take(&sum));
  Check(tools::ReportOf(sum, &report));
  return report;
}

std::vector<int64_t> Layers(const Report& report) {
  std::vector<int64_t> layers;
  for (const LayerReport& layer : report.layers) layers.push_back(layer.layer);
  return layers;
}

LayerStats StatsOf(const Report& report, int64_t layer) {
  const LayerReport* const found = report.Find(layer);
  if (found == nullptr) throw nb::key_error(std::to_string(layer).c_str());
  return found->stats;
}

void Set(Report& report, const Argument<int64_t, "layer">& given, const LayerStats& stats) {
  const int64_t layer = given;
  if (layer < 0) Throw(PyExc_ValueError, "layer is " + std::to_string(layer) + ", expected a whole number >= 0");
  report.Layer(layer).stats = stats;
}

std::string ToJson(const Report& report, bool verdicts, nb::handle thresholds, nb::handle baseline) {
  if (!verdicts) return ReportToJson(report);
  const Baseline* const usual = BaselineOf(baseline);
  if (usual != nullptr) Check("baseline", CheckBaseline(report, *usual));
  return ReportToJson(report, Judge(report, ThresholdsOf(thresholds), usual));
}

}  // namespace

void BindReport(nb::module_& module) {
  nb::class_<Report>(module, "Report", "What attnscope.Report is made of.")
      .def(nb::init<>())
      .def_static("from_json", &FromJson, nb::arg("json"))
      .def_static("from_states", &FromStates, nb::arg("states"))
      .def("to_json", &ToJson, nb::arg("verdicts") = false, nb::arg("thresholds") = nb::none(),
           nb::arg("baseline") = nb::none())
      .def("layers", &Layers)
      .def("stats", &StatsOf, nb::arg("layer"))
      .def("set", &Set, nb::arg("layer"), nb::arg("stats"))
      .def_prop_rw(
          "epoch", [](const Report& report) { return report.epoch; },
          [](Report& report, const Argument<std::optional<int64_t>, "epoch">& epoch) { report.epoch = epoch; },
          nb::for_setter(nb::arg("epoch").none()))
      .def_prop_rw(
          "step", [](const Report& report) { return report.step; },
          [](Report& report, const Argument<std::optional<int64_t>, "step">& step) { report.step = step; },
          nb::for_setter(nb::arg("step").none()))
      .def_rw("stage", &Report::stage);
}

}  // namespace attnscope::python

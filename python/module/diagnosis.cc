// SPDX-License-Identifier: Apache-2.0
#include "python/module/diagnosis.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "python/module/argument.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "report/pathologies.h"

namespace attnscope::python {
namespace {

const internal::ThresholdInfo& FindThreshold(const std::string& name) {
  for (const internal::ThresholdInfo& info : internal::kThresholds) {
    if (info.name == name) return info;
  }
  Throw(PyExc_ValueError, "thresholds has no bound '" + name + "'; attnscope.thresholds() lists them");
}

// Every bound and its default.
nb::dict DefaultThresholds() {
  const Thresholds defaults;
  nb::dict out;
  for (const internal::ThresholdInfo& info : internal::kThresholds) {
    out[nb::str(info.name.data(), info.name.size())] = defaults.*info.field;
  }
  return out;
}

// None for the layer as a whole.
nb::object HeadOf(int64_t head) { return head < 0 ? nb::none() : nb::object(nb::int_(head)); }

Diagnosis JudgeReport(const Report& report, nb::handle thresholds, nb::handle baseline) {
  const Thresholds bounds = ThresholdsOf(thresholds);
  const Baseline* const usual = BaselineOf(baseline);
  if (usual != nullptr) Check("baseline", CheckBaseline(report, *usual));
  const nb::gil_scoped_release release;
  return Judge(report, bounds, usual);
}

void MakeBaselineOf(Baseline* memory, const std::vector<Report>& reports) {
  Baseline baseline;
  Check(MakeBaseline(reports, &baseline));
  new (memory) Baseline(std::move(baseline));
}

nb::dict OutcomesOf(const Diagnosis& diagnosis) {
  nb::dict out;
  for (const Diagnosis::Layer& layer : diagnosis.layers) out[nb::int_(layer.layer)] = NameOf(layer.outcome);
  return out;
}

std::string TextOf(const Diagnosis& diagnosis) {
  std::string text(NameOf(diagnosis.outcome));
  for (const Verdict& verdict : diagnosis.verdicts) text += "\n  " + verdict.message;
  const std::vector<std::string> unjudged = SummarizeUnjudged(diagnosis);
  if (!unjudged.empty()) text += "\nnot judged";
  for (const std::string& line : unjudged) text += "\n  " + line;
  return text;
}

}  // namespace

Thresholds ThresholdsOf(nb::handle thresholds) {
  Thresholds out;
  if (thresholds.is_none()) return out;
  if (!nb::isinstance<nb::dict>(thresholds)) {
    Throw(PyExc_TypeError, std::string("thresholds is ") + nb::repr(thresholds).c_str() + ", expected a dictionary");
  }
  for (const auto& [key, value] : nb::borrow<nb::dict>(thresholds)) {
    const internal::ThresholdInfo& info = FindThreshold(nb::str(key).c_str());
    out.*info.field = Read<double>(nb::str(key).c_str(), value);
  }
  return out;
}

const Baseline* BaselineOf(nb::handle baseline) {
  if (baseline.is_none()) return nullptr;
  const nb::object core = nb::getattr(baseline, "_core", nb::none());
  const Baseline* found = nullptr;
  if (!nb::try_cast(core.is_none() ? nb::borrow(baseline) : core, found)) {
    Throw(PyExc_TypeError, std::string("baseline is ") + nb::repr(baseline).c_str() + ", expected a Baseline");
  }
  return found;
}

void BindDiagnosis(nb::module_& module) {
  nb::class_<Verdict>(module, "Verdict", "One finding.")
      .def_prop_ro("pathology", [](const Verdict& v) { return NameOf(v.pathology); })
      .def_prop_ro("severity", [](const Verdict& v) { return NameOf(v.severity); })
      .def_ro("layer", &Verdict::layer)
      .def_prop_ro("head", [](const Verdict& v) { return HeadOf(v.head); })
      .def_prop_ro("metric", [](const Verdict& v) { return InfoOf(v.metric).name; })
      .def_ro("value", &Verdict::value)
      .def_ro("bound", &Verdict::bound)
      .def_ro("baseline", &Verdict::baseline)
      .def_ro("message", &Verdict::message)
      .def("__repr__", [](const Verdict& v) { return "<Verdict " + v.message + ">"; });
  nb::class_<Unjudged>(module, "Unjudged", "A pathology that a layer or head could not be judged by.")
      .def_prop_ro("pathology", [](const Unjudged& u) { return NameOf(u.pathology); })
      .def_ro("layer", &Unjudged::layer)
      .def_prop_ro("head", [](const Unjudged& u) { return HeadOf(u.head); })
      .def_ro("reason", &Unjudged::reason);
  nb::class_<Diagnosis>(module, "Diagnosis", "What can be said of a report. Printed, it is a text for people.")
      .def_ro("verdicts", &Diagnosis::verdicts)
      .def_ro("as_in_baseline", &Diagnosis::as_in_baseline)
      .def_ro("unjudged", &Diagnosis::unjudged)
      .def_ro("is_judged", &Diagnosis::is_judged)
      .def_prop_ro("outcome", [](const Diagnosis& d) { return NameOf(d.outcome); })
      .def_prop_ro("severity", [](const Diagnosis& d) { return NameOf(WorstSeverity(d.verdicts)); })
      .def_prop_ro("layers", &OutcomesOf)
      .def("__str__", &TextOf)
      .def("__repr__", [](const Diagnosis& d) {
        return "<Diagnosis " + std::string(NameOf(d.outcome)) + ", " + std::to_string(d.verdicts.size()) + " verdicts>";
      });
  module.def("judge", &JudgeReport, nb::arg("report"), nb::arg("thresholds") = nb::none(),
             nb::arg("baseline") = nb::none());
  nb::class_<Baseline>(module, "Baseline", "What attnscope.Baseline is made of.")
      .def("__init__", &MakeBaselineOf, nb::arg("reports"))
      .def_ro("median", &Baseline::median)
      .def_ro("spread", &Baseline::spread);
  module.def("thresholds", &DefaultThresholds,
             "Every bound of the verdicts: a dictionary from its name to its default. NaN switches a bound off.");
}

}  // namespace attnscope::python

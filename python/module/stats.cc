// SPDX-License-Identifier: Apache-2.0
#include "python/module/stats.h"

#include <nanobind/nanobind.h>

#include <cmath>
#include <string>
#include <string_view>

#include "attnscope/metrics.h"
#include "python/module/module.h"
#include "report/metrics_of.h"

namespace attnscope::python {
namespace {

// Empty text may have no address, which Python 3.12 refuses.
nb::str Text(std::string_view text) { return text.empty() ? nb::str("") : nb::str(text.data(), text.size()); }

// Counts are whole numbers in Python too.
nb::object ValueOf(const MetricInfo& info, double value) {
  if (info.is_count && std::isfinite(value)) return nb::int_(static_cast<int64_t>(value));
  return nb::float_(value);
}

nb::dict LayerValues(const LayerStats& stats) {
  nb::dict out;
  for (const MetricInfo& info : MetricsOf(stats)) {
    if (!internal::IsGiven(stats.layer, info.metric)) continue;
    out[Text(info.name)] = ValueOf(info, stats.layer[info.metric]);
  }
  return out;
}

nb::dict HeadValues(const LayerStats& stats) {
  nb::dict out;
  for (const MetricInfo& info : MetricsOf(stats)) {
    bool has = false;
    for (const MetricValues& head : stats.heads) has |= internal::IsGiven(head, info.metric);
    if (!has) continue;
    double* values = nullptr;
    DoubleArray array = NewArray(stats.heads.size(), &values);
    for (size_t head = 0; head < stats.heads.size(); ++head) values[head] = stats.heads[head][info.metric];
    out[Text(info.name)] = nb::cast(array);
  }
  return out;
}

// Without a default, so that the compiler asks for the name of a new one.
std::string_view NameOfUnit(MetricUnit unit) {
  switch (unit) {
    case MetricUnit::kRow:
      return "row";
    case MetricUnit::kRowOfSeveralKeys:
      return "row of several keys";
    case MetricUnit::kLogitRow:
      return "row of logits";
    case MetricUnit::kLogit:
      return "logit";
    case MetricUnit::kMatrix:
      return "matrix";
    case MetricUnit::kHead:
      return "head";
    case MetricUnit::kSequence:
      return "sequence";
    case MetricUnit::kToken:
      return "token";
    case MetricUnit::kBuffer:
      return "buffer";
    case MetricUnit::kRowWithNullMass:
      return "row with null mass";
  }
  return {};
}

nb::dict Metrics() {
  nb::dict out;
  for (const MetricInfo& info : AllMetrics()) {
    nb::dict one;
    one["meaning"] = Text(info.meaning);
    one["group"] = Text(info.report_key);
    one["per_head"] = info.per_head;
    one["is_count"] = info.is_count;
    one["unit"] = Text(NameOfUnit(info.unit));
    one["axis"] = Text(info.axis);
    out[Text(info.name)] = one;
  }
  return out;
}

}  // namespace

DoubleArray NewArray(size_t size, double** data) {
  auto* const values = new double[size == 0 ? 1 : size]();
  *data = values;
  const nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return DoubleArray(values, {size}, owner);
}

void BindStats(nb::module_& module) {
  nb::class_<LayerStats>(module, "LayerStats",
                         "What one layer measured. Missing metrics were not measured; they are never zero.")
      .def_prop_ro("layer", &LayerValues,
                   "The layer's own values: a new dictionary from a metric's name to its value. Entropies are in nats.")
      .def_prop_ro(
          "heads", &HeadValues,
          "Each head's values: a new dictionary from a metric's name to a float64 array [heads], NaN for heads "
          "without a value. Empty where only the layer is known; one entry in mean-matrix mode.")
      .def("__repr__", [](const LayerStats& stats) {
        std::string text = "LayerStats(";
        for (const Metric metric :
             {Metric::kEntropy, Metric::kEffectiveRank, Metric::kMaxRowWeight, Metric::kSinkMass}) {
          if (!stats.layer.Has(metric)) continue;
          text += std::string(InfoOf(metric).name) + "=" + nb::repr(nb::float_(stats.layer[metric])).c_str() + ", ";
        }
        return nb::str((text + "heads=" + std::to_string(stats.heads.size()) + ")").c_str());
      });
  module.def(
      "metrics", &Metrics,
      "Every metric: a dictionary from its name to what is known of it: meaning, the group of a report that "
      "holds it, whether heads have it, whether it is a count, what has one value of it, and its axis in figures.");
}

}  // namespace attnscope::python

// SPDX-License-Identifier: Apache-2.0
//
// AttentionMonitor: what its callbacks bring is kept until the call that brought it is over, and handed to Python then.
#include "attnscope/attention_monitor.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "python/module/accumulator.h"
#include "python/module/argument.h"
#include "python/module/calls.h"
#include "python/module/diagnosis.h"
#include "python/module/docstrings.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "python/module/top_k.h"

namespace attnscope::python {
namespace {

struct Monitor {
  AttentionMonitor monitor;
  nb::object on_window;
  nb::object on_change;
  std::mutex mutex;  // of the calls that are for one thread at a time
  std::vector<std::string> windows;
  std::vector<VerdictChange> changes;
};

class LayerSink final : public RowSink {
 public:
  LayerSink(Monitor* monitor, size_t layer) : monitor_(&monitor->monitor), layer_(layer) {}
  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) override {
    return monitor_->AddWeights(layer_, weights, mask, runner);
  }
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) override {
    return monitor_->AddLogits(layer_, logits, params, runner);
  }
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) override {
    return monitor_->AddQueriesKeys(layer_, view, params, runner);
  }
  Status AddResidual(const ActivationView& before, const ActivationView& after) override {
    return monitor_->AddResidual(layer_, before, after);
  }
  Status AddGradient(const BufferView& gradient) override { return monitor_->AddGradient(layer_, gradient); }

 private:
  AttentionMonitor* monitor_;
  size_t layer_;
};

bool IsGiven(const nb::object& object) { return object.is_valid() && !object.is_none(); }

// The names of MonitorConfig, and those of its LayerConfig, as keywords.
struct ConfigReader {
  const nb::kwargs& keywords;
  size_t used = 0;

  template <typename T>
  void Read(const char* name, T* out) {
    if (!keywords.contains(name)) return;
    ++used;
    const nb::object value = keywords[name];
    if constexpr (requires { attnscope::python::Read(name, value, out); }) {
      attnscope::python::Read(name, value, out);
    } else if (!nb::try_cast(value, *out)) {
      Throw(PyExc_TypeError, std::string(name) + " is " + nb::repr(value).c_str() + ", which is of a wrong type");
    }
  }

  void ReadFunction(const char* name, nb::object* out) {
    Read(name, out);
    if (!IsGiven(*out) || PyCallable_Check(out->ptr()) != 0) return;
    Throw(PyExc_TypeError, std::string(name) + " is " + nb::repr(*out).c_str() + ", expected a function");
  }
};

MonitorConfig ReadConfig(size_t layers, const nb::kwargs& keywords, Monitor* out) {
  MonitorConfig config;
  config.layers = layers;
  ConfigReader reader{keywords};
  reader.Read("heads", &config.layer.heads);
  reader.Read("max_keys", &config.layer.max_keys);
  reader.Read("max_batch", &config.layer.max_batch);
  reader.Read("mean_matrix", &config.layer.mean_matrix);
  nb::object top_k;
  reader.Read("top_k", &top_k);
  if (top_k.is_valid()) config.layer.top_k = TopKOf(top_k);
  reader.Read("first_layer", &config.first_layer);
  reader.Read("watched_layers", &config.watched_layers);
  reader.Read("lanes", &config.lanes);
  reader.Read("every_steps", &config.every_steps);
  reader.Read("stagger_layers", &config.stagger_layers);
  reader.Read("budget", &config.budget);
  reader.Read("window_steps", &config.window_steps);
  reader.Read("window_tokens", &config.window_tokens);
  reader.Read("stage", &config.stage);
  reader.Read("per_head", &config.per_head);
  reader.Read("worsen_windows", &config.worsen_windows);
  reader.Read("recover_windows", &config.recover_windows);
  reader.Read("recover_margin", &config.recover_margin);
  reader.ReadFunction("on_window", &out->on_window);
  reader.ReadFunction("on_change", &out->on_change);
  nb::object thresholds;
  reader.Read("thresholds", &thresholds);
  if (thresholds.is_valid()) config.thresholds = ThresholdsOf(thresholds);
  nb::object baseline;
  reader.Read("baseline", &baseline);
  if (baseline.is_valid()) config.baseline = BaselineOf(baseline);  // the monitor copies it
  reader.Read("baseline_windows", &config.baseline_windows);
  if (reader.used != keywords.size()) {
    Throw(PyExc_TypeError, "AttentionMonitor() got a keyword that it does not have, among: " +
                               std::string(nb::str(nb::list(keywords.keys())).c_str()));
  }
  return config;
}

void Make(Monitor* memory, const Argument<size_t, "layers">& layers, const nb::kwargs& keywords) {
  auto* const made = new (memory) Monitor;
  try {
    MonitorConfig config = ReadConfig(layers, keywords, made);
    config.opaque = made;
    config.on_window = [](void* opaque, std::string_view line) {
      static_cast<Monitor*>(opaque)->windows.emplace_back(line);
    };
    config.on_change = [](void* opaque, const VerdictChange& change) {
      static_cast<Monitor*>(opaque)->changes.push_back(change);
    };
    Check(AttentionMonitor::Create(config, &made->monitor));
  } catch (...) {
    made->~Monitor();
    throw;
  }
}

// Runs a call that may end a window, then tells Python about it.
template <typename Call>
void RunAndTell(Monitor& self, const Call& call) {
  Status status;
  std::vector<std::string> windows;
  std::vector<VerdictChange> changes;
  {
    const nb::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(self.mutex);
    status = call();
    windows = std::exchange(self.windows, {});
    changes = std::exchange(self.changes, {});
  }
  if (IsGiven(self.on_window)) {
    for (const std::string& line : windows) self.on_window(line);
  }
  if (IsGiven(self.on_change)) {
    for (const VerdictChange& change : changes) self.on_change(change);
  }
  Check(status);
}

void BindCalls(nb::class_<Monitor>* bound) {
  bound
      ->def(
          "add_weights",
          [](Monitor& self, const Argument<size_t, "layer">& layer, nb::handle weights, const nb::kwargs& keywords) {
            LayerSink sink(&self, layer);
            CallAddWeights(weights, keywords, &sink);
          },
          nb::arg("layer"), nb::arg("weights").none(), nb::arg("keywords"), kAddWeightsDoc)
      .def(
          "add_logits",
          [](Monitor& self, const Argument<size_t, "layer">& layer, nb::handle logits, const nb::kwargs& keywords) {
            LayerSink sink(&self, layer);
            CallAddLogits(logits, keywords, &sink);
          },
          nb::arg("layer"), nb::arg("logits").none(), nb::arg("keywords"), kAddLogitsDoc)
      .def(
          "add_queries_keys",
          [](Monitor& self, const Argument<size_t, "layer">& layer, nb::handle queries, nb::handle keys,
             const nb::kwargs& keywords) {
            LayerSink sink(&self, layer);
            CallAddQueriesKeys(queries, keys, keywords, &sink);
          },
          nb::arg("layer"), nb::arg("queries").none(), nb::arg("keys").none(), nb::arg("keywords"), kAddQueriesKeysDoc)
      .def(
          "add_residual",
          [](Monitor& self, const Argument<size_t, "layer">& layer, nb::handle before, nb::handle after,
             const nb::kwargs& keywords) {
            LayerSink sink(&self, layer);
            CallAddResidual(before, after, keywords, &sink);
          },
          nb::arg("layer"), nb::arg("before").none(), nb::arg("after").none(), nb::arg("keywords"), kAddResidualDoc)
      .def(
          "add_gradient",
          [](Monitor& self, const Argument<size_t, "layer">& layer, nb::handle gradient, const nb::kwargs& keywords) {
            LayerSink sink(&self, layer);
            CallAddGradient(gradient, keywords, &sink);
          },
          nb::arg("layer"), nb::arg("gradient").none(), nb::arg("keywords"), kAddGradientDoc);
}

constexpr char kMonitorDoc[] =
    R"(Samples the steps of a running model, and reports windows of them.

AttentionMonitor(layers, *, heads=1, max_keys=0, max_batch=1, mean_matrix=False, first_layer=0, watched_layers=[],
                 lanes=1, every_steps=16, stagger_layers=False, budget=0.0, window_steps=256, window_tokens=0,
                 stage="serve", per_head=False, thresholds=None, worsen_windows=1, recover_windows=2,
                 recover_margin=0.05, baseline=None, baseline_windows=0, on_window=None, on_change=None)

should_sample(layer, step) says whether to add that layer's rows; end_step(step) follows each step. When a window ends,
on_window(line) gets a line of JSON for each layer (docs/monitor.md), on_change(change) a VerdictChange for each verdict
that came, went or changed. Both are called by end_step or close_window, on its thread, and may raise. The add calls
are safe from any number of threads; lanes is how many may feed one layer at once. Raises ValueError, TypeError.)";

}  // namespace

void BindMonitor(nb::module_& module) {
  nb::class_<VerdictChange>(module, "VerdictChange", "A verdict that came, went, or changed its severity.")
      .def_prop_ro("from_severity", [](const VerdictChange& change) { return std::string(NameOf(change.from)); })
      .def_prop_ro("to_severity", [](const VerdictChange& change) { return std::string(NameOf(change.to)); })
      .def_ro("window", &VerdictChange::window)
      .def_ro("step", &VerdictChange::step)
      .def_ro("verdict", &VerdictChange::verdict);
  nb::class_<Monitor> bound(module, "AttentionMonitor", kMonitorDoc);
  bound.def("__init__", &Make, nb::arg("layers"), nb::arg("config"));
  BindCalls(&bound);
  bound
      .def(
          "should_sample",
          [](const Monitor& self, const Argument<size_t, "layer">& layer, const Argument<size_t, "step">& step) {
            return self.monitor.ShouldSample(layer, step);
          },
          nb::arg("layer"), nb::arg("step"))
      .def(
          "end_step",
          [](Monitor& self, const Argument<size_t, "step">& step, const Argument<size_t, "tokens">& tokens) {
            RunAndTell(self, [&] { return self.monitor.EndStep(step, tokens); });
          },
          nb::arg("step"), nb::arg("tokens") = 1)
      .def(
          "end_sequence",
          [](Monitor& self, const Argument<size_t, "sequence">& sequence) {
            RunAndTell(self, [&] { return self.monitor.EndSequence(sequence); });
          },
          nb::arg("sequence"))
      .def("close_window", [](Monitor& self) { RunAndTell(self, [&] { return self.monitor.CloseWindow(); }); });
}

}  // namespace attnscope::python

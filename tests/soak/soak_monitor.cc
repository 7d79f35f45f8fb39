// SPDX-License-Identifier: Apache-2.0
//
// `soak_monitor STEPS`: feeds monitors that many decode steps of random requests, and compares every window with an
// oracle: no metric beyond its bound, no drift over the whole run, no lost row, flat memory.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "tests/soak/decoding_engine.h"
#include "tests/soak/flat_memory.h"
#include "tests/soak/window_oracle.h"

namespace attnscope::test {
namespace {

constexpr size_t kMonitors = 20;      // one after another, each with another configuration
constexpr double kDriftBound = 1e-6;  // the contract's, of a layer's mean over 10^8 rows

// What the contract allows for one window. Products are exact here, so that queries and keys have the bounds of logits.
double WindowBound(size_t layer, Metric metric, const MetricValues& exact) {
  const double value = std::abs(exact[metric]);
  switch (metric) {
    case Metric::kLogitMean:
    case Metric::kLogitStd:
    case Metric::kMaxAbsLogit:
    case Metric::kMaxLogit:
    case Metric::kLogSumExp:
      return 1e-6 * value + 1e-7 * exact[Metric::kMaxAbsLogit];
    case Metric::kSaturationRatio:
      return 1e-12;
    case Metric::kMaxRowWeight:
      return (layer == 0 ? 1e-12 : 2e-6) * value;
    default:
      return BoundOf(metric, exact[metric], exact[Metric::kKeys]);
  }
}

class Soak {
 public:
  explicit Soak(size_t steps) : steps_(steps), engine_(7), choice_(11) {}

  Status Run() {
    for (size_t epoch = 0; epoch < kMonitors; ++epoch) {
      NewOracles();
      between_monitors_.Sample(AllocatedKib(), epoch >= kMonitors / 5);
      AttentionMonitor monitor;
      Status status = AttentionMonitor::Create(RandomConfig(), &monitor);
      const size_t end = steps_ * (epoch + 1) / kMonitors;
      for (size_t step = steps_ * epoch / kMonitors; step < end && status.ok(); ++step) {
        const uint64_t tokens = engine_.Step(step, &monitor, &oracles_, &status);
        if (status.ok()) status = monitor.EndStep(step, tokens);
        if (step % 256 == 0) memory_.Sample(epoch >= kMonitors / 5);
      }
      if (status.ok()) status = monitor.CloseWindow();
      if (!status.ok()) return status;
      for (WindowOracle& oracle : oracles_) {
        if (oracle.Take().Has(Metric::kRows)) Complain("rows of a closed monitor were in no record");
      }
    }
    return {};
  }

  bool Report() const {
    const FedRows& fed = engine_.fed();
    std::printf("%zu decode steps, %zu requests, %zu calls, %zu records of windows\n", steps_,
                static_cast<size_t>(engine_.requests()), static_cast<size_t>(fed.calls), records_);
    const uint64_t measured = rows_ - invalid_ - empty_;
    std::printf("rows in: %zu; records: %zu measured + %zu invalid + %zu empty = %zu\n", static_cast<size_t>(fed.rows),
                static_cast<size_t>(measured), static_cast<size_t>(invalid_), static_cast<size_t>(empty_),
                static_cast<size_t>(rows_));
    bool good = complaints_ == 0 && rows_ == fed.rows && invalid_ == fed.invalid && empty_ == fed.empty &&
                samples_ == fed.calls && late_ == 0;
    if (!good) {
      std::printf("LOST: made %zu invalid, %zu empty; %zu complaints\n", static_cast<size_t>(fed.invalid),
                  static_cast<size_t>(fed.empty), complaints_);
    }
    std::printf("worst metric of a window: %.3f of its bound\n", worst_);
    std::printf("whole run, relative difference from the oracle, at most %.0e allowed:\n", kDriftBound);
    for (const MetricInfo& info : AllMetrics()) {
      const Total& total = totals_[static_cast<size_t>(info.metric)];
      if (total.exact == 0.0L) continue;
      const auto drift = static_cast<double>(std::abs(total.actual - total.exact) / std::abs(total.exact));
      good = good && drift <= kDriftBound;
      std::printf("  %-20s %.1e%s\n", std::string(info.name).c_str(), drift, drift <= kDriftBound ? "" : " BEYOND");
    }
    good = memory_.Check() && good;
    return between_monitors_.Check() && good;
  }

 private:
  struct Total {
    long double actual = 0.0L;
    long double exact = 0.0L;
  };

  void NewOracles() {
    oracles_.assign(DecodingEngine::kLayers, WindowOracle(DecodingEngine::kSlots, DecodingEngine::kHeads));
  }

  MonitorConfig RandomConfig() {
    MonitorConfig config;
    config.layers = DecodingEngine::kLayers;
    config.layer = {.heads = DecodingEngine::kHeads,
                    .max_keys = DecodingEngine::kMostKeys,
                    .max_batch = DecodingEngine::kSlots,
                    .tolerance_float32 = WindowOracle::kTolerance,
                    .tolerance_half = WindowOracle::kTolerance};
    config.lanes = 1 + choice_.Below(2);
    config.every_steps = 16 + choice_.Below(49);
    config.stagger_layers = choice_.Below(2) == 0;
    config.budget = choice_.Below(3) == 0 ? 0.5 : 0.0;
    config.window_steps = 16 + choice_.Below(200);
    config.window_tokens = choice_.Below(3) == 0 ? 500 : 0;
    config.per_head = choice_.Below(2) == 0;
    config.opaque = this;
    config.on_window = [](void* soak, std::string_view line) { static_cast<Soak*>(soak)->OnWindow(line); };
    return config;
  }

  void OnWindow(std::string_view line) {
    const nlohmann::json record = nlohmann::json::parse(line);
    const auto layer = record["layer"].get<size_t>();
    const nlohmann::json& metrics = record["metrics"];
    ++records_;
    samples_ += record["samples"].get<uint64_t>();
    late_ += record["late"].get<uint64_t>();
    rows_ += metrics.value("rows", uint64_t{0});  // a window without samples has no metrics
    invalid_ += metrics.value("invalid_rows", uint64_t{0});
    // The engine does not tell rows without a key from rows of zeros; the oracle of each window does.
    empty_ += metrics.value("empty_rows", uint64_t{0}) + metrics.value("masked_rows", uint64_t{0});
    const MetricValues exact = oracles_[layer].Take();
    for (const MetricInfo& info : AllMetrics()) {
      if (info.group == MetricGroup::kLayer || info.metric == Metric::kSinkPosition ||
          info.metric == Metric::kSinkRate) {
        continue;  // the oracle has no order of matrices, nor heads
      }
      const auto found = metrics.find(std::string(info.name));
      const bool is_there = found != metrics.end();
      if (is_there != exact.Has(info.metric)) Complain("presence of " + std::string(info.name));
      if (is_there && exact.Has(info.metric)) Compare(layer, info, found->get<double>(), exact);
    }
  }

  void Compare(size_t layer, const MetricInfo& info, double actual, const MetricValues& exact) {
    const double expected = exact[info.metric];
    const double bound = WindowBound(layer, info.metric, exact);
    const double difference = std::abs(actual - expected);
    if (!(difference <= bound)) {
      Complain(std::string(info.name) + " of layer " + std::to_string(layer) + " is " + std::to_string(actual) +
               ", exactly " + std::to_string(expected));
    }
    if (bound > 0.0) worst_ = std::max(worst_, difference / bound);
    if (info.is_count) return;
    const double rows = exact[Metric::kRows] - exact[Metric::kInvalidRows] - exact[Metric::kEmptyRows];
    Total& total = totals_[static_cast<size_t>(info.metric)];
    total.actual += static_cast<long double>(rows) * static_cast<long double>(actual);
    total.exact += static_cast<long double>(rows) * static_cast<long double>(expected);
  }

  void Complain(const std::string& text) {
    constexpr size_t kShown = 20;
    if (++complaints_ <= kShown) std::printf("record %zu: %s\n", records_, text.c_str());
  }

  size_t steps_;
  DecodingEngine engine_;
  Random choice_;
  std::vector<WindowOracle> oracles_;
  FlatMemory memory_;
  FlatPeak between_monitors_ = {"allocated where a monitor has ended", 16};
  size_t records_ = 0;
  size_t complaints_ = 0;
  uint64_t samples_ = 0;
  uint64_t late_ = 0;
  uint64_t rows_ = 0;
  uint64_t invalid_ = 0;
  uint64_t empty_ = 0;
  double worst_ = 0.0;
  std::vector<Total> totals_ = std::vector<Total>(kNumMetrics);
};

}  // namespace
}  // namespace attnscope::test

int main(int argc, char** argv) {
  const int64_t steps = argc == 2 ? std::atol(argv[1]) : 0;
  if (steps < 1000) {
    std::fprintf(stderr, "usage: soak_monitor STEPS (at least 1000)\n");
    return 2;
  }
  attnscope::test::Soak soak(static_cast<size_t>(steps));
  const attnscope::Status status = soak.Run();
  if (!status.ok()) std::printf("FAILED: %s\n", status.message().c_str());
  return soak.Report() && status.ok() ? 0 : 1;
}

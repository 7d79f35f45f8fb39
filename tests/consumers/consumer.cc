// SPDX-License-Identifier: Apache-2.0
//
// A C++ program outside of attnscope's tree: rows, a report, verdicts and JSON, with nothing but the core.
#include <attnscope/attention_monitor.h>
#include <attnscope/diagnosis.h>
#include <attnscope/layer_accumulator.h>
#include <attnscope/report.h>
#include <attnscope/target.h>
#include <attnscope/thread_runner.h>

#include <cmath>
#include <cstdio>

int main() {
  const float weights[4] = {0.25f, 0.25f, 0.25f, 0.25f};
  attnscope::ThreadRunner pool;
  attnscope::LayerAccumulator layer;
  attnscope::Status status = attnscope::ThreadRunner::Create(2, &pool);
  if (status.ok()) status = attnscope::LayerAccumulator::Create({.heads = 1, .max_keys = 4}, &layer);
  if (status.ok()) {
    status = layer.AddWeights(attnscope::ContiguousAttention(weights, attnscope::ElementType::kFloat32, 1, 1, 1, 4), {},
                              pool.runner());
  }
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  attnscope::Report report;
  report.Layer(0).stats = layer.Stats();
  std::fputs(attnscope::ReportToJson(report).c_str(), stdout);
  for (const attnscope::Verdict& verdict : attnscope::Diagnose(report)) std::puts(verdict.message.c_str());
  attnscope::AttentionMonitor monitor;
  status = attnscope::AttentionMonitor::Create({.layers = 1, .layer = {.heads = 1, .max_keys = 4}}, &monitor);
  const double entropy = report.layers[0].stats.layer[attnscope::Metric::kEntropy];
  std::printf("attnscope %s on %s\n", attnscope::Version().data(), attnscope::ChosenTarget().data());
  return status.ok() && monitor.ShouldSample(0, 0) && std::abs(entropy - std::log(4.0)) < 1e-6 ? 0 : 1;
}

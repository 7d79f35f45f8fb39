// SPDX-License-Identifier: Apache-2.0
//
// A real engine: a transformer on LibTorch (transformer.h), whose queries, keys and residual stream attnscope's monitor
// reads through DLPack, without a copy. It reads a prompt, decodes some tokens, prints the monitor's lines, and writes
// the report and the picture of the whole run.
//
//   attnscope_example_libtorch [--small] FOLDER
//
// The layers have the shape of Llama 3.2 1B's (width 2048, 32 heads of 64 in 8 groups, feed-forward 8192); there are 4
// of its 16, and their weights are random, from a fixed seed. --small makes everything small, for tests.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/dlpack.h"
#include "attnscope/report.h"
#include "attnscope/summary_figure.h"
#include "attnscope/write_file.h"
#include "transformer.h"

namespace {

using attnscope::AttentionMonitor;
using attnscope::Status;

// Feeds one layer's tensors as they are.
Status Feed(AttentionMonitor& monitor, const example::LayerTensors& tensors) {
  attnscope::QueryKeyView view;
  Status status = attnscope::QueriesKeysFromDLPack(*tensors.queries, *tensors.keys, &view);
  const attnscope::Runner threads = {.run = &example::Transformer::Run, .threads = example::Transformer::Threads()};
  if (status.ok()) status = monitor.AddQueriesKeys(tensors.layer, view, {.mask = {.causal = true}}, threads);
  attnscope::ActivationView before;
  attnscope::ActivationView after;
  if (status.ok()) status = attnscope::ActivationFromDLPack(*tensors.before, &before);
  if (status.ok()) status = attnscope::ActivationFromDLPack(*tensors.after, &after);
  return status.ok() ? monitor.AddResidual(tensors.layer, before, after) : status;
}

// The report of everything since the last window closed.
Status MakeReport(const AttentionMonitor& monitor, size_t layers, const attnscope::LayerConfig& config,
                  attnscope::Report* report) {
  report->stage = "serve";
  for (size_t i = 0; i < layers; ++i) {
    attnscope::LayerAccumulator layer;
    Status status = attnscope::LayerAccumulator::Create(config, &layer);
    if (status.ok()) status = monitor.MergeInto(i, &layer);
    if (!status.ok()) return status;
    report->Layer(static_cast<int64_t>(i)).stats = layer.Stats();
  }
  return {};
}

Status Run(const std::string& folder, bool small) {
  example::TransformerShape shape;
  shape.layers = 4;
  if (small) shape = {.layers = 3, .width = 256, .heads = 8, .kv_heads = 2, .head_dim = 32, .feed_forward = 512};
  const size_t prompt = small ? 96 : 512;
  const uint64_t steps = small ? 17 : 65;
  shape.max_tokens = prompt + steps;
  example::Transformer transformer(shape, /*seed=*/1);

  attnscope::MonitorConfig config;
  config.layers = shape.layers;
  config.layer = {.heads = shape.heads, .max_keys = shape.max_tokens};
  config.every_steps = 4;
  config.window_steps = 0;  // one window, for one report
  config.on_window = [](void*, std::string_view line) { std::puts(std::string(line).c_str()); };
  AttentionMonitor monitor;
  Status status = AttentionMonitor::Create(config, &monitor);
  for (uint64_t step = 0; status.ok() && step < steps; ++step) {
    example::Observer observer;
    observer.wants = [&](size_t layer) { return monitor.ShouldSample(layer, step); };
    observer.show = [&](const example::LayerTensors& tensors) {
      if (status.ok()) status = Feed(monitor, tensors);
    };
    const size_t tokens = step == 0 ? prompt : 1;
    transformer.Forward(tokens, observer);
    if (status.ok()) status = monitor.EndStep(step, tokens);
  }
  attnscope::Report report;
  if (status.ok()) status = MakeReport(monitor, shape.layers, config.layer, &report);
  if (status.ok()) status = monitor.CloseWindow();
  const std::string json_path = folder + "/report.json";
  const std::string png_path = folder + "/summary.png";
  if (status.ok()) status = attnscope::WriteFileAtomically(json_path, attnscope::ReportToJson(report));
  attnscope::Image image;
  if (status.ok()) status = attnscope::RenderSummary(report, {}, &image);
  if (status.ok()) status = attnscope::WritePng(image, png_path);
  if (status.ok()) std::printf("wrote %s and %s\n", json_path.c_str(), png_path.c_str());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const bool small = arguments.size() == 2 && arguments[0] == "--small";
  if (arguments.size() != 1 && !small) {
    std::fprintf(stderr, "usage: %s [--small] FOLDER\n", argv[0]);
    return 1;
  }
  const Status status = Run(std::string(arguments.back()), small);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

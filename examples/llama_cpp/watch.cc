// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "attnscope/diagnosis.h"
#include "attnscope/figure.h"

namespace example {

using attnscope::Metric;
using attnscope::Status;
using attnscope::StatusCode;

Watch::~Watch() {
  if (records_ != nullptr) std::fclose(records_);
}

Status Watch::Start(size_t layers, size_t heads, size_t keys, uint64_t every_steps, const std::string& jsonl) {
  if (!jsonl.empty()) {
    records_ = std::fopen(jsonl.c_str(), "w");
    if (records_ == nullptr) return {StatusCode::kIoError, "cannot write " + jsonl};
  }
  layer_config_ = {.heads = heads, .max_keys = keys};
  attnscope::MonitorConfig config = {.layers = layers, .layer = layer_config_};
  config.every_steps = every_steps;
  config.window_steps = 0;  // EndWindow ends them
  config.per_head = true;
  config.opaque = records_;
  if (records_ != nullptr) {
    config.on_window = [](void* file, std::string_view line) {
      std::fprintf(static_cast<std::FILE*>(file), "%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  all_.resize(layers);
  for (attnscope::LayerAccumulator& layer : all_) {
    if (Status status = attnscope::LayerAccumulator::Create(layer_config_, &layer); !status.ok()) return status;
  }
  return attnscope::AttentionMonitor::Create(config, &monitor_);
}

Status Watch::EndWindow(uint64_t step, bool decoding) {
  std::vector<attnscope::LayerAccumulator> window(all_.size());
  for (size_t layer = 0; layer < all_.size(); ++layer) {
    Status status = attnscope::LayerAccumulator::Create(layer_config_, &window[layer]);
    if (status.ok()) status = monitor_.MergeInto(layer, &window[layer]);
    if (status.ok()) status = all_[layer].Merge(window[layer]);
    if (!status.ok()) return status;
  }
  attnscope::Report report = ReportOf(window);
  report.step = static_cast<int64_t>(step);
  if (decoding && !report.layers.empty()) over_time_.push_back(std::move(report));
  return monitor_.CloseWindow();
}

// Layers that were not measured are not in it.
attnscope::Report Watch::ReportOf(const std::vector<attnscope::LayerAccumulator>& layers) const {
  attnscope::Report report;
  report.stage = "serve";
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    attnscope::LayerStats stats = layers[layer].Stats();
    if (stats.layer[Metric::kRows] > 0.0) report.Layer(static_cast<int64_t>(layer)).stats = std::move(stats);
  }
  return report;
}

void Watch::Print() const {
  const attnscope::Report report = ReportOf(all_);
  const attnscope::Diagnosis diagnosis = attnscope::Judge(report);
  constexpr Metric kColumns[] = {
      Metric::kRows,     Metric::kEntropy,        Metric::kEffectiveRank, Metric::kNormalizedEntropy,
      Metric::kTop5,     Metric::kMaxRowWeight,   Metric::kSinkMass,      Metric::kFirstTokenMass,
      Metric::kMaxLogit, Metric::kSaturationRatio};
  std::printf("layer");
  for (const Metric metric : kColumns) {
    std::printf("  %*s", static_cast<int>(std::max<size_t>(8, attnscope::InfoOf(metric).name.size())),
                std::string(attnscope::InfoOf(metric).name).c_str());
  }
  std::printf("  outcome\n");
  for (size_t i = 0; i < report.layers.size(); ++i) {
    std::printf("%5d", static_cast<int>(report.layers[i].layer));
    for (const Metric metric : kColumns) {
      const int width = static_cast<int>(std::max<size_t>(8, attnscope::InfoOf(metric).name.size()));
      if (report.layers[i].stats.layer.Has(metric)) {
        std::printf("  %*.4g", width, report.layers[i].stats.layer[metric]);
      } else {
        std::printf("  %*s", width, "-");
      }
    }
    std::printf("  %s\n", std::string(NameOf(diagnosis.layers[i].outcome)).c_str());
  }
  std::printf("\nThe model's attention is %s.\n", std::string(NameOf(diagnosis.outcome)).c_str());
  for (const attnscope::Verdict& verdict : diagnosis.verdicts) std::printf("  %s\n", verdict.message.c_str());
  for (const std::string& line : attnscope::SummarizeUnjudged(diagnosis))
    std::printf("  not judged: %s\n", line.c_str());
}

Status Watch::Draw(const std::string& folder) const {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return {StatusCode::kIoError, "cannot make the folder " + folder + ": " + error.message()};
  const attnscope::Report report = ReportOf(all_);
  if (report.layers.empty()) return {StatusCode::kNotFound, "nothing was measured, so nothing is drawn"};
  using attnscope::FigureKind;
  Status status = attnscope::WriteFigure(FigureKind::kSummary, {&report, 1}, {}, folder + "/summary.png");
  if (status.ok()) status = attnscope::WriteFigure(FigureKind::kHeads, {&report, 1}, {}, folder + "/heads.png");
  if (status.ok() && !over_time_.empty()) {
    status = attnscope::WriteFigure(FigureKind::kHistory, over_time_, {}, folder + "/history.png");
  }
  return status;
}

}  // namespace example

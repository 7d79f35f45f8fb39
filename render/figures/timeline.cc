// SPDX-License-Identifier: Apache-2.0
#include "render/figures/timeline.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace attnscope::render {
namespace {

// Sorts by one of the reports' numbers; fails if one has none or two have the same.
bool OrderBy(std::span<const Report> reports, std::optional<int64_t> Report::*number, Timeline* out) {
  std::vector<std::pair<int64_t, const Report*>> order;
  for (const Report& report : reports) {
    if (!(report.*number).has_value()) return false;
    order.emplace_back(*(report.*number), &report);
  }
  std::sort(order.begin(), order.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::adjacent_find(order.begin(), order.end(), same) != order.end()) return false;
  for (const auto& [time, report] : order) {
    out->times.push_back(time);
    out->reports.push_back(report);
  }
  return true;
}

}  // namespace

Timeline MakeTimeline(std::span<const Report> reports) {
  Timeline timeline;
  if (OrderBy(reports, &Report::step, &timeline)) {
    timeline.unit = "Step";
  } else if (OrderBy(reports, &Report::epoch, &timeline)) {
    timeline.unit = "Epoch";
  } else {
    timeline.unit = "Report";
    for (const Report& report : reports) {
      timeline.reports.push_back(&report);
      timeline.times.push_back(static_cast<int64_t>(timeline.reports.size()));
    }
  }
  for (const Report& report : reports) {
    for (const LayerReport& layer : report.layers) timeline.layers.push_back(layer.layer);
  }
  std::sort(timeline.layers.begin(), timeline.layers.end());
  timeline.layers.erase(std::unique(timeline.layers.begin(), timeline.layers.end()), timeline.layers.end());
  return timeline;
}

std::vector<Onset> FindOnsets(const Timeline& timeline, const Thresholds& thresholds) {
  using Key = std::pair<int64_t, Pathology>;  // layer, what it suffers from
  std::map<Key, Severity> worst;              // so far
  std::vector<Onset> onsets;
  for (size_t time = 0; time < timeline.reports.size(); ++time) {
    // Worst first, so that a pathology is met once at a time.
    for (const Verdict& verdict : Diagnose(*timeline.reports[time], thresholds)) {
      Severity& before = worst.try_emplace({verdict.layer, verdict.pathology}, Severity::kHealthy).first->second;
      if (before >= verdict.severity) continue;
      before = verdict.severity;
      const auto layer = std::lower_bound(timeline.layers.begin(), timeline.layers.end(), verdict.layer);
      onsets.push_back(
          {time, static_cast<size_t>(layer - timeline.layers.begin()), verdict.pathology, verdict.severity});
    }
  }
  return onsets;
}

}  // namespace attnscope::render

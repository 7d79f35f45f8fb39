// SPDX-License-Identifier: Apache-2.0
#include "render/timeline.h"

#include <algorithm>
#include <map>
#include <numeric>
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
  std::map<Key, Severity> before;
  std::vector<Onset> onsets;
  for (size_t time = 0; time < timeline.reports.size(); ++time) {
    std::map<Key, Severity> now;
    for (const Verdict& verdict : Diagnose(*timeline.reports[time], thresholds)) {
      Severity& severity = now.try_emplace({verdict.layer, verdict.pathology}, Severity::kHealthy).first->second;
      severity = std::max(severity, verdict.severity);
    }
    const size_t first = onsets.size();
    for (const auto& [key, severity] : now) {
      const auto earlier = before.find(key);
      if (earlier != before.end() && earlier->second >= severity) continue;
      const auto layer = std::lower_bound(timeline.layers.begin(), timeline.layers.end(), key.first);
      onsets.push_back({time, static_cast<size_t>(layer - timeline.layers.begin()), key.second, severity});
    }
    std::stable_sort(onsets.begin() + static_cast<ptrdiff_t>(first), onsets.end(), [](const Onset& a, const Onset& b) {
      return std::pair(a.layer, -static_cast<int>(a.severity)) < std::pair(b.layer, -static_cast<int>(b.severity));
    });
    before = std::move(now);
  }
  return onsets;
}

}  // namespace attnscope::render

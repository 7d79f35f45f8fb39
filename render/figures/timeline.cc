// SPDX-License-Identifier: Apache-2.0
#include "render/figures/timeline.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace attnscope::render {
namespace {

using Number = std::optional<int64_t> Report::*;

// The reports by one of their numbers, the last of each.
std::map<int64_t, const Report*> ByNumber(std::span<const Report> reports, Number number) {
  std::map<int64_t, const Report*> by_number;
  size_t untold = 0;  // without the number, or with that of the report before
  std::optional<int64_t> before;
  for (const Report& report : reports) {
    const std::optional<int64_t>& now = report.*number;
    if (!now.has_value() || now == before) ++untold;
    if (!now.has_value()) continue;
    by_number[*now] = &report;
    before = now;
  }
  if (reports.size() > 1 && 2 * untold >= reports.size()) by_number.clear();
  return by_number;
}

std::string Count(size_t count) { return std::to_string(count) + (count == 1 ? " report" : " reports"); }

void AddNotes(std::span<const Report> reports, Number number, const std::string& name, Timeline* timeline) {
  const auto has = [number](const Report& report) { return (report.*number).has_value(); };
  const auto with = static_cast<size_t>(std::count_if(reports.begin(), reports.end(), has));
  if (with < reports.size()) {
    timeline->notes.push_back(Count(reports.size() - with) + " of " + std::to_string(reports.size()) + " without " +
                              name + " left out");
  }
  if (with > timeline->times.size()) {
    timeline->notes.push_back(Count(with - timeline->times.size()) + " of a later report's " + name +
                              " left out, as of a run that was resumed: the last of each " + name + " is shown");
  }
}

}  // namespace

Timeline MakeTimeline(std::span<const Report> reports) {
  Timeline timeline;
  const std::map<int64_t, const Report*> steps = ByNumber(reports, &Report::step);
  const std::map<int64_t, const Report*> epochs = ByNumber(reports, &Report::epoch);
  const bool by_step = steps.size() >= epochs.size();
  for (const auto& [time, report] : by_step ? steps : epochs) {
    timeline.times.push_back(time);
    timeline.reports.push_back(report);
  }
  if (timeline.times.empty()) {
    timeline.unit = "Report";
    for (const Report& report : reports) {
      timeline.reports.push_back(&report);
      timeline.times.push_back(static_cast<int64_t>(timeline.reports.size()));
    }
    if (reports.size() > 1) {
      timeline.notes.emplace_back("neither steps nor epochs tell the reports apart: in the order given");
    }
  } else {
    timeline.unit = by_step ? "Step" : "Epoch";
    const auto has_step = [](const Report& report) { return report.step.has_value(); };
    const auto with_step = std::count_if(reports.begin(), reports.end(), has_step);
    if (!by_step && with_step > 0) {
      timeline.notes.push_back("over epochs, as steps tell fewer reports apart: " + std::to_string(with_step) + " of " +
                               std::to_string(reports.size()) + " have one");
    }
    AddNotes(reports, by_step ? &Report::step : &Report::epoch, by_step ? "step" : "epoch", &timeline);
  }
  for (const Report* report : timeline.reports) {
    for (const LayerReport& layer : report->layers) timeline.layers.push_back(layer.layer);
  }
  std::sort(timeline.layers.begin(), timeline.layers.end());
  timeline.layers.erase(std::unique(timeline.layers.begin(), timeline.layers.end()), timeline.layers.end());
  return timeline;
}

std::vector<Onset> FindOnsets(const Timeline& timeline, const Thresholds& thresholds, const Baseline* baseline) {
  using Key = std::pair<int64_t, Pathology>;  // layer, what it suffers from
  std::map<Key, Severity> worst;              // so far
  std::vector<Onset> onsets;
  for (size_t time = 0; time < timeline.reports.size(); ++time) {
    // Worst first, so that a pathology is met once at a time.
    for (const Verdict& verdict : Diagnose(*timeline.reports[time], thresholds, baseline)) {
      Severity& before = worst.try_emplace({verdict.layer, verdict.pathology}, Severity::kHealthy).first->second;
      if (before >= verdict.severity) continue;
      before = verdict.severity;
      const auto layer = std::lower_bound(timeline.layers.begin(), timeline.layers.end(), verdict.layer);
      onsets.push_back({time, static_cast<size_t>(layer - timeline.layers.begin()), verdict});
    }
  }
  return onsets;
}

}  // namespace attnscope::render

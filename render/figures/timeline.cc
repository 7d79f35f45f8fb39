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
// The reports of one stage, in the order given.
using Given = std::vector<const Report*>;
// The same by one of their numbers, the last of each.
using ByTime = std::map<int64_t, const Report*>;

struct Stage {
  std::string name;
  Given reports;
};

// Those without a name are a stage too: a trainer that names validation alone does not mean it to be training.
std::vector<Stage> StagesOf(std::span<const Report> reports) {
  std::vector<Stage> stages;
  for (const Report& report : reports) {
    const auto same = [&](const Stage& stage) { return stage.name == report.stage; };
    auto stage = std::find_if(stages.begin(), stages.end(), same);
    if (stage == stages.end()) stage = stages.insert(stages.end(), {report.stage, {}});
    stage->reports.push_back(&report);
  }
  if (stages.size() > 1) return stages;
  Stage all;
  for (const Report& report : reports) all.reports.push_back(&report);
  return {all};
}

ByTime ByNumber(const Given& reports, Number number) {
  ByTime by_number;
  size_t untold = 0;  // without the number, or with that of the report before
  std::optional<int64_t> before;
  for (const Report* report : reports) {
    const std::optional<int64_t>& now = report->*number;
    if (!now.has_value() || now == before) ++untold;
    if (!now.has_value()) continue;
    by_number[*now] = report;
    before = now;
  }
  if (reports.size() > 1 && 2 * untold >= reports.size()) by_number.clear();
  return by_number;
}

std::vector<ByTime> OfEach(const std::vector<Stage>& stages, Number number) {
  std::vector<ByTime> all;
  all.reserve(stages.size());
  for (const Stage& stage : stages) all.push_back(ByNumber(stage.reports, number));
  return all;
}

std::vector<ByTime> InOrder(const std::vector<Stage>& stages) {
  std::vector<ByTime> all(stages.size());
  for (size_t s = 0; s < stages.size(); ++s) {
    for (const Report* report : stages[s].reports) all[s].emplace(static_cast<int64_t>(all[s].size()) + 1, report);
  }
  return all;
}

size_t CountOf(const std::vector<ByTime>& all) {
  size_t count = 0;
  for (const ByTime& by_time : all) count += by_time.size();
  return count;
}

std::string Count(size_t count) { return std::to_string(count) + (count == 1 ? " report" : " reports"); }

// What is not shown of one stage.
void AddNotes(const Stage& stage, size_t shown, Number number, const std::string& name, Timeline* timeline) {
  const auto has = [number](const Report* report) { return (report->*number).has_value(); };
  const auto with = static_cast<size_t>(std::count_if(stage.reports.begin(), stage.reports.end(), has));
  const std::string begin = stage.name.empty() ? "" : stage.name + ": ";
  if (with < stage.reports.size()) {
    timeline->notes.push_back(begin + Count(stage.reports.size() - with) + " of " +
                              std::to_string(stage.reports.size()) + " without " + name + " left out");
  }
  if (with > shown) {
    timeline->notes.push_back(begin + Count(with - shown) + " of a later report's " + name +
                              " left out, as of a run that was resumed: the last of each " + name + " is shown");
  }
}

void AddRuns(const std::vector<Stage>& stages, const std::vector<ByTime>& all, Timeline* timeline) {
  for (const ByTime& by_time : all) {
    for (const auto& [time, report] : by_time) {
      timeline->times.push_back(time);
      for (const LayerReport& layer : report->layers) timeline->layers.push_back(layer.layer);
    }
  }
  for (std::vector<int64_t>* numbers : {&timeline->times, &timeline->layers}) {
    std::sort(numbers->begin(), numbers->end());
    numbers->erase(std::unique(numbers->begin(), numbers->end()), numbers->end());
  }
  for (size_t s = 0; s < all.size(); ++s) {
    StageRun& run = timeline->runs.emplace_back(StageRun{.stage = stages[s].name});
    for (const auto& [time, report] : all[s]) {
      const auto at = std::lower_bound(timeline->times.begin(), timeline->times.end(), time);
      run.at.push_back(static_cast<size_t>(at - timeline->times.begin()));
      run.reports.push_back(report);
    }
  }
}

}  // namespace

size_t CountStages(std::span<const Report> reports) { return StagesOf(reports).size(); }

Timeline MakeTimeline(std::span<const Report> reports) {
  Timeline timeline;
  const std::vector<Stage> stages = StagesOf(reports);
  const std::vector<ByTime> steps = OfEach(stages, &Report::step);
  const std::vector<ByTime> epochs = OfEach(stages, &Report::epoch);
  const bool by_step = CountOf(steps) >= CountOf(epochs);
  const std::vector<ByTime>& by_number = by_step ? steps : epochs;
  if (CountOf(by_number) == 0) {
    timeline.unit = "Report";
    AddRuns(stages, InOrder(stages), &timeline);
    if (reports.size() > 1) {
      timeline.notes.emplace_back("neither steps nor epochs tell the reports apart: in the order given");
    }
    return timeline;
  }
  timeline.unit = by_step ? "Step" : "Epoch";
  AddRuns(stages, by_number, &timeline);
  const auto has_step = [](const Report& report) { return report.step.has_value(); };
  const auto with_step = std::count_if(reports.begin(), reports.end(), has_step);
  if (!by_step && with_step > 0) {
    timeline.notes.push_back("over epochs, as steps tell fewer reports apart: " + std::to_string(with_step) + " of " +
                             std::to_string(reports.size()) + " have one");
  }
  for (size_t s = 0; s < stages.size(); ++s) {
    AddNotes(stages[s], by_number[s].size(), by_step ? &Report::step : &Report::epoch, by_step ? "step" : "epoch",
             &timeline);
  }
  return timeline;
}

std::vector<Onset> FindOnsets(const Timeline& timeline, const StageRun& run, const Thresholds& thresholds,
                              const Baseline* baseline) {
  using Key = std::pair<int64_t, Pathology>;  // layer, what it suffers from
  std::map<Key, Severity> worst;              // so far
  std::vector<Onset> onsets;
  for (size_t i = 0; i < run.reports.size(); ++i) {
    // Worst first, so that a pathology is met once at a time.
    for (const Verdict& verdict : Diagnose(*run.reports[i], thresholds, baseline)) {
      Severity& before = worst.try_emplace({verdict.layer, verdict.pathology}, Severity::kHealthy).first->second;
      if (before >= verdict.severity) continue;
      before = verdict.severity;
      const auto layer = std::lower_bound(timeline.layers.begin(), timeline.layers.end(), verdict.layer);
      onsets.push_back({i, static_cast<size_t>(layer - timeline.layers.begin()), verdict});
    }
  }
  return onsets;
}

}  // namespace attnscope::render

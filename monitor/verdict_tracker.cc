// SPDX-License-Identifier: Apache-2.0
#include "monitor/verdict_tracker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "report/tightened.h"

namespace attnscope {
namespace {

// Of a place, -1 for the layer as a whole, and a pathology.
size_t IndexOf(int64_t head, Pathology pathology) {
  return static_cast<size_t>(head + 1) * kNumPathologies + static_cast<size_t>(pathology);
}

// By index; null where there is no verdict.
std::vector<const Verdict*> Indexed(const std::vector<Verdict>& verdicts, size_t count) {
  std::vector<const Verdict*> table(count);
  for (const Verdict& verdict : verdicts) table[IndexOf(verdict.head, verdict.pathology)] = &verdict;
  return table;
}

Severity SeverityOf(const Verdict* verdict) { return verdict == nullptr ? Severity::kHealthy : verdict->severity; }

std::string Beginning(const Verdict& verdict) {
  std::string text = std::string(NameOf(verdict.severity)) + ": " + std::string(NameOf(verdict.pathology));
  text += " in layer " + std::to_string(verdict.layer);
  if (verdict.head >= 0) text += ", head " + std::to_string(verdict.head);
  return text;
}

// Where no verdict of this severity is at hand: it has ended, or it took several windows that differed.
std::string PlainMessage(const Verdict& verdict) {
  return Beginning(verdict) + (verdict.severity == Severity::kHealthy ? " has ended" : "");
}

}  // namespace

VerdictTracker::VerdictTracker(const MonitorConfig& config, int64_t layer)
    : worsen_windows_(config.worsen_windows),
      recover_windows_(config.recover_windows),
      recovery_(internal::Tightened(config.thresholds, config.recover_margin)) {
  const size_t heads = config.layer.mean_matrix ? 1 : config.layer.heads;
  tracks_.resize((heads + 1) * kNumPathologies);
  for (size_t i = 0; i < tracks_.size(); ++i) {
    Verdict& verdict = tracks_[i].reported;
    verdict.severity = Severity::kHealthy;
    verdict.pathology = static_cast<Pathology>(i % kNumPathologies);
    verdict.layer = layer;
    verdict.head = static_cast<int64_t>(i / kNumPathologies) - 1;
  }
}

bool VerdictTracker::Step(Track& track, const Verdict* entered, const Verdict* left, VerdictChange* change) const {
  const Severity reported = track.reported.severity;
  const bool rises = SeverityOf(entered) > reported;
  const bool falls = !rises && SeverityOf(left) < reported;
  // What all windows of a run agree on: the least severe of a rise, the most severe of a fall.
  const Severity now = rises ? SeverityOf(entered) : SeverityOf(left);
  const bool first = rises ? track.rising == 0 : track.falling == 0;
  if (first) {
    track.pending = now;
  } else {
    track.pending = rises ? std::min(track.pending, now) : std::max(track.pending, now);
  }
  track.rising = rises ? track.rising + 1 : 0;
  track.falling = falls ? track.falling + 1 : 0;
  if (track.rising < worsen_windows_ && track.falling < recover_windows_) return false;

  track.rising = track.falling = 0;
  change->from = reported;
  change->to = track.pending;
  const Verdict* const found = SeverityOf(entered) == track.pending ? entered : left;
  Verdict& verdict = track.reported;
  if (found != nullptr) verdict = *found;
  if (SeverityOf(found) != track.pending || found == nullptr) {
    verdict.severity = track.pending;
    verdict.message = PlainMessage(verdict);
  }
  change->verdict = verdict;
  return true;
}

void VerdictTracker::Update(const Report& report, const Diagnosis& diagnosis, const Baseline* baseline,
                            std::vector<VerdictChange>* changes) {
  const Diagnosis recovering = Judge(report, recovery_, baseline);
  const std::vector<const Verdict*> entered = Indexed(diagnosis.verdicts, tracks_.size());
  const std::vector<const Verdict*> left = Indexed(recovering.verdicts, tracks_.size());
  const std::vector<const Verdict*> usual = Indexed(diagnosis.as_in_baseline, tracks_.size());
  std::vector<bool> is_judged(tracks_.size(), true);
  for (const Unjudged& unjudged : diagnosis.unjudged) is_judged[IndexOf(unjudged.head, unjudged.pathology)] = false;
  const size_t places = report.layers.front().stats.heads.size() + 1;
  for (size_t i = 0; i < places * kNumPathologies; ++i) {
    if (!is_judged[i]) continue;
    // The stricter bounds may also have found less to judge by.
    const Verdict* const worse = SeverityOf(left[i]) < SeverityOf(entered[i]) ? entered[i] : left[i];
    VerdictChange change;
    if (!Step(tracks_[i], entered[i], worse, &change)) continue;
    if (change.to == Severity::kHealthy && usual[i] != nullptr) {
      change.verdict.message = Beginning(change.verdict) + " is as in its baseline";
    }
    changes->push_back(std::move(change));
  }
}

}  // namespace attnscope

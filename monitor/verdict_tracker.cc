// SPDX-License-Identifier: Apache-2.0
#include "monitor/verdict_tracker.h"

#include <algorithm>
#include <string>
#include <utility>

namespace attnscope {
namespace {

// A window that did not measure what a pathology is told by says nothing about it.
bool IsMeasured(Pathology pathology, const MetricValues& values) {
  switch (pathology) {
    case Pathology::kVanishingLayer:
    case Pathology::kExplodingUpdate:
      return values.Has(Metric::kResidualRatio);
    case Pathology::kSaturatedSoftmax:
      return values.Has(Metric::kSaturationRatio);
    case Pathology::kBadNumbers:
      return values.Has(Metric::kRows) || values.Has(Metric::kInfiniteResiduals);
    default:
      return values.Has(Metric::kEntropy);
  }
}

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

// Where no verdict of this severity is at hand: it has ended, or it took several windows that differed.
std::string PlainMessage(const Verdict& verdict) {
  std::string text = std::string(NameOf(verdict.severity)) + ": " + std::string(NameOf(verdict.pathology));
  text += " in layer " + std::to_string(verdict.layer);
  if (verdict.head >= 0) text += ", head " + std::to_string(verdict.head);
  return verdict.severity == Severity::kHealthy ? text + " has ended" : text;
}

}  // namespace

Thresholds RecoveryThresholds(const Thresholds& thresholds, double margin) {
  static_assert(sizeof(Thresholds) == 18 * sizeof(double), "a bound is missing below");
  Thresholds recovery = thresholds;
  for (double Thresholds::*const above :
       {&Thresholds::one_hot_max_row_weight_warning, &Thresholds::one_hot_max_row_weight_critical,
        &Thresholds::sink_mass_warning, &Thresholds::sink_mass_critical,
        &Thresholds::uniform_normalized_entropy_warning, &Thresholds::uniform_normalized_entropy_critical,
        &Thresholds::exploding_residual_ratio_warning, &Thresholds::exploding_residual_ratio_critical,
        &Thresholds::saturation_ratio_warning, &Thresholds::saturation_ratio_critical,
        &Thresholds::invalid_row_share_critical}) {
    recovery.*above *= 1.0 - margin;
  }
  for (double Thresholds::*const below :
       {&Thresholds::one_hot_effective_rank_warning, &Thresholds::one_hot_normalized_entropy_critical,
        &Thresholds::sink_col_entropy_share_critical, &Thresholds::uniform_top5_factor_critical,
        &Thresholds::vanishing_residual_ratio_warning, &Thresholds::vanishing_residual_ratio_critical}) {
    recovery.*below *= 1.0 + margin;
  }
  return recovery;
}

VerdictTracker::VerdictTracker(const MonitorConfig& config, int64_t layer)
    : worsen_windows_(config.worsen_windows),
      recover_windows_(config.recover_windows),
      recovery_(RecoveryThresholds(config.thresholds, config.recover_margin)) {
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

void VerdictTracker::Update(const Report& report, const std::vector<Verdict>& verdicts,
                            std::vector<VerdictChange>* changes) {
  const std::vector<Verdict> recovering = Diagnose(report, recovery_);
  const std::vector<const Verdict*> entered = Indexed(verdicts, tracks_.size());
  const std::vector<const Verdict*> left = Indexed(recovering, tracks_.size());
  const LayerStats& stats = report.layers.front().stats;
  for (size_t i = 0; i < (stats.heads.size() + 1) * kNumPathologies; ++i) {
    const Verdict& reported = tracks_[i].reported;
    const MetricValues& values = reported.head < 0 ? stats.layer : stats.heads[static_cast<size_t>(reported.head)];
    if (!IsMeasured(reported.pathology, values)) continue;
    VerdictChange change;
    if (Step(tracks_[i], entered[i], left[i], &change)) changes->push_back(std::move(change));
  }
}

}  // namespace attnscope

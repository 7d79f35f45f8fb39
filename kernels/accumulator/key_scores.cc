// SPDX-License-Identifier: Apache-2.0
#include "attnscope/key_scores.h"

#include <algorithm>
#include <new>
#include <string>

#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/score_checks.h"
#include "kernels/accumulator/score_feeder.h"
#include "kernels/key_scores/choose_keys.h"
#include "kernels/key_scores/score_storage.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/simd/target_choice.h"

namespace attnscope {
namespace {

Status NotCreated() {
  return {StatusCode::kInvalidArgument, "the key scores are empty: they were not made by KeyScores::Create"};
}

Status NoScratch(const Runner& runner) {
  return {StatusCode::kOutOfMemory, "no memory for a runner of " + std::to_string(runner.threads) + " threads"};
}

template <class View>
bool HasNoRows(const View& view) {
  return view.batch == 0 || view.heads == 0 || view.queries == 0;
}

// Checks all groups that `group` names before it changes the first.
template <class Check, class Change>
Status ChangeGroups(const ScoreStorage& storage, size_t sequence, size_t group, const Check& check,
                    const Change& change) {
  if (Status status = CheckGroup(storage, sequence, group, /*all_groups=*/true); !status.ok()) return status;
  const size_t first = group == kAllGroups ? 0 : group;
  const size_t end = group == kAllGroups ? storage.config().groups : group + 1;
  for (size_t i = first; i < end; ++i) {
    if (Status status = check(i); !status.ok()) return status;
  }
  for (size_t i = first; i < end; ++i) change(i);
  return {};
}

// Sets scores[j] of each of a group's keys to the sum of the scores of heads [first, end) of it.
void SumHeads(const ScoreStorage& storage, size_t sequence, size_t first, size_t end, double* scores) {
  std::fill_n(scores, storage.Keys(sequence, first / storage.heads_per_group()), 0.0);
  for (size_t head = first; head < end; ++head) storage.AddScoresTo(sequence, head, scores);
}

void SumGroup(const ScoreStorage& storage, size_t sequence, size_t group, double* scores) {
  SumHeads(storage, sequence, group * storage.heads_per_group(), (group + 1) * storage.heads_per_group(), scores);
}

}  // namespace

class ATTNSCOPE_NO_EXPORT KeyScores::State {
 public:
  explicit State(const KeyScoresConfig& config) : storage(config) {}

  ScoreStorage storage;
  ScoreFeeder feeder{storage};
};

KeyScores::KeyScores() = default;
KeyScores::KeyScores(KeyScores&&) noexcept = default;
KeyScores& KeyScores::operator=(KeyScores&&) noexcept = default;
KeyScores::~KeyScores() = default;

Status KeyScores::Create(const KeyScoresConfig& config, KeyScores* out) {
  if (Status status = ForceTargetFromEnvironment(); !status.ok()) return status;
  KeyScoresConfig resolved = config;
  if (resolved.groups == 0) resolved.groups = resolved.heads;
  if (Status status = CheckConfig(resolved); !status.ok()) return status;
  std::shared_ptr<State> state;
  try {
    state = std::make_shared<State>(resolved);
  } catch (const std::bad_alloc&) {
  }
  if (state == nullptr || !state->storage.Allocate()) {
    return {StatusCode::kOutOfMemory, "no memory for the scores of " + std::to_string(config.heads) + " heads x " +
                                          std::to_string(config.max_batch) + " sequences x " +
                                          std::to_string(config.max_keys) + " keys, window " +
                                          std::to_string(config.window)};
  }
  out->state_ = std::move(state);
  return {};
}

Status KeyScores::AddWeights(const AttentionView& weights, const Visibility& visibility, const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckScoredWeights(state_->storage, weights, visibility); !status.ok()) return status;
  if (HasNoRows(weights)) return {};
  if (!state_->feeder.AllocateForWeights(runner, visibility)) return NoScratch(runner);
  RaiseKeys(CallMatrices(weights), visibility, &state_->storage);
  if (weights.keys != 0) state_->feeder.AddWeights(weights, visibility, runner);
  return {};
}

Status KeyScores::AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckScoredLogits(state_->storage, logits, params); !status.ok()) return status;
  if (HasNoRows(logits)) return {};
  if (!state_->feeder.AllocateForLogits(runner)) return NoScratch(runner);
  RaiseKeys(CallMatrices(logits), params.mask, &state_->storage);
  if (logits.keys != 0) state_->feeder.AddLogits(LogitViewSource(logits, params), runner);
  return {};
}

Status KeyScores::AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckScoredQueriesKeys(state_->storage, view, params); !status.ok()) return status;
  if (HasNoRows(view)) return {};
  if (!state_->feeder.AllocateForLogits(runner)) return NoScratch(runner);
  RaiseKeys(CallMatrices(view), params.mask, &state_->storage);
  if (view.keys != 0) state_->feeder.AddLogits(QueryKeySource(view, params), runner);
  return {};
}

size_t KeyScores::ScratchBytes(const Runner& runner) const {
  return state_ == nullptr ? 0 : state_->feeder.ScratchBytes(runner);
}

Status KeyScores::Reserve(const Runner& runner) {
  if (state_ == nullptr) return NotCreated();
  return state_->feeder.AllocateForLogits(runner) ? Status() : NoScratch(runner);
}

size_t KeyScores::Keys(size_t sequence, size_t group) const {
  if (state_ == nullptr || !CheckGroup(state_->storage, sequence, group, /*all_groups=*/false).ok()) return 0;
  return state_->storage.Keys(sequence, group);
}

size_t KeyScores::Rows(size_t sequence, size_t head) const {
  if (state_ == nullptr || !CheckHead(state_->storage, sequence, head).ok()) return 0;
  return state_->storage.Rows(sequence, head);
}

Status KeyScores::Scores(size_t sequence, size_t group, std::span<double> scores) const {
  if (state_ == nullptr) return NotCreated();
  const ScoreStorage& storage = state_->storage;
  if (Status status = CheckGroup(storage, sequence, group, /*all_groups=*/false); !status.ok()) return status;
  if (Status status = CheckRoom("scores", scores.size(), storage.Keys(sequence, group)); !status.ok()) return status;
  SumGroup(storage, sequence, group, scores.data());
  return {};
}

Status KeyScores::HeadScores(size_t sequence, size_t head, std::span<double> scores) const {
  if (state_ == nullptr) return NotCreated();
  const ScoreStorage& storage = state_->storage;
  if (Status status = CheckHead(storage, sequence, head); !status.ok()) return status;
  const size_t keys = storage.Keys(sequence, head / storage.heads_per_group());
  if (Status status = CheckRoom("scores", scores.size(), keys); !status.ok()) return status;
  SumHeads(storage, sequence, head, head + 1, scores.data());
  return {};
}

Status KeyScores::TopKeys(size_t sequence, size_t group, const KeyChoice& choice, std::span<size_t> keys,
                          size_t* count) const {
  if (state_ == nullptr) return NotCreated();
  const ScoreStorage& storage = state_->storage;
  if (Status status = CheckGroup(storage, sequence, group, /*all_groups=*/false); !status.ok()) return status;
  const size_t all = storage.Keys(sequence, group);
  const size_t chosen = NumChosen(all, choice);
  if (Status status = CheckRoom("keys", keys.size(), chosen); !status.ok()) return status;
  const AlignedBuffer<double> scores = AllocateUnsetBuffer<double>(2 * all);
  if (scores == nullptr) {
    return {StatusCode::kOutOfMemory, "no memory for the scores of " + std::to_string(all) + " keys"};
  }
  SumGroup(storage, sequence, group, scores.get());
  ChooseKeys({scores.get(), all}, choice, scores.get() + all, keys.data());
  *count = chosen;
  return {};
}

Status KeyScores::Keep(size_t sequence, size_t group, std::span<const size_t> keys) {
  if (state_ == nullptr) return NotCreated();
  ScoreStorage& storage = state_->storage;
  return ChangeGroups(
      storage, sequence, group, [&](size_t i) { return CheckKeyList(storage, sequence, i, keys); },
      [&](size_t i) { storage.Keep(sequence, i, keys); });
}

Status KeyScores::Remove(size_t sequence, size_t group, std::span<const size_t> keys) {
  if (state_ == nullptr) return NotCreated();
  ScoreStorage& storage = state_->storage;
  return ChangeGroups(
      storage, sequence, group, [&](size_t i) { return CheckKeyList(storage, sequence, i, keys); },
      [&](size_t i) { storage.Remove(sequence, i, keys); });
}

Status KeyScores::Clear(size_t sequence, size_t group, std::span<const size_t> keys) {
  if (state_ == nullptr) return NotCreated();
  ScoreStorage& storage = state_->storage;
  return ChangeGroups(
      storage, sequence, group, [&](size_t i) { return CheckKeyList(storage, sequence, i, keys); },
      [&](size_t i) { storage.Clear(sequence, i, keys); });
}

Status KeyScores::Shift(size_t sequence, size_t group, size_t begin, size_t end, int64_t delta) {
  if (state_ == nullptr) return NotCreated();
  ScoreStorage& storage = state_->storage;
  return ChangeGroups(
      storage, sequence, group, [&](size_t i) { return CheckShift(storage, sequence, i, begin, end, delta); },
      [&](size_t i) { storage.Shift(sequence, i, begin, end, delta); });
}

Status KeyScores::EndSequence(size_t sequence) {
  if (state_ == nullptr) return NotCreated();
  if (Status status = CheckSequence(state_->storage, sequence); !status.ok()) return status;
  state_->storage.EndSequence(sequence);
  return {};
}

void KeyScores::Reset() {
  if (state_ == nullptr) return;
  for (size_t i = 0; i < state_->storage.config().max_batch; ++i) state_->storage.EndSequence(i);
}

KeyScoresConfig KeyScores::config() const { return state_ == nullptr ? KeyScoresConfig() : state_->storage.config(); }

std::shared_ptr<ScoreStorage> KeyScores::storage() const {
  return state_ == nullptr ? nullptr : std::shared_ptr<ScoreStorage>(state_, &state_->storage);
}

}  // namespace attnscope

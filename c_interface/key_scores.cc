// SPDX-License-Identifier: Apache-2.0
#include "attnscope/key_scores.h"

#include <memory>
#include <span>

#include "c_interface/fields.h"
#include "c_interface/handles.h"
#include "c_interface/structs.h"

namespace attnscope::c_interface {
namespace {

static_assert(kAllGroups == ATTNSCOPE_ALL_GROUPS);

AttnscopeKeyScoresConfig ToC(const KeyScoresConfig& config) {
  AttnscopeKeyScoresConfig out = {};
  out.struct_size = sizeof(out);
  out.heads = config.heads;
  out.groups = config.groups;
  out.max_keys = config.max_keys;
  out.max_batch = config.max_batch;
  out.window = config.window;
  out.decay = config.decay;
  return out;
}

Status Read(const char* name, const AttnscopeKeyScoresConfig* in, KeyScoresConfig* out) {
  AttnscopeKeyScoresConfig config = ToC(*out);
  if (Status status = ReadStruct(name, in, &config); !status.ok()) return status;
  out->heads = config.heads;
  out->groups = config.groups;
  out->max_keys = config.max_keys;
  out->max_batch = config.max_batch;
  out->window = config.window;
  out->decay = config.decay;
  return CheckReserved(name, config.reserved);
}

Status Read(const char* name, const AttnscopeKeyChoice* in, KeyChoice* out) {
  AttnscopeKeyChoice choice = {};
  if (Status status = ReadStruct(name, in, &choice); !status.ok()) return status;
  out->heavy = choice.heavy;
  out->first = choice.first;
  out->recent = choice.recent;
  return CheckReserved(name, choice.reserved);
}

// Runs `work` on the scores of a handle, which may be const.
template <typename Handle, typename Work>
AttnscopeStatus With(Handle* handle, const Work& work) {
  return Guarded([&] { return handle == nullptr ? NullArgument("scores") : work(handle->scores); });
}

// An array of the caller's: null only if it is empty.
template <typename T, typename Work>
Status WithArray(const char* name, T* values, size_t count, const Work& work) {
  return values == nullptr && count != 0 ? NullArgument(name) : work(std::span<T>(values, count));
}

}  // namespace
}  // namespace attnscope::c_interface

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeKeyScoresConfigDefaults(AttnscopeKeyScoresConfig* config) {
  return Guarded([&] { return WriteStruct("config", ToC(KeyScoresConfig()), config); });
}

AttnscopeStatus AttnscopeKeyScoresCreate(const AttnscopeKeyScoresConfig* config, AttnscopeKeyScores** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    KeyScoresConfig read;
    if (Status status = Read("config", config, &read); !status.ok()) return status;
    auto handle = std::make_unique<AttnscopeKeyScores>();
    if (Status status = KeyScores::Create(read, &handle->scores); !status.ok()) return status;
    *out = handle.release();
    return {};
  });
}

void AttnscopeKeyScoresDestroy(AttnscopeKeyScores* scores) { delete scores; }

AttnscopeStatus AttnscopeKeyScoresConfigOf(const AttnscopeKeyScores* scores, AttnscopeKeyScoresConfig* out) {
  return With(scores, [&](const KeyScores& from) { return WriteStruct("out", ToC(from.config()), out); });
}

AttnscopeStatus AttnscopeKeyScoresAddWeights(AttnscopeKeyScores* scores, const AttnscopeAttentionView* weights,
                                             const AttnscopeMask* mask, const AttnscopeRunner* runner) {
  return With(scores, [&](KeyScores& to) -> Status {
    const CallOf<AttentionView, Mask> call("weights", weights, mask, runner);
    return call.ok() ? to.AddWeights(call.view, call.params, call.runner) : call.status;
  });
}

AttnscopeStatus AttnscopeKeyScoresAddLogits(AttnscopeKeyScores* scores, const AttnscopeAttentionView* logits,
                                            const AttnscopeSoftmaxParams* params, const AttnscopeRunner* runner) {
  return With(scores, [&](KeyScores& to) -> Status {
    const CallOf<AttentionView, SoftmaxParams> call("logits", logits, params, runner);
    return call.ok() ? to.AddLogits(call.view, call.params, call.runner) : call.status;
  });
}

AttnscopeStatus AttnscopeKeyScoresAddQueriesKeys(AttnscopeKeyScores* scores, const AttnscopeQueryKeyView* view,
                                                 const AttnscopeSoftmaxParams* params, const AttnscopeRunner* runner) {
  return With(scores, [&](KeyScores& to) -> Status {
    const CallOf<QueryKeyView, SoftmaxParams> call("view", view, params, runner);
    return call.ok() ? to.AddQueriesKeys(call.view, call.params, call.runner) : call.status;
  });
}

AttnscopeStatus AttnscopeKeyScoresScratchBytes(const AttnscopeKeyScores* scores, const AttnscopeRunner* runner,
                                               uint64_t* bytes) {
  return With(scores, [&](const KeyScores& from) -> Status {
    if (bytes == nullptr) return NullArgument("bytes");
    Runner read;
    if (Status status = Read("runner", runner, &read); !status.ok()) return status;
    *bytes = from.ScratchBytes(read);
    return {};
  });
}

AttnscopeStatus AttnscopeKeyScoresReserve(AttnscopeKeyScores* scores, const AttnscopeRunner* runner) {
  return With(scores, [&](KeyScores& to) -> Status {
    Runner read;
    Status status = Read("runner", runner, &read);
    return status.ok() ? to.Reserve(read) : status;
  });
}

uint64_t AttnscopeKeyScoresKeys(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group) {
  return scores == nullptr ? 0 : scores->scores.Keys(sequence, group);
}

uint64_t AttnscopeKeyScoresRows(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t head) {
  return scores == nullptr ? 0 : scores->scores.Rows(sequence, head);
}

AttnscopeStatus AttnscopeKeyScoresScores(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                         double* out, size_t room) {
  return With(scores, [&](const KeyScores& from) {
    return WithArray("out", out, room, [&](auto values) { return from.Scores(sequence, group, values); });
  });
}

AttnscopeStatus AttnscopeKeyScoresHeadScores(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t head,
                                             double* out, size_t room) {
  return With(scores, [&](const KeyScores& from) {
    return WithArray("out", out, room, [&](auto values) { return from.HeadScores(sequence, head, values); });
  });
}

AttnscopeStatus AttnscopeKeyScoresTopKeys(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                          const AttnscopeKeyChoice* choice, size_t* keys, size_t room, size_t* count) {
  return With(scores, [&](const KeyScores& from) -> Status {
    KeyChoice read;
    if (Status status = Read("choice", choice, &read); !status.ok()) return status;
    if (count == nullptr) return NullArgument("count");
    return WithArray("keys", keys, room,
                     [&](auto values) { return from.TopKeys(sequence, group, read, values, count); });
  });
}

AttnscopeStatus AttnscopeKeyScoresKeep(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                       const size_t* keys, size_t count) {
  return With(scores, [&](KeyScores& to) {
    return WithArray("keys", keys, count, [&](auto values) { return to.Keep(sequence, group, values); });
  });
}

AttnscopeStatus AttnscopeKeyScoresRemove(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                         const size_t* keys, size_t count) {
  return With(scores, [&](KeyScores& to) {
    return WithArray("keys", keys, count, [&](auto values) { return to.Remove(sequence, group, values); });
  });
}

AttnscopeStatus AttnscopeKeyScoresClear(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                        const size_t* keys, size_t count) {
  return With(scores, [&](KeyScores& to) {
    return WithArray("keys", keys, count, [&](auto values) { return to.Clear(sequence, group, values); });
  });
}

AttnscopeStatus AttnscopeKeyScoresShift(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group, uint64_t begin,
                                        uint64_t end, int64_t delta) {
  return With(scores, [&](KeyScores& to) { return to.Shift(sequence, group, begin, end, delta); });
}

AttnscopeStatus AttnscopeKeyScoresEndSequence(AttnscopeKeyScores* scores, uint64_t sequence) {
  return With(scores, [&](KeyScores& to) { return to.EndSequence(sequence); });
}

AttnscopeStatus AttnscopeKeyScoresReset(AttnscopeKeyScores* scores) {
  return With(scores, [](KeyScores& to) -> Status {
    to.Reset();
    return {};
  });
}

AttnscopeStatus AttnscopeAccumulatorAttach(AttnscopeAccumulator* accumulator, AttnscopeKeyScores* scores) {
  return With(scores, [&](KeyScores& attached) {
    return accumulator == nullptr ? NullArgument("accumulator") : accumulator->accumulator.Attach(attached);
  });
}

AttnscopeStatus AttnscopeAccumulatorDetach(AttnscopeAccumulator* accumulator) {
  return Guarded([&]() -> Status {
    if (accumulator == nullptr) return NullArgument("accumulator");
    accumulator->accumulator.Detach();
    return {};
  });
}

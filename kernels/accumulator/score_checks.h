// SPDX-License-Identifier: Apache-2.0
//
// Validation of what a caller hands to the scores of a cache's keys. Each check returns ok or an error that names the
// argument and its value.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_SCORE_CHECKS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_SCORE_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "attnscope/attention_view.h"
#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/query_key_view.h"
#include "attnscope/softmax_params.h"
#include "attnscope/status.h"
#include "kernels/accumulator/visibility_checks.h"
#include "kernels/key_scores/score_storage.h"

namespace attnscope {

Status CheckConfig(const KeyScoresConfig& config);
// Whether rows of such a layer are rows of such scores.
Status CheckAttachable(const LayerConfig& layer, const KeyScoresConfig& scores);

// The views of a call.
Status CheckScoredWeights(const ScoreStorage& scores, const AttentionView& view, const Visibility& visibility);
Status CheckScoredLogits(const ScoreStorage& scores, const AttentionView& view, const SoftmaxParams& params);
Status CheckScoredQueriesKeys(const ScoreStorage& scores, const QueryKeyView& view, const SoftmaxParams& params);

// Whether the sequences have no more keys than the call: else the cache has lost some, and nobody said which.
Status CheckKeysLeft(const ScoreStorage& scores, const char* name, const CallMatrices& call,
                     const Visibility& visibility);
// From now on the sequences have the call's keys.
void RaiseKeys(const CallMatrices& call, const Visibility& visibility, ScoreStorage* scores);

// Where something is read, or changed. `group` may be kAllGroups only with `all_groups`.
Status CheckSequence(const ScoreStorage& scores, size_t sequence);
Status CheckGroup(const ScoreStorage& scores, size_t sequence, size_t group, bool all_groups);
Status CheckHead(const ScoreStorage& scores, size_t sequence, size_t head);
Status CheckRoom(const char* name, size_t room, size_t needed);
// Keys that a group has, ascending.
Status CheckKeyList(const ScoreStorage& scores, size_t sequence, size_t group, std::span<const size_t> keys);
Status CheckShift(const ScoreStorage& scores, size_t sequence, size_t group, size_t begin, size_t end, int64_t delta);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_SCORE_CHECKS_H_

/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores of a cache's keys from C: what an engine does step by step, alone and by way of an accumulator, and the errors
 * that only C can make. */
#include <stdlib.h>

#include "tests/c_interface/c_test.h"

static AttnscopeKeyScoresConfig ScoresConfig(void) {
  AttnscopeKeyScoresConfig config = {.struct_size = sizeof config};
  CHECK_OK(AttnscopeKeyScoresConfigDefaults(&config));
  CHECK(config.heads == 1 && config.groups == 0 && config.max_keys == 0 && config.max_batch == 1);
  CHECK(config.window == 0 && config.decay == 1.0);
  config.heads = kHeads;
  config.groups = 1;
  config.max_keys = kKeys;
  return config;
}

static AttnscopeKeyScores* NewScores(void) {
  const AttnscopeKeyScoresConfig config = ScoresConfig();
  AttnscopeKeyScores* scores = NULL;
  CHECK_OK(AttnscopeKeyScoresCreate(&config, &scores));
  return scores;
}

/* Of the group: three rows of each head. */
static void CheckScores(const AttnscopeKeyScores* scores) {
  const double expected[kKeys] = {0.75, 0.75, 3.75, 0.75};
  double values[kKeys] = {0};
  CHECK_OK(AttnscopeKeyScoresScores(scores, 0, 0, values, kKeys));
  for (int i = 0; i < kKeys; ++i) CHECK(values[i] == expected[i]);
  CHECK_OK(AttnscopeKeyScoresHeadScores(scores, 0, 1, values, kKeys));
  for (int i = 0; i < kKeys; ++i) CHECK(values[i] == (i == 2 ? 3.0 : 0.0));
  CHECK(AttnscopeKeyScoresKeys(scores, 0, 0) == kKeys && AttnscopeKeyScoresRows(scores, 0, 1) == kQueries);
}

static void TestEvictions(AttnscopeKeyScores* scores) {
  AttnscopeKeyChoice choice = {.struct_size = sizeof choice, .heavy = 1, .first = 1, .recent = 1};
  size_t keys[kKeys] = {0};
  size_t count = 0;
  CHECK_OK(AttnscopeKeyScoresTopKeys(scores, 0, 0, &choice, keys, kKeys, &count));
  CHECK(count == 3 && keys[0] == 0 && keys[1] == 2 && keys[2] == 3);
  CHECK_OK(AttnscopeKeyScoresKeep(scores, 0, 0, keys, count));
  double values[kKeys] = {0};
  CHECK_OK(AttnscopeKeyScoresScores(scores, 0, 0, values, 3));
  CHECK(values[0] == 0.75 && values[1] == 3.75 && values[2] == 0.75);
  const size_t first = 0;
  CHECK_OK(AttnscopeKeyScoresRemove(scores, 0, ATTNSCOPE_ALL_GROUPS, &first, 1));
  CHECK_OK(AttnscopeKeyScoresShift(scores, 0, 0, 0, 2, 2));
  CHECK_OK(AttnscopeKeyScoresScores(scores, 0, 0, values, kKeys));
  CHECK(values[0] == 0.0 && values[1] == 0.0 && values[2] == 3.75 && values[3] == 0.75);
  const size_t last = 3;
  CHECK_OK(AttnscopeKeyScoresClear(scores, 0, 0, &last, 1));
  CHECK_OK(AttnscopeKeyScoresScores(scores, 0, 0, values, kKeys));
  CHECK(values[2] == 3.75 && values[3] == 0.0);
  CHECK_OK(AttnscopeKeyScoresEndSequence(scores, 0));
  CHECK(AttnscopeKeyScoresKeys(scores, 0, 0) == 0);
}

static void TestInputs(AttnscopeKeyScores* scores) {
  AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeKeyScoresAddLogits(scores, &view, NULL, NULL));
  double values[kKeys];
  CHECK_OK(AttnscopeKeyScoresHeadScores(scores, 0, 0, values, kKeys));
  for (int i = 0; i < kKeys; ++i) CHECK(IsNear(values[i], 0.75));
  CHECK_OK(AttnscopeKeyScoresReset(scores));
  AttnscopeQueryKeyView queries_keys = {.struct_size = sizeof queries_keys};
  CHECK_OK(AttnscopeContiguousQueryKey(kWeights, kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, 1, 1, 3, 4, &queries_keys));
  CHECK_OK(AttnscopeKeyScoresReserve(scores, NULL));
  CHECK_OK(AttnscopeKeyScoresAddQueriesKeys(scores, &queries_keys, NULL, NULL));
  CHECK_OK(AttnscopeKeyScoresHeadScores(scores, 0, 1, values, kKeys));
  for (int i = 0; i < 3; ++i) CHECK(IsNear(values[i], 1.0 / 3.0));
  uint64_t bytes = 0;
  CHECK_OK(AttnscopeKeyScoresScratchBytes(scores, NULL, &bytes));
  CHECK(bytes > 0);
  CHECK_OK(AttnscopeKeyScoresReset(scores));
}

static void TestAttached(AttnscopeKeyScores* scores) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeAccumulatorAttach(accumulator, scores));
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  CheckScores(scores);
  CHECK_OK(AttnscopeAccumulatorDetach(accumulator));
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  CheckScores(scores);
  CHECK_INVALID(AttnscopeAccumulatorAttach(accumulator, NULL), "scores is null");
  CHECK_INVALID(AttnscopeAccumulatorAttach(NULL, scores), "accumulator is null");
  CHECK_INVALID(AttnscopeAccumulatorDetach(NULL), "accumulator is null");
  AttnscopeAccumulatorDestroy(accumulator);
}

static void TestNulls(AttnscopeKeyScores* scores) {
  const AttnscopeAttentionView view = WeightsView();
  AttnscopeKeyScoresConfig config = ScoresConfig();
  AttnscopeKeyChoice choice = {.struct_size = sizeof choice};
  AttnscopeKeyScores* made = NULL;
  size_t count = 0;
  CHECK_INVALID(AttnscopeKeyScoresCreate(NULL, &made), "config is null");
  CHECK_INVALID(AttnscopeKeyScoresCreate(&config, NULL), "out is null");
  config.reserved = 1;
  CHECK_INVALID(AttnscopeKeyScoresCreate(&config, &made), "config->reserved is 1");
  CHECK_INVALID(AttnscopeKeyScoresConfigDefaults(NULL), "config is null");
  CHECK_INVALID(AttnscopeKeyScoresAddWeights(NULL, &view, NULL, NULL), "scores is null");
  CHECK_INVALID(AttnscopeKeyScoresAddWeights(scores, NULL, NULL, NULL), "weights is null");
  CHECK_INVALID(AttnscopeKeyScoresScores(scores, 0, 0, NULL, 4), "out is null");
  CHECK_INVALID(AttnscopeKeyScoresTopKeys(scores, 0, 0, NULL, &count, 1, &count), "choice is null");
  CHECK_INVALID(AttnscopeKeyScoresTopKeys(scores, 0, 0, &choice, NULL, 1, &count), "keys is null");
  CHECK_INVALID(AttnscopeKeyScoresTopKeys(scores, 0, 0, &choice, &count, 1, NULL), "count is null");
  CHECK_OK(AttnscopeKeyScoresTopKeys(scores, 0, 0, &choice, NULL, 0, &count));
  CHECK_INVALID(AttnscopeKeyScoresKeep(scores, 0, 0, NULL, 1), "keys is null");
  CHECK_INVALID(AttnscopeKeyScoresScratchBytes(scores, NULL, NULL), "bytes is null");
  CHECK_ERROR(AttnscopeKeyScoresEndSequence(scores, 1), ATTNSCOPE_OUT_OF_RANGE, "sequence is 1");
  CHECK(made == NULL && AttnscopeKeyScoresKeys(NULL, 0, 0) == 0 && AttnscopeKeyScoresRows(NULL, 0, 0) == 0);
  AttnscopeKeyScoresDestroy(NULL);
}

void TestKeyScores(void) {
  AttnscopeKeyScores* scores = NewScores();
  AttnscopeKeyScoresConfig config = {.struct_size = sizeof config};
  CHECK_OK(AttnscopeKeyScoresConfigOf(scores, &config));
  CHECK(config.heads == kHeads && config.groups == 1 && config.max_keys == kKeys);
  const AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeKeyScoresAddWeights(scores, &view, NULL, NULL));
  CheckScores(scores);
  TestEvictions(scores);
  TestInputs(scores);
  TestAttached(scores);
  TestNulls(scores);
  AttnscopeKeyScoresDestroy(scores);
}

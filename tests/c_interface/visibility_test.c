/* SPDX-License-Identifier: Apache-2.0
 *
 * What rows see, said in C: each field against its definition, the defaults of zeroed structs, and what structs of the
 * first version mean. */
#include <stdint.h>

#include "tests/c_interface/c_test.h"

enum { kBatch = 2, kRows = 6, kColumns = 8 };

static float weights[kBatch][kRows][kColumns];
static uint8_t shown[kBatch][kRows][kColumns];

typedef int (*Sees)(int sequence, int query, int key);

static AttnscopeAttentionView View(const void* data) {
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  CHECK_OK(AttnscopeContiguousAttention(data, ATTNSCOPE_FLOAT32, kBatch, 1, kRows, kColumns, &view));
  return view;
}

static AttnscopeAccumulator* Make(void) {
  AttnscopeLayerConfig config = {.struct_size = sizeof config};
  CHECK_OK(AttnscopeLayerConfigDefaults(&config));
  config.max_keys = kColumns;
  config.max_batch = kBatch;
  AttnscopeAccumulator* made = NULL;
  CHECK_OK(AttnscopeAccumulatorCreate(&config, &made));
  return made;
}

static void Measure(const AttnscopeMask* mask, double* metrics) {
  AttnscopeAccumulator* accumulator = Make();
  const AttnscopeAttentionView view = View(weights);
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, mask, NULL));
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
  AttnscopeAccumulatorDestroy(accumulator);
}

/* The mean entropy and the masked rows are those of the keys that the rows see. */
static void CheckMask(const char* name, const AttnscopeMask* mask, Sees sees) {
  const int before = failures;
  double entropy = 0.0;
  double rows = 0.0;
  for (int b = 0; b < kBatch; ++b) {
    for (int i = 0; i < kRows; ++i) {
      int visible = 0;
      for (int j = 0; j < kColumns; ++j) {
        if (!sees(b, i, j)) continue;
        ++visible;
        entropy -= weights[b][i][j] * log(weights[b][i][j]);
      }
      rows += visible > 0;
    }
  }
  double metrics[ATTNSCOPE_NUM_METRICS];
  Measure(mask, metrics);
  CHECK(IsNear(metrics[ATTNSCOPE_ENTROPY], entropy / rows));
  CHECK(metrics[ATTNSCOPE_MASKED_ROWS] == kBatch * kRows - rows);
  CHECK(metrics[ATTNSCOPE_EMPTY_ROWS] == 0.0 && metrics[ATTNSCOPE_ROWS] == kBatch * kRows);
  if (failures != before) fprintf(stderr, "  that was %s\n", name);
}

static const int64_t kLengths[kBatch] = {8, 5};
static const int64_t kFirst[kBatch] = {0, 4};
static const int64_t kRowsOf[kBatch] = {6, 2};
static const int64_t kSegments[] = {0, 3, 3, 7, 8};
static const int64_t kCells[kColumns] = {4, 5, 6, 7, 0, 1, -1, 3};

static int SegmentOf(int position) { return position < 3 ? 0 : position < 7 ? 2 : 3; }

static int SeesAll(int b, int i, int j) { return (void)b, (void)i, (void)j, 1; }
static int SeesLast(int b, int i, int j) { return (void)b, j <= i + 2; }
static int SeesFirst(int b, int i, int j) { return (void)b, j <= i; }
static int SeesLater(int b, int i, int j) { return (void)b, j <= i + 1; }
static int SeesWindow(int b, int i, int j) { return (void)b, j <= i + 2 && j > i + 2 - 3; }
static int SeesChunk(int b, int i, int j) { return (void)b, j <= i + 2 && j >= (i + 2) / 3 * 3; }
static int SeesBoth(int b, int i, int j) { return (void)b, j <= i + 2 + 1 && j > i + 2 - 3; }
static int SeesSelf(int b, int i, int j) { return (void)b, j <= i + 2 && j > i + 2 - 3; }
static int SeesLengths(int b, int i, int j) { return (void)i, j < kLengths[b]; }
static int SeesFirstKeys(int b, int i, int j) { return (void)i, j >= kFirst[b]; }
static int SeesRows(int b, int i, int j) { return (void)j, i < kRowsOf[b]; }
static int SeesSegment(int b, int i, int j) { return (void)b, SegmentOf(i + 2) == SegmentOf(j); }
static int SeesShown(int b, int i, int j) { return shown[b][i][j]; }
static int SeesFirstRow(int b, int i, int j) { return (void)b, (void)i, shown[0][0][j]; }
static int SeesCells(int b, int i, int j) { return (void)b, kCells[j] >= 0 && kCells[j] <= i + 2; }

static void TestFieldsOfMasks(void) {
  AttnscopeMask mask = {.struct_size = sizeof mask};
  CheckMask("nothing", &mask, SeesAll);
  mask.causal = 1;
  CheckMask("the default offset", &mask, SeesLast);
  mask.has_causal_offset = 1;
  CheckMask("an offset of 0", &mask, SeesFirst);
  mask.causal_offset = 1;
  CheckMask("an offset", &mask, SeesLater);
  mask.has_causal_offset = 0;
  CheckMask("an offset that is not 0", &mask, SeesLater);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .causal = 1, .window = 3};
  CheckMask("a window", &mask, SeesWindow);
  mask.window_kind = ATTNSCOPE_WINDOW_CHUNKED;
  CheckMask("chunks", &mask, SeesChunk);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .window = 3, .window_after = 1};
  CheckMask("a window of two sides", &mask, SeesBoth);
  mask.window_after = 0;
  mask.has_window_after = 1;
  CheckMask("a window up to the query", &mask, SeesSelf);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .key_lengths = kLengths};
  CheckMask("key lengths", &mask, SeesLengths);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .first_keys = kFirst};
  CheckMask("first keys", &mask, SeesFirstKeys);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .query_lengths = kRowsOf};
  CheckMask("query lengths", &mask, SeesRows);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .segments = kSegments, .num_segments = 4};
  CheckMask("segments", &mask, SeesSegment);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .causal = 1, .key_positions = kCells};
  CheckMask("positions of cells", &mask, SeesCells);
  AttnscopeKeyMaskView bytes = {.struct_size = sizeof bytes};
  CHECK_OK(AttnscopeContiguousKeyMask(&shown[0][0][0], kBatch, 1, kRows, kColumns, &bytes));
  CHECK(bytes.key_stride == 1 && bytes.query_stride == kColumns && bytes.head_stride == 0);
  CHECK(bytes.batch_stride == kRows * kColumns);
  mask = (AttnscopeMask){.struct_size = sizeof mask, .key_mask = &bytes};
  CheckMask("bytes", &mask, SeesShown);
  CHECK_OK(AttnscopeContiguousKeyMask(&shown[0][0][0], 1, 1, 1, kColumns, &bytes));
  CheckMask("bytes of one row", &mask, SeesFirstRow);
}

/* What a program of the first version has: its offset of 0 lets the first query see the first key. */
static void TestFirstVersion(void) {
  struct {
    uint32_t struct_size;
    uint32_t causal;
    int64_t causal_offset;
    const int64_t* key_lengths;
  } old = {.struct_size = 24, .causal = 1};
  CheckMask("the first version", (const AttnscopeMask*)&old, SeesFirst);
}

static void TestEvictedKeys(void) {
  AttnscopeAccumulator* accumulator = Make();
  AttnscopeAttentionView view = View(weights);
  AttnscopeMask mask = {.struct_size = sizeof mask, .causal = 1};
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, &mask, NULL));
  view.keys = kColumns - 1;
  CHECK(AttnscopeAccumulatorAddWeights(accumulator, &view, &mask, NULL) == ATTNSCOPE_INVALID_ARGUMENT);
  mask.keys_were_evicted = 1;
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, &mask, NULL));
  AttnscopeAccumulatorDestroy(accumulator);
}

static void TestNullMassAndSinks(void) {
  double metrics[ATTNSCOPE_NUM_METRICS];
  float logits[kBatch][kRows][kColumns];
  float halves[kBatch][kRows][kColumns];
  const float sink = (float)log(8.0);
  for (int i = 0; i < kBatch * kRows * kColumns; ++i) {
    (&logits[0][0][0])[i] = i % kColumns == 7 ? -2e8f : 0.0f;
    (&halves[0][0][0])[i] = 1.0f / 16.0f;
  }
  AttnscopeAccumulator* accumulator = Make();
  AttnscopeAttentionView view = View(halves);
  view.null_mass = 1;
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK(IsNear(metrics[ATTNSCOPE_NULL_MASS], 0.5) && metrics[ATTNSCOPE_UNNORMALIZED_ROWS] == 0.0);
  CHECK_OK(AttnscopeAccumulatorReset(accumulator));
  /* Seven keys and the sink, as much as eight of them: -2e8 is a mask by default. */
  view = View(logits);
  AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .sinks = &sink};
  CHECK_OK(AttnscopeAccumulatorAddLogits(accumulator, &view, &params, NULL));
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK(IsNear(metrics[ATTNSCOPE_NULL_MASS], 8.0 / 15.0));
  CHECK(IsNear(metrics[ATTNSCOPE_MAX_ABS_LOGIT], 0.0) && IsNear(metrics[ATTNSCOPE_MAX_LOGIT], 0.0));
  CHECK_OK(AttnscopeAccumulatorReset(accumulator));
  params.masked_below = -1e9;
  CHECK_OK(AttnscopeAccumulatorAddLogits(accumulator, &view, &params, NULL));
  CHECK_OK(AttnscopeAccumulatorStats(accumulator, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
  CHECK(metrics[ATTNSCOPE_MAX_ABS_LOGIT] == 2e8);
  AttnscopeAccumulatorDestroy(accumulator);
}

/* Keys of 8-bit floats and of ggml's blocks, beside the same keys as floats; biases with factors. */
static void TestLoadersAndFactors(void) {
  enum { kDim = 32, kKeysOf = 3 };
  float queries[2][kDim];
  float keys[kKeysOf][kDim];
  uint8_t float8[kKeysOf][kDim];
  struct {
    uint16_t scale;
    int8_t elements[kDim];
  } blocks[kKeysOf];
  for (int d = 0; d < kDim; ++d) {
    queries[0][d] = (float)(d % 5) - 2.0f;
    queries[1][d] = (float)(d % 3) - 1.0f;
  }
  for (int j = 0; j < kKeysOf; ++j) {
    blocks[j].scale = 0x3C00; /* 1 */
    for (int d = 0; d < kDim; ++d) {
      const int one = (d + j) % 4 == 0;
      keys[j][d] = one ? 1.0f : 0.0f;
      float8[j][d] = one ? 0x38 : 0; /* 1 in E4M3 */
      blocks[j].elements[d] = (int8_t)one;
    }
  }
  AttnscopeFloat8Keys of_float8 = {.struct_size = sizeof of_float8, .data = &float8[0][0]};
  of_float8.key_stride = kDim;
  of_float8.dim_stride = 1;
  AttnscopeGgmlBlockKeys of_blocks = {.struct_size = sizeof of_blocks, .data = blocks, .key_stride = sizeof blocks[0]};
  AttnscopeKeyLoader loaders[3] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
  CHECK_OK(AttnscopeKeyLoaderOfFloat8(&of_float8, &loaders[1]));
  CHECK_OK(AttnscopeKeyLoaderOfGgmlBlocks(&of_blocks, &loaders[2]));
  double expected[ATTNSCOPE_NUM_METRICS];
  double metrics[ATTNSCOPE_NUM_METRICS];
  const float bias[kKeysOf] = {1.0f, 2.0f, 3.0f};
  const float factors[2] = {0.5f, -0.5f};
  for (int way = 0; way < 3; ++way) {
    AttnscopeLayerConfig config = {.struct_size = sizeof config};
    CHECK_OK(AttnscopeLayerConfigDefaults(&config));
    config.heads = 2;
    config.max_keys = kKeysOf;
    AttnscopeAccumulator* accumulator = NULL;
    CHECK_OK(AttnscopeAccumulatorCreate(&config, &accumulator));
    AttnscopeQueryKeyView view = {.struct_size = sizeof view};
    CHECK_OK(AttnscopeContiguousQueryKey(queries, keys, ATTNSCOPE_FLOAT32, 1, 2, 1, 1, kKeysOf, kDim, &view));
    view.key_loader = loaders[way];
    if (way > 0) view.key_data = NULL;
    const AttnscopeBiasView bias_view = {.struct_size = sizeof bias_view, .data = bias, .head_factors = factors};
    const AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .bias = &bias_view};
    CHECK_OK(AttnscopeAccumulatorAddQueriesKeys(accumulator, &view, &params, NULL));
    CHECK_OK(AttnscopeAccumulatorStats(accumulator, way == 0 ? expected : metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
    if (way > 0) CHECK(memcmp(expected, metrics, sizeof expected) == 0);
    AttnscopeAccumulatorDestroy(accumulator);
  }
  /* Without the bias 's factors the largest logit would be 3 more or so. */
  double largest = -1e9;
  for (int h = 0; h < 2; ++h) {
    for (int j = 0; j < kKeysOf; ++j) {
      double product = 0.0;
      for (int d = 0; d < kDim; ++d) product += queries[h][d] * keys[j][d];
      const double logit = product / sqrt(kDim) + factors[h] * bias[j];
      if (logit > largest) largest = logit;
    }
  }
  CHECK(IsNear(expected[ATTNSCOPE_MAX_LOGIT], largest));
  of_float8.type = 2;
  CHECK_INVALID(AttnscopeKeyLoaderOfFloat8(&of_float8, &loaders[1]), "keys->type is 2, expected an AttnscopeFloat8");
  of_blocks.type = -1;
  CHECK_INVALID(AttnscopeKeyLoaderOfGgmlBlocks(&of_blocks, &loaders[1]),
                "keys->type is -1, expected an AttnscopeGgmlBlock");
  CHECK_INVALID(AttnscopeKeyLoaderOfGgmlBlocks(&of_blocks, NULL), "out is null");
}

void TestVisibility(void) {
  for (int b = 0; b < kBatch; ++b) {
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) {
        weights[b][i][j] = 0.03125f * (float)(1 + (3 * b + 5 * i + 7 * j) % 6);
        shown[b][i][j] = (b + 2 * i + 3 * j) % 5 < 2 && i != 4;
      }
    }
  }
  TestFieldsOfMasks();
  TestFirstVersion();
  TestEvictedKeys();
  TestNullMassAndSinks();
  TestLoadersAndFactors();
}

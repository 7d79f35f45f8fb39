/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs as programs of all ages pass them: each size that a struct has had or may get, and each field that must be
 * refused, by name. A library that grows a struct needs no change here but the new field's own test: sizes run from the
 * first published one to sizeof. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/c_interface/c_test.h"

enum { kBehind = 64, kFiller = 0xA5 };

/* The first `size` bytes of a struct of `own` bytes, as an older or newer program has them, and bytes behind that
 * nobody may touch. A newer program's own fields are zero. */
static unsigned char* Resized(const void* full, size_t own, size_t size) {
  unsigned char* bytes = malloc(size + kBehind);
  if (bytes == NULL) abort();
  const size_t both = size < own ? size : own;
  memcpy(bytes, full, both);
  memset(bytes + both, 0, size - both);
  memset(bytes + size, kFiller, kBehind);
  const uint32_t struct_size = (uint32_t)size;
  memcpy(bytes, &struct_size, sizeof struct_size);
  return bytes;
}

static int IsFilled(const unsigned char* bytes, size_t size, int with) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != with) return 0;
  }
  return 1;
}

/* "NAME->struct_size is SIZE, expected the struct's sizeof" */
static int NamesSize(const char* name, uint32_t size) {
  char expected[128];
  snprintf(expected, sizeof expected, "%s->struct_size is %lu, expected the struct's sizeof", name,
           (unsigned long)size);
  return strncmp(AttnscopeLastError(), expected, strlen(expected)) == 0;
}

/* One of the sizes that no struct has had. */
static uint32_t WrongSize(int which, size_t first) {
  const uint32_t sizes[] = {0, 4, (uint32_t)sizeof(void*), (uint32_t)first - 8, (uint32_t)first + 4, 4104, UINT32_MAX};
  return sizes[which];
}
enum { kWrongSizes = 7 };

/* A function that fills in a struct. */
typedef AttnscopeStatus (*Fill)(void* out);

static void TestOutput(const char* name, Fill fill, size_t first, size_t own) {
  const int before = failures;
  unsigned char full[512];
  unsigned char out[1024];
  CHECK(first <= own && own <= sizeof full && own % 8 == 0);
  memset(full, 0, sizeof full);
  const uint32_t own_size = (uint32_t)own;
  memcpy(full, &own_size, sizeof own_size);
  CHECK_OK(fill(full));
  for (size_t size = first; size <= own + 40; size += 8) {
    const uint32_t struct_size = (uint32_t)size;
    memset(out, kFiller, sizeof out);
    memcpy(out, &struct_size, sizeof struct_size);
    CHECK_OK(fill(out));
    CHECK(memcmp(out, &struct_size, sizeof struct_size) == 0);
    CHECK(memcmp(out + 4, full + 4, (size < own ? size : own) - 4) == 0);
    if (size > own) CHECK(IsFilled(out + own, size - own, 0));
    CHECK(IsFilled(out + size, sizeof out - size, kFiller));
  }
  for (int i = 0; i < kWrongSizes; ++i) {
    const uint32_t struct_size = WrongSize(i, first);
    memset(out, kFiller, sizeof out);
    memcpy(out, &struct_size, sizeof struct_size);
    CHECK(fill(out) == ATTNSCOPE_INVALID_ARGUMENT && NamesSize(name, struct_size));
    CHECK(IsFilled(out + 4, sizeof out - 4, kFiller));
  }
  char is_null[128];
  snprintf(is_null, sizeof is_null, "%s is null", name);
  CHECK_INVALID(fill(NULL), is_null);
  if (failures != before) fprintf(stderr, "  that was the output \"%s\" of %lu bytes\n", name, (unsigned long)own);
}

/* A call that takes a struct. */
typedef AttnscopeStatus (*Use)(const void* in);

static void TestInput(const char* name, Use use, const void* full, size_t first, size_t own) {
  const int before = failures;
  for (size_t size = first; size <= own + 40; size += 8) {
    unsigned char* in = Resized(full, own, size);
    CHECK_OK(use(in));
    if (size > own) {
      char expected[128];
      snprintf(expected, sizeof expected, "%s sets fields that attnscope %s does not know: byte %lu is not zero", name,
               AttnscopeVersion(), (unsigned long)size - 1);
      in[size - 1] = 1;
      CHECK_INVALID(use(in), expected);
    }
    free(in);
  }
  for (int i = 0; i < kWrongSizes; ++i) {
    const uint32_t struct_size = WrongSize(i, first);
    unsigned char* in = Resized(full, own, own);
    memcpy(in, &struct_size, sizeof struct_size);
    CHECK(use(in) == ATTNSCOPE_INVALID_ARGUMENT && NamesSize(name, struct_size));
    free(in);
  }
  if (failures != before) fprintf(stderr, "  that was the input \"%s\" of %lu bytes\n", name, (unsigned long)own);
}

/* What the calls below are made on. */
static AttnscopeAccumulator* accumulator;
static AttnscopeReport* report;
static AttnscopeThreadPool* pool;
static AttnscopeAttentionView weights;
static AttnscopeQueryKeyView queries_keys;
static AttnscopeActivationView stream;
static AttnscopeLayerConfig layer;
static AttnscopeKeyScoresConfig key_scores;
static AttnscopeKeyChoice key_choice;
static AttnscopeMonitorConfig monitor;
static AttnscopeFigureOptions figure;

static AttnscopeStatus FillLayer(void* out) { return AttnscopeLayerConfigDefaults(out); }
static AttnscopeStatus FillKeyScores(void* out) { return AttnscopeKeyScoresConfigDefaults(out); }
static AttnscopeStatus FillMonitor(void* out) { return AttnscopeMonitorConfigDefaults(out); }
static AttnscopeStatus FillThresholds(void* out) { return AttnscopeThresholdsDefaults(out); }
static AttnscopeStatus FillFigure(void* out) { return AttnscopeFigureOptionsDefaults(out); }
static const double kColumnSums[kHeads * kKeys] = {1.0, 1.0, 0.5, 0.5, 0.0, 0.0, 3.0, 0.0};
static const double kRows[kHeads] = {3.0, 3.0};
static AttnscopeStatus FillProfile(void* out) {
  static double mean[kKeys];
  static double largest[kKeys];
  return AttnscopeMakeKeyProfile(2, kColumnSums, kRows, kHeads, kKeys, mean, largest, out);
}
static AttnscopeStatus FillMap(void* out) {
  static float cells[kQueries * kKeys];
  return AttnscopeMakeAttentionMap(2, 1, kQueries, kKeys, 64, cells, out);
}
static AttnscopeStatus FillConfig(void* out) { return AttnscopeAccumulatorConfig(accumulator, out); }
static AttnscopeStatus FillRunner(void* out) { return AttnscopeThreadPoolRunner(pool, out); }
static AttnscopeStatus FillVerdict(void* out) { return AttnscopeReportVerdict(report, 0, out); }
static AttnscopeStatus FillInfo(void* out) { return AttnscopeMetricInfoOf(ATTNSCOPE_TOP5, out); }
static AttnscopeStatus FillAttention(void* out) {
  return AttnscopeContiguousAttention(kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, kQueries, kKeys, out);
}
static AttnscopeStatus FillContiguous(void* out) {
  return AttnscopeContiguousQueryKey(kWeights, kWeights, ATTNSCOPE_FLOAT32, 1, 2, 1, 3, 2, 4, out);
}
static AttnscopeStatus FillTokenMajor(void* out) {
  return AttnscopeTokenMajorQueryKey(kWeights, kWeights, ATTNSCOPE_FLOAT32, 1, 2, 1, 3, 2, 4, out);
}
static AttnscopeStatus FillKeyMask(void* out) {
  return AttnscopeContiguousKeyMask((const uint8_t*)kWeights, 1, kHeads, kQueries, kKeys, out);
}
static AttnscopeStatus FillActivation(void* out) {
  return AttnscopeContiguousActivation(kWeights, ATTNSCOPE_FLOAT32, 1, kQueries, kKeys, out);
}
static AttnscopeStatus FillRows(void* out) {
  return AttnscopeContiguousRows(kWeights, ATTNSCOPE_FLOAT32, kQueries, kKeys, out);
}
static const int64_t kNe[4] = {kKeys, kQueries, kHeads, 1};
static const size_t kNb[4] = {4, 16, 48, 96};
static AttnscopeStatus FillGgmlAttention(void* out) { return AttnscopeAttentionFromGgml(0, kNe, kNb, kWeights, out); }
static AttnscopeStatus FillGgmlProducts(void* out) {
  return AttnscopeQueriesKeysFromGgml(0, kNe, kNb, kWeights, 0, kNe, kNb, kWeights, out);
}

static void TestOutputSizes(void) {
  TestOutput("config", FillLayer, 56, sizeof(AttnscopeLayerConfig));
  TestOutput("config", FillKeyScores, 56, sizeof(AttnscopeKeyScoresConfig));
  TestOutput("config", FillMonitor, 152, sizeof(AttnscopeMonitorConfig));
  TestOutput("thresholds", FillThresholds, 152, sizeof(AttnscopeThresholds));
  TestOutput("options", FillFigure, 24, sizeof(AttnscopeFigureOptions));
  TestOutput("out", FillMap, 64, sizeof(AttnscopeAttentionMap));
  TestOutput("out", FillProfile, 56, sizeof(AttnscopeKeyProfile));
  TestOutput("out", FillConfig, 56, sizeof(AttnscopeLayerConfig));
  TestOutput("out", FillRunner, 32, sizeof(AttnscopeRunner));
  TestOutput("out", FillVerdict, 56, sizeof(AttnscopeVerdict));
  TestOutput("out", FillInfo, 48, sizeof(AttnscopeMetricInfo));
  TestOutput("view", FillAttention, 88, sizeof(AttnscopeAttentionView));
  TestOutput("view", FillContiguous, 176, sizeof(AttnscopeQueryKeyView));
  TestOutput("view", FillTokenMajor, 176, sizeof(AttnscopeQueryKeyView));
  TestOutput("mask", FillKeyMask, 48, sizeof(AttnscopeKeyMaskView));
  TestOutput("view", FillActivation, 56, sizeof(AttnscopeActivationView));
  TestOutput("out", FillRows, 40, sizeof(AttnscopeRows));
  TestOutput("view", FillGgmlAttention, 88, sizeof(AttnscopeAttentionView));
  TestOutput("view", FillGgmlProducts, 176, sizeof(AttnscopeQueryKeyView));
}

/* All rows of the weights are measured, whatever the view's age: none is a call that measures nothing and says OK. */
static AttnscopeStatus MeasuredRows(AttnscopeStatus status, double rows) {
  if (status == ATTNSCOPE_OK) {
    double metrics[ATTNSCOPE_NUM_METRICS];
    CHECK_OK(AttnscopeAccumulatorStats(accumulator, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0));
    CHECK(IsNear(metrics[ATTNSCOPE_ROWS], rows));
  }
  CHECK_OK(AttnscopeAccumulatorReset(accumulator));
  return status;
}
static AttnscopeStatus UseKeyScores(const void* in) {
  AttnscopeKeyScores* made = NULL;
  const AttnscopeStatus status = AttnscopeKeyScoresCreate(in, &made);
  AttnscopeKeyScoresDestroy(made);
  return status;
}
static AttnscopeStatus UseKeyChoice(const void* in) {
  AttnscopeKeyScores* made = NULL;
  CHECK_OK(AttnscopeKeyScoresCreate(&key_scores, &made));
  size_t count = 0;
  const AttnscopeStatus status = AttnscopeKeyScoresTopKeys(made, 0, 0, in, NULL, 0, &count);
  AttnscopeKeyScoresDestroy(made);
  return status;
}
static AttnscopeStatus UseWeights(const void* in) {
  return MeasuredRows(AttnscopeAccumulatorAddWeights(accumulator, in, NULL, NULL), kHeads * kQueries);
}
static AttnscopeStatus UseLogits(const void* in) {
  return MeasuredRows(AttnscopeAccumulatorAddLogits(accumulator, in, NULL, NULL), kHeads * kQueries);
}
static AttnscopeStatus UseQueriesKeys(const void* in) {
  return MeasuredRows(AttnscopeAccumulatorAddQueriesKeys(accumulator, in, NULL, NULL), 2 * 3);
}
static AttnscopeStatus UseMask(const void* in) {
  return MeasuredRows(AttnscopeAccumulatorAddWeights(accumulator, &weights, in, NULL), kHeads * kQueries);
}
static AttnscopeStatus UseKeyMask(const void* in) {
  const AttnscopeMask mask = {.struct_size = sizeof mask, .key_mask = in};
  return UseMask(&mask);
}
static AttnscopeStatus UseFloat8(const void* in) {
  AttnscopeKeyLoader loader;
  return AttnscopeKeyLoaderOfFloat8(in, &loader);
}
static AttnscopeStatus UseBlocks(const void* in) {
  AttnscopeKeyLoader loader;
  return AttnscopeKeyLoaderOfGgmlBlocks(in, &loader);
}
static AttnscopeStatus UseRunner(const void* in) { return AttnscopeAccumulatorReserve(accumulator, in); }
static AttnscopeStatus UseRunnerSize(const void* in) {
  uint64_t bytes = 0;
  return AttnscopeAccumulatorScratchBytes(accumulator, in, &bytes);
}
static AttnscopeStatus UseParams(const void* in) {
  return AttnscopeAccumulatorAddLogits(accumulator, &weights, in, NULL);
}
static AttnscopeStatus UseParamsMask(const void* in) {
  const AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .mask = in};
  return UseParams(&params);
}
static AttnscopeStatus UseParamsKeyMask(const void* in) {
  const AttnscopeMask mask = {.struct_size = sizeof mask, .key_mask = in};
  return UseParamsMask(&mask);
}
static AttnscopeStatus UseParamsBias(const void* in) {
  const AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .bias = in};
  return UseParams(&params);
}
static AttnscopeStatus UseBefore(const void* in) { return AttnscopeAccumulatorAddResidual(accumulator, in, &stream); }
static AttnscopeStatus UseAfter(const void* in) { return AttnscopeAccumulatorAddResidual(accumulator, &stream, in); }
static AttnscopeStatus UseRows(const void* in) {
  double entropy[kQueries] = {0};
  const AttnscopeStatus status = AttnscopeRowEntropy(in, entropy);
  if (status == ATTNSCOPE_OK) CHECK(entropy[0] > 0.0);
  return status;
}
static AttnscopeRows rows;
static char workspace[1 << 20];
static AttnscopeStatus UseMeasures(const void* in) {
  return AttnscopeMeasureRows(&rows, workspace, sizeof workspace, in);
}
static AttnscopeStatus UseSoftmaxOutputs(const void* in) { return AttnscopeSoftmaxEntropy(&rows, 1.0, in); }
static AttnscopeStatus UseGradient(const void* in) { return AttnscopeAccumulatorAddGradient(accumulator, in); }
static AttnscopeStatus UseLayer(const void* in) {
  AttnscopeAccumulator* made = NULL;
  const AttnscopeStatus status = AttnscopeAccumulatorCreate(in, &made);
  AttnscopeAccumulatorDestroy(made);
  return status;
}
static AttnscopeStatus UseMonitor(const void* in) {
  AttnscopeMonitor* made = NULL;
  const AttnscopeStatus status = AttnscopeMonitorCreate(in, &made);
  AttnscopeMonitorDestroy(made);
  return status;
}
static AttnscopeStatus UseMonitorLayer(const void* in) {
  AttnscopeMonitorConfig config = monitor;
  config.layer = in;
  return UseMonitor(&config);
}
static AttnscopeStatus UseMonitorThresholds(const void* in) {
  AttnscopeMonitorConfig config = monitor;
  config.thresholds = in;
  return UseMonitor(&config);
}
static AttnscopeStatus UseThresholds(const void* in) {
  size_t count = 0;
  return AttnscopeReportDiagnose(report, in, &count);
}
static AttnscopeStatus UseFigure(const void* in) {
  const uint8_t* png = NULL;
  size_t size = 0;
  return AttnscopeReportEncodePng(report, in, &png, &size);
}
static AttnscopeStatus UseFigureThresholds(const void* in) {
  AttnscopeFigureOptions options = figure;
  options.thresholds = in;
  return UseFigure(&options);
}

static AttnscopeStatus UseFigureData(const void* in) {
  AttnscopeFigure* made = NULL;
  const AttnscopeStatus status = AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, in, NULL, &made);
  AttnscopeFigureDestroy(made);
  return status;
}
static AttnscopeStatus UseProfile(const void* in) {
  const AttnscopeKeyProfile* const profiles[1] = {in};
  const AttnscopeFigureData data = {.struct_size = sizeof data, .keys = profiles, .num_keys = 1};
  return UseFigureData(&data);
}

static AttnscopeStatus UseMap(const void* in) {
  const AttnscopeAttentionMap* const maps[1] = {in};
  const AttnscopeFigureData data = {.struct_size = sizeof data, .maps = maps, .num_maps = 1};
  AttnscopeFigure* made = NULL;
  const AttnscopeStatus status =
      AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_MAPS, ATTNSCOPE_FORMAT_SVG, &data, NULL, &made);
  AttnscopeFigureDestroy(made);
  return status;
}

static void TestInputSizes(void) {
  AttnscopeAttentionMap map = {.struct_size = sizeof map};
  CHECK_OK(FillMap(&map));
  TestInput("maps[0]", UseMap, &map, 64, sizeof map);
  AttnscopeKeyProfile profile = {.struct_size = sizeof profile};
  CHECK_OK(FillProfile(&profile));
  const AttnscopeKeyProfile* const profiles[1] = {&profile};
  const AttnscopeFigureData data = {.struct_size = sizeof data, .keys = profiles, .num_keys = 1};
  TestInput("keys[0]", UseProfile, &profile, 56, sizeof profile);
  TestInput("data", UseFigureData, &data, 56, sizeof data);
  const AttnscopeMask mask = {.struct_size = sizeof mask, .causal = 1, .causal_offset = 3};
  AttnscopeKeyMaskView key_mask = {.struct_size = sizeof key_mask};
  CHECK_OK(FillKeyMask(&key_mask));
  const AttnscopeFloat8Keys float8 = {.struct_size = sizeof float8};
  const AttnscopeGgmlBlockKeys blocks = {.struct_size = sizeof blocks};
  const AttnscopeBiasView bias = {.struct_size = sizeof bias, .data = kWeights};
  const AttnscopeSoftmaxParams params = {.struct_size = sizeof params, .scale = 0.5};
  const AttnscopeRunner runner = {.struct_size = sizeof runner, .threads = 2};
  const AttnscopeBufferView gradient = {.struct_size = sizeof gradient, .data = kWeights, .size = 4};
  AttnscopeThresholds thresholds = {.struct_size = sizeof thresholds};
  CHECK_OK(AttnscopeThresholdsDefaults(&thresholds));
  TestInput("config", UseKeyScores, &key_scores, 56, sizeof key_scores);
  TestInput("choice", UseKeyChoice, &key_choice, 32, sizeof key_choice);
  TestInput("weights", UseWeights, &weights, 88, sizeof weights);
  TestInput("logits", UseLogits, &weights, 88, sizeof weights);
  TestInput("view", UseQueriesKeys, &queries_keys, 176, sizeof queries_keys);
  TestInput("mask", UseMask, &mask, 24, sizeof mask);
  TestInput("mask->key_mask", UseKeyMask, &key_mask, 48, sizeof key_mask);
  TestInput("params->mask", UseParamsMask, &mask, 24, sizeof mask);
  TestInput("params->mask->key_mask", UseParamsKeyMask, &key_mask, 48, sizeof key_mask);
  TestInput("keys", UseFloat8, &float8, 64, sizeof float8);
  TestInput("keys", UseBlocks, &blocks, 40, sizeof blocks);
  TestInput("params->bias", UseParamsBias, &bias, 40, sizeof bias);
  TestInput("params", UseParams, &params, 40, sizeof params);
  TestInput("runner", UseRunner, &runner, 32, sizeof runner);
  TestInput("runner", UseRunnerSize, &runner, 32, sizeof runner);
  TestInput("before", UseBefore, &stream, 56, sizeof stream);
  TestInput("after", UseAfter, &stream, 56, sizeof stream);
  rows.struct_size = sizeof rows;
  CHECK_OK(FillRows(&rows));
  double sums[kKeys] = {0};
  AttnscopeRowMeasures measures = {.struct_size = sizeof measures, .column_sums = sums};
  AttnscopeSoftmaxOutputs outputs = {.struct_size = sizeof outputs, .entropy_nats = sums};
  TestInput("weights", UseRows, &rows, 40, sizeof rows);
  TestInput("measures", UseMeasures, &measures, 152, sizeof measures);
  TestInput("outputs", UseSoftmaxOutputs, &outputs, 48, sizeof outputs);
  TestInput("gradient", UseGradient, &gradient, 24, sizeof gradient);
  TestInput("config", UseLayer, &layer, 56, sizeof layer);
  TestInput("config->layer", UseMonitorLayer, &layer, 56, sizeof layer);
  TestInput("config", UseMonitor, &monitor, 152, sizeof monitor);
  TestInput("thresholds", UseThresholds, &thresholds, 152, sizeof thresholds);
  TestInput("config->thresholds", UseMonitorThresholds, &thresholds, 152, sizeof thresholds);
  TestInput("options->thresholds", UseFigureThresholds, &thresholds, 152, sizeof thresholds);
  TestInput("options", UseFigure, &figure, 24, sizeof figure);
}

/* Sets one 32-bit field of a copy of a struct, and passes it: the message is "FIELD is VALUE, expected WHAT". */
static void RefuseField(Use use, const void* full, size_t own, size_t offset, const char* field, int32_t value,
                        const char* expected) {
  unsigned char* in = Resized(full, own, own);
  memcpy(in + offset, &value, sizeof value);
  char message[160];
  if (value < 0 && expected[0] != 'a') { /* a flag is unsigned */
    snprintf(message, sizeof message, "%s is %lu, expected %s", field, (unsigned long)(uint32_t)value, expected);
  } else {
    snprintf(message, sizeof message, "%s is %d, expected %s", field, (int)value, expected);
  }
  CHECK_INVALID(use(in), message);
  free(in);
}
#define REFUSE_TYPE(use, full, member, field)                                                                   \
  for (int i = 0; i < 5; ++i)                                                                                   \
  RefuseField(use, &(full), sizeof(full), (size_t)((char*)&(full).member - (char*)&(full)), field, kNoTypes[i], \
              "an AttnscopeElementType, 0 to 2")
#define REFUSE_FLAG(use, full, member, field)                                                                       \
  for (int i = 0; i < 2; ++i)                                                                                       \
  RefuseField(use, &(full), sizeof(full), (size_t)((char*)&(full).member - (char*)&(full)), field, i == 0 ? 2 : -1, \
              "0 or 1")
#define REFUSE_RESERVED(use, full, field)                                                                             \
  for (int i = 0; i < 2; ++i)                                                                                         \
  RefuseField(use, &(full), sizeof(full), (size_t)((char*)&(full).reserved - (char*)&(full)), field, i == 0 ? 1 : -1, \
              "0")

static void TestFields(void) {
  const int32_t kNoTypes[5] = {-1, 3, 255, INT32_MAX, INT32_MIN};
  AttnscopeMask mask = {.struct_size = sizeof mask};
  AttnscopeKeyMaskView key_mask = {.struct_size = sizeof key_mask};
  AttnscopeFloat8Keys float8 = {.struct_size = sizeof float8};
  AttnscopeBiasView bias = {.struct_size = sizeof bias, .data = kWeights};
  AttnscopeSoftmaxParams params = {.struct_size = sizeof params};
  AttnscopeRunner runner = {.struct_size = sizeof runner, .threads = 1};
  AttnscopeBufferView gradient = {.struct_size = sizeof gradient, .data = kWeights, .size = 4};
  AttnscopeThresholds thresholds = {.struct_size = sizeof thresholds};
  CHECK_OK(AttnscopeThresholdsDefaults(&thresholds));
  REFUSE_TYPE(UseWeights, weights, type, "weights->type");
  REFUSE_TYPE(UseLogits, weights, type, "logits->type");
  REFUSE_TYPE(UseQueriesKeys, queries_keys, query_type, "view->query_type");
  REFUSE_TYPE(UseQueriesKeys, queries_keys, key_type, "view->key_type");
  REFUSE_TYPE(UseParamsBias, bias, type, "params->bias->type");
  REFUSE_TYPE(UseBefore, stream, type, "before->type");
  REFUSE_TYPE(UseAfter, stream, type, "after->type");
  REFUSE_TYPE(UseGradient, gradient, type, "gradient->type");
  REFUSE_TYPE(UseRows, rows, type, "weights->type");
  REFUSE_FLAG(UseMask, mask, causal, "mask->causal");
  REFUSE_FLAG(UseMask, mask, has_causal_offset, "mask->has_causal_offset");
  REFUSE_FLAG(UseMask, mask, has_window_after, "mask->has_window_after");
  REFUSE_FLAG(UseMask, mask, keys_were_evicted, "mask->keys_were_evicted");
  REFUSE_FLAG(UseWeights, weights, null_mass, "weights->null_mass");
  REFUSE_FLAG(UseParamsMask, mask, causal, "params->mask->causal");
  REFUSE_FLAG(UseLayer, layer, mean_matrix, "config->mean_matrix");
  REFUSE_FLAG(UseMonitorLayer, layer, mean_matrix, "config->layer->mean_matrix");
  REFUSE_FLAG(UseMonitor, monitor, stagger_layers, "config->stagger_layers");
  REFUSE_FLAG(UseMonitor, monitor, per_head, "config->per_head");
  REFUSE_FLAG(UseFigure, figure, plain, "options->plain");
  REFUSE_FLAG(UseFigure, figure, dark, "options->dark");
  REFUSE_RESERVED(UseKeyScores, key_scores, "config->reserved");
  REFUSE_RESERVED(UseKeyChoice, key_choice, "choice->reserved");
  AttnscopeRowMeasures measures = {.struct_size = sizeof measures};
  AttnscopeSoftmaxOutputs outputs = {.struct_size = sizeof outputs};
  REFUSE_RESERVED(UseMeasures, measures, "measures->reserved");
  REFUSE_RESERVED(UseSoftmaxOutputs, outputs, "outputs->reserved");
  REFUSE_RESERVED(UseWeights, weights, "weights->reserved");
  REFUSE_RESERVED(UseKeyMask, key_mask, "mask->key_mask->reserved");
  REFUSE_RESERVED(UseFloat8, float8, "keys->reserved");
  REFUSE_RESERVED(UseParams, params, "params->reserved");
  REFUSE_RESERVED(UseQueriesKeys, queries_keys, "view->reserved");
  REFUSE_RESERVED(UseRunner, runner, "runner->reserved");
  REFUSE_RESERVED(UseThresholds, thresholds, "thresholds->reserved");
  REFUSE_RESERVED(UseMonitorThresholds, thresholds, "config->thresholds->reserved");
  REFUSE_RESERVED(UseFigureThresholds, thresholds, "options->thresholds->reserved");
  REFUSE_RESERVED(UseMonitor, monitor, "config->reserved");
  REFUSE_RESERVED(UseFigure, figure, "options->reserved");
  AttnscopeMask of_kind = {.struct_size = sizeof of_kind, .window_kind = 2};
  CHECK_INVALID(UseMask(&of_kind), "mask->window_kind is 2, expected an AttnscopeWindowKind, 0 or 1");
  CHECK_INVALID(UseMonitorLayer(NULL), "config->layer is null");
  /* A view's maker copies a type that there is not, and the call that takes the view refuses it. */
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  CHECK_OK(AttnscopeContiguousAttention(kWeights, 7, 1, 1, 1, 4, &view));
  CHECK_INVALID(UseWeights(&view), "weights->type is 7");
}

void TestStructs(void) {
  accumulator = NewAccumulator();
  weights = WeightsView();
  queries_keys.struct_size = sizeof queries_keys;
  CHECK_OK(FillContiguous(&queries_keys));
  stream.struct_size = sizeof stream;
  CHECK_OK(FillActivation(&stream));
  layer = LayerConfig();
  key_scores.struct_size = sizeof key_scores;
  CHECK_OK(FillKeyScores(&key_scores));
  key_scores.max_keys = kKeys;
  key_choice.struct_size = sizeof key_choice;
  monitor.struct_size = sizeof monitor;
  CHECK_OK(AttnscopeMonitorConfigDefaults(&monitor));
  monitor.layers = 1;
  monitor.layer = &layer;
  figure.struct_size = sizeof figure;
  CHECK_OK(AttnscopeFigureOptionsDefaults(&figure));
  figure.scale = 0.1;
  CHECK_OK(AttnscopeThreadPoolCreate(1, &pool));
  CHECK_OK(AttnscopeReportCreate(&report));
  CHECK_OK(AttnscopeReportSetMetric(report, 0, -1, ATTNSCOPE_SINK_MASS, 1.0));
  size_t verdicts = 0;
  CHECK_OK(AttnscopeReportDiagnose(report, NULL, &verdicts));
  CHECK(verdicts == 1);
  TestOutputSizes();
  TestInputSizes();
  TestFields();
  AttnscopeReportDestroy(report);
  AttnscopeThreadPoolDestroy(pool);
  AttnscopeAccumulatorDestroy(accumulator);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports, verdicts, files and figures from C. */
#include <stdlib.h>

#include "tests/c_interface/c_test.h"

/* Layer 5 of a model, measured. */
static AttnscopeReport* NewReport(void) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  AttnscopeReport* report = NULL;
  CHECK_OK(AttnscopeReportCreate(&report));
  CHECK_OK(AttnscopeReportSetLayer(report, 5, accumulator));
  AttnscopeAccumulatorDestroy(accumulator);
  return report;
}

static void TestJson(void) {
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const AttnscopeAttentionView view = WeightsView();
  CHECK_OK(AttnscopeAccumulatorAddWeights(accumulator, &view, NULL, NULL));
  AttnscopeReport* report = NULL;
  CHECK_OK(AttnscopeReportCreate(&report));
  CHECK_OK(AttnscopeReportSetStage(report, "val"));
  CHECK_OK(AttnscopeReportSetEpoch(report, 3));
  CHECK_OK(AttnscopeReportSetStep(report, 700));
  CHECK_OK(AttnscopeReportSetLayer(report, 5, accumulator));
  CHECK_ERROR(AttnscopeReportSetLayer(report, -1, accumulator), ATTNSCOPE_INVALID_ARGUMENT, "layer is -1");
  const char* json = NULL;
  size_t length = 0;
  CHECK_OK(AttnscopeReportToJson(report, &json, &length));
  CHECK(length == strlen(json) && strstr(json, "\"stage\": \"val\"") != NULL);
  CHECK(strstr(json, "\"step\": 700") != NULL);

  AttnscopeReport* read = NULL;
  CHECK_OK(AttnscopeReportCreate(&read));
  CHECK_OK(AttnscopeReportFromJson(read, json, length));
  const char* again = NULL;
  CHECK_OK(AttnscopeReportToJson(read, &again, NULL));
  CHECK(strcmp(json, again) == 0);
  CHECK_ERROR(AttnscopeReportFromJson(read, "{", 1), ATTNSCOPE_DATA_LOSS, "JSON ends too early");
  double value = 0.0;
  CHECK_OK(AttnscopeReportMetric(read, 5, 1, ATTNSCOPE_MAX_ROW_WEIGHT, &value));
  CHECK(IsNear(value, 1.0));
  CHECK_ERROR(AttnscopeReportMetric(read, 4, -1, ATTNSCOPE_ENTROPY, &value), ATTNSCOPE_NOT_FOUND,
              "the report has no layer 4");
  CHECK_ERROR(AttnscopeReportMetric(read, 5, 2, ATTNSCOPE_ENTROPY, &value), ATTNSCOPE_NOT_FOUND,
              "layer 5 of the report has no head 2");
  CHECK_ERROR(AttnscopeReportMetric(read, 5, 0, 99, &value), ATTNSCOPE_INVALID_ARGUMENT, "metric is 99");
  AttnscopeReportDestroy(read);
  AttnscopeReportDestroy(report);
  AttnscopeAccumulatorDestroy(accumulator);
}

/* NaN that was given, and a gradient with NaN, are bad numbers until they are taken away. */
static void TestBadNumbers(void) {
  const char* const json = "{\"attention_stats\": {\"0\": {\"entropy\": NaN, \"max_row_weight\": 0.2}}}";
  AttnscopeReport* report = NULL;
  CHECK_OK(AttnscopeReportCreate(&report));
  CHECK_OK(AttnscopeReportFromJson(report, json, strlen(json)));
  AttnscopeAccumulator* accumulator = NewAccumulator();
  const float gradient[2] = {NAN, 1.0f};
  AttnscopeBufferView view = {0};
  view.struct_size = sizeof view;
  view.data = gradient;
  view.size = 2;
  CHECK_OK(AttnscopeAccumulatorAddGradient(accumulator, &view));
  CHECK_OK(AttnscopeReportSetLayer(report, 1, accumulator));
  AttnscopeAccumulatorDestroy(accumulator);
  size_t num_verdicts = 0;
  CHECK_OK(AttnscopeReportDiagnose(report, NULL, &num_verdicts));
  CHECK(num_verdicts == 2);
  AttnscopeVerdict verdict = {0};
  verdict.struct_size = sizeof verdict;
  for (size_t i = 0; i < num_verdicts; ++i) {
    CHECK_OK(AttnscopeReportVerdict(report, i, &verdict));
    CHECK(verdict.pathology == ATTNSCOPE_BAD_NUMBERS);
    CHECK(verdict.metric == (verdict.layer == 0 ? ATTNSCOPE_ENTROPY : ATTNSCOPE_GRADIENT_NORM));
  }
  CHECK_OK(AttnscopeReportSetMetric(report, 0, -1, ATTNSCOPE_ENTROPY, NAN));
  CHECK_OK(AttnscopeReportSetMetric(report, 1, -1, ATTNSCOPE_GRADIENT_NORM, NAN));
  CHECK_OK(AttnscopeReportDiagnose(report, NULL, &num_verdicts));
  CHECK(num_verdicts == 0);
  AttnscopeReportDestroy(report);
}

static void TestVerdicts(void) {
  AttnscopeReport* report = NewReport();
  int32_t worst = -1;
  CHECK_OK(AttnscopeReportWorstSeverity(report, &worst));
  CHECK(worst == ATTNSCOPE_HEALTHY);
  int32_t outcome = -1;
  CHECK_OK(AttnscopeReportOutcome(report, -1, &outcome));
  CHECK(outcome == ATTNSCOPE_OUTCOME_NOT_JUDGED);
  /* Its six rows are too few to be judged by default. */
  size_t verdicts = 0;
  CHECK_OK(AttnscopeReportDiagnose(report, NULL, &verdicts));
  CHECK_OK(AttnscopeReportOutcome(report, -1, &outcome));
  CHECK(verdicts == 0 && outcome == ATTNSCOPE_OUTCOME_NOT_JUDGED);
  size_t unjudged = 0;
  CHECK_OK(AttnscopeReportNumUnjudged(report, &unjudged));
  CHECK(unjudged > 0);
  AttnscopeUnjudged first = {.struct_size = sizeof first};
  CHECK_OK(AttnscopeReportUnjudged(report, 0, &first));
  CHECK(first.pathology == ATTNSCOPE_ONE_HOT_COLLAPSE && first.layer == 5 && first.head == -1);
  CHECK(strcmp(first.reason, "needs 16 rows, has 6") == 0);
  CHECK_ERROR(AttnscopeReportUnjudged(report, unjudged, &first), ATTNSCOPE_OUT_OF_RANGE, "index is");
  const AttnscopeThresholds few = ThresholdsOfFewRows();
  CHECK_OK(AttnscopeReportDiagnose(report, &few, &verdicts));
  CHECK(verdicts > 0);
  CHECK_OK(AttnscopeReportOutcome(report, 5, &outcome));
  CHECK(outcome == ATTNSCOPE_OUTCOME_ILL);
  CHECK_ERROR(AttnscopeReportOutcome(report, 4, &outcome), ATTNSCOPE_NOT_FOUND, "the report had no layer 4");
  CHECK_OK(AttnscopeReportWorstSeverity(report, &worst));
  CHECK(worst == ATTNSCOPE_CRITICAL);
  AttnscopeVerdict verdict = {.struct_size = sizeof verdict};
  CHECK_OK(AttnscopeReportVerdict(report, 0, &verdict));
  CHECK(verdict.severity == ATTNSCOPE_CRITICAL && verdict.layer == 5 && strstr(verdict.message, "layer 5") != NULL);
  CHECK_ERROR(AttnscopeReportVerdict(report, verdicts, &verdict), ATTNSCOPE_OUT_OF_RANGE, "index is");
  AttnscopeThresholds thresholds = {.struct_size = sizeof thresholds};
  AttnscopeThresholdsDefaults(&thresholds);
  CHECK(thresholds.sink_mass_critical == 0.8 && thresholds.invalid_row_share_critical == 0.01);
  double* bounds = &thresholds.one_hot_max_row_weight_warning;
  /* cppcheck-suppress comparePointers ; all fields but the first are doubles, one behind the other */
  while (bounds <= &thresholds.invalid_row_share_critical) *bounds++ = NAN;
  CHECK_OK(AttnscopeReportDiagnose(report, &thresholds, &verdicts));
  CHECK(verdicts == 0);
  CHECK_OK(AttnscopeReportWorstSeverity(report, &worst));
  CHECK(worst == ATTNSCOPE_HEALTHY);
  CHECK_INVALID(AttnscopeReportWorstSeverity(NULL, &worst), "report is null");
  CHECK_INVALID(AttnscopeReportWorstSeverity(report, NULL), "out is null");
  AttnscopeReportDestroy(report);
}

/* What the layer is ill of is usual once it is its own baseline; what has left it is a finding. */
static void TestBaselines(void) {
  AttnscopeReport* report = NewReport();
  const AttnscopeThresholds few = ThresholdsOfFewRows();
  size_t ill = 0;
  CHECK_OK(AttnscopeReportDiagnose(report, &few, &ill));
  CHECK(ill > 0);
  size_t usual = 1;
  CHECK_OK(AttnscopeReportNumAsInBaseline(report, &usual));
  CHECK(usual == 0);
  AttnscopeBaseline* baseline = NULL;
  const AttnscopeReport* const reports[2] = {report, report};
  CHECK_OK(AttnscopeBaselineCreate(reports, 2, &baseline));
  CHECK_OK(AttnscopeBaselineCheck(baseline, report));
  size_t verdicts = 1;
  CHECK_OK(AttnscopeReportDiagnoseBeside(report, &few, baseline, &verdicts));
  CHECK_OK(AttnscopeReportNumAsInBaseline(report, &usual));
  CHECK(verdicts == 0 && usual == ill);
  AttnscopeVerdict verdict = {.struct_size = sizeof verdict};
  CHECK_OK(AttnscopeReportAsInBaseline(report, 0, &verdict));
  CHECK(verdict.severity == ATTNSCOPE_CRITICAL && verdict.layer == 5 && isnan(verdict.baseline));
  CHECK_ERROR(AttnscopeReportAsInBaseline(report, usual, &verdict), ATTNSCOPE_OUT_OF_RANGE, "index is");
  CHECK_OK(AttnscopeReportSetMetric(report, 5, 0, ATTNSCOPE_MAX_ROW_WEIGHT, 0.55));
  CHECK_OK(AttnscopeReportDiagnoseBeside(report, &few, baseline, &verdicts));
  CHECK(verdicts == 1);
  CHECK_OK(AttnscopeReportVerdict(report, 0, &verdict));
  CHECK(verdict.pathology == ATTNSCOPE_LEFT_ITS_BASELINE && verdict.head == 0 && IsNear(verdict.baseline, 0.25));
  CHECK(IsNear(verdict.bound, 0.5) && IsNear(verdict.value, 0.55));
  CHECK_OK(AttnscopeReportSetMetric(report, 5, 2, ATTNSCOPE_ENTROPY, 1.0));
  CHECK_INVALID(AttnscopeBaselineCheck(baseline, report), "layer 5 has 3 heads, and 2 in the baseline");
  CHECK_INVALID(AttnscopeBaselineCheck(NULL, report), "baseline is null");
  CHECK_INVALID(AttnscopeReportDiagnoseBeside(report, &few, NULL, &verdicts), "baseline is null");
  AttnscopeBaseline* none = NULL;
  CHECK_INVALID(AttnscopeBaselineCreate(NULL, 0, &none), "a baseline needs a report");
  const AttnscopeReport* const hole[2] = {report, NULL};
  CHECK_INVALID(AttnscopeBaselineCreate(hole, 2, &none), "reports[1] is null");
  CHECK(none == NULL);
  AttnscopeBaselineDestroy(NULL);
  AttnscopeBaselineDestroy(baseline);
  AttnscopeReportDestroy(report);
}

static void TestPng(const char* png_path) {
  AttnscopeReport* report = NewReport();
  AttnscopeFigureOptions options = {.struct_size = sizeof options};
  AttnscopeFigureOptionsDefaults(&options);
  CHECK(options.width == 2000 && options.height == 1500);
  options.width = 800;
  options.height = 600;
  CHECK_OK(AttnscopeReportWritePng(report, &options, png_path));
  const uint8_t* png = NULL;
  size_t size = 0;
  CHECK_OK(AttnscopeReportEncodePng(report, &options, &png, &size));
  CHECK(size > 1000 && memcmp(png, "\x89PNG\r\n\x1a\n", 8) == 0);
  FILE* file = fopen(png_path, "rb");
  CHECK(file != NULL);
  uint8_t* bytes = malloc(size + 1);
  CHECK(file != NULL && bytes != NULL && fread(bytes, 1, size + 1, file) == size && memcmp(bytes, png, size) == 0);
  free(bytes);
  if (file != NULL) fclose(file);
  remove(png_path);
  options.width = 1;
  CHECK_ERROR(AttnscopeReportEncodePng(report, &options, &png, &size), ATTNSCOPE_INVALID_ARGUMENT, "");
  CHECK_ERROR(AttnscopeReportWritePng(report, NULL, "/nowhere/at/all.png"), ATTNSCOPE_IO_ERROR, "");
  AttnscopeReportDestroy(report);
}

/* A report of numbers that were measured elsewhere, and what it says about itself. */
static void TestContents(void) {
  AttnscopeReport* report = NULL;
  CHECK_OK(AttnscopeReportCreate(&report));
  const char* stage = NULL;
  int64_t time = -7;
  size_t count = 9;
  CHECK_OK(AttnscopeReportStage(report, &stage));
  CHECK(strcmp(stage, "") == 0);
  CHECK_ERROR(AttnscopeReportEpoch(report, &time), ATTNSCOPE_NOT_FOUND, "the report has no epoch");
  CHECK_ERROR(AttnscopeReportStep(report, &time), ATTNSCOPE_NOT_FOUND, "the report has no step");
  CHECK(time == -7);
  CHECK_OK(AttnscopeReportNumLayers(report, &count));
  CHECK(count == 0);
  CHECK_OK(AttnscopeReportSetStage(report, "train"));
  CHECK_OK(AttnscopeReportSetEpoch(report, 3));
  CHECK_OK(AttnscopeReportSetStep(report, 20000));
  CHECK_OK(AttnscopeReportSetMetric(report, 7, -1, ATTNSCOPE_ENTROPY, 1.5));
  CHECK_OK(AttnscopeReportSetMetric(report, 2, 1, ATTNSCOPE_SINK_MASS, 0.25));
  CHECK_OK(AttnscopeReportStage(report, &stage));
  CHECK(strcmp(stage, "train") == 0);
  CHECK_OK(AttnscopeReportEpoch(report, &time));
  CHECK(time == 3);
  CHECK_OK(AttnscopeReportStep(report, &time));
  CHECK(time == 20000);
  CHECK_OK(AttnscopeReportNumLayers(report, &count));
  CHECK(count == 2);
  int64_t layer = 0;
  size_t heads = 9;
  CHECK_OK(AttnscopeReportLayerAt(report, 0, &layer, &heads));
  CHECK(layer == 2 && heads == 2);
  CHECK_OK(AttnscopeReportLayerAt(report, 1, &layer, &heads));
  CHECK(layer == 7 && heads == 0);
  CHECK_OK(AttnscopeReportLayerAt(report, 1, NULL, NULL));
  CHECK_ERROR(AttnscopeReportLayerAt(report, 2, &layer, &heads), ATTNSCOPE_OUT_OF_RANGE, "index is 2, of 2 layers");
  double value = 0.0;
  CHECK_OK(AttnscopeReportMetric(report, 2, 1, ATTNSCOPE_SINK_MASS, &value));
  CHECK(value == 0.25);
  CHECK_OK(AttnscopeReportMetric(report, 2, 0, ATTNSCOPE_SINK_MASS, &value));
  CHECK(isnan(value));
  CHECK_OK(AttnscopeReportSetMetric(report, 7, -1, ATTNSCOPE_ENTROPY, NAN));
  CHECK_OK(AttnscopeReportMetric(report, 7, -1, ATTNSCOPE_ENTROPY, &value));
  CHECK(isnan(value));
  CHECK_INVALID(AttnscopeReportSetMetric(report, -1, -1, 0, 1.0), "layer is -1, expected >= 0");
  CHECK_INVALID(AttnscopeReportSetMetric(report, 2, -2, 0, 1.0), "head is -2, expected -1 to 65535");
  CHECK_INVALID(AttnscopeReportSetMetric(report, 2, 65536, 0, 1.0), "head is 65536, expected -1 to 65535");
  CHECK_INVALID(AttnscopeReportSetMetric(report, 9, 0, 99, 1.0), "metric is 99, not an AttnscopeMetric");
  CHECK_OK(AttnscopeReportNumLayers(report, &count));
  CHECK(count == 2); /* what failed made no layer */
  CHECK_INVALID(AttnscopeReportSetStep(NULL, 1), "report is null");
  CHECK_INVALID(AttnscopeReportStage(report, NULL), "out is null");
  AttnscopeReportDestroy(report);
}

static size_t ReadFile(const char* path, unsigned char* bytes, size_t size) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return 0;
  const size_t read = fread(bytes, 1, size, file);
  fclose(file);
  return read;
}

static void TestWriteFile(const char* path) {
  unsigned char bytes[16];
  CHECK_OK(AttnscopeWriteFileAtomically(path, "a\0b", 3));
  CHECK(ReadFile(path, bytes, sizeof bytes) == 3 && memcmp(bytes, "a\0b", 3) == 0);
  CHECK_OK(AttnscopeWriteFileAtomically(path, NULL, 0));
  CHECK(ReadFile(path, bytes, sizeof bytes) == 0);
  CHECK_INVALID(AttnscopeWriteFileAtomically(path, NULL, 1), "bytes is null");
  CHECK_INVALID(AttnscopeWriteFileAtomically(NULL, "a", 1), "path is null");
  CHECK_ERROR(AttnscopeWriteFileAtomically("/nowhere/at/all", "a", 1), ATTNSCOPE_IO_ERROR, "");
  remove(path);
}

static const int32_t kKinds[3] = {ATTNSCOPE_FIGURE_SUMMARY, ATTNSCOPE_FIGURE_HEADS, ATTNSCOPE_FIGURE_HISTORY};

/* Bytes of a figure that lasts no longer than the call: their number, and a sum that tells them apart. */
static size_t Draw(int32_t kind, int32_t format, const AttnscopeReport* report, const AttnscopeFigureOptions* options,
                   uint64_t* hash, const char* begin) {
  AttnscopeFigure* figure = NULL;
  const uint8_t* bytes = NULL;
  size_t size = 0;
  CHECK_OK(AttnscopeFigureCreate(kind, format, &report, 1, options, &figure));
  CHECK_OK(AttnscopeFigureBytes(figure, &bytes, &size));
  *hash = 0;
  for (size_t i = 0; i < size; ++i) *hash = *hash * 31 + bytes[i];
  CHECK(size >= strlen(begin) && memcmp(bytes, begin, strlen(begin)) == 0);
  if (format == ATTNSCOPE_FORMAT_SVG) CHECK(bytes[size] == 0 && strlen((const char*)bytes) == size);
  int32_t width = 0;
  int32_t height = 0;
  double density = 0.0;
  if (format == ATTNSCOPE_FORMAT_SVG) {
    CHECK_ERROR(AttnscopeFigurePixels(figure, &width, &height, &density), ATTNSCOPE_NOT_FOUND, "the figure is an SVG");
  } else {
    CHECK_OK(AttnscopeFigurePixels(figure, &width, &height, &density));
    CHECK(width == 400 && height == 300 && density == 50.0);
    CHECK_OK(AttnscopeFigurePixels(figure, NULL, NULL, NULL));
  }
  if (format == ATTNSCOPE_FORMAT_RGB) CHECK(size == 3u * 400 * 300);
  AttnscopeFigureDestroy(figure);
  return size;
}

static AttnscopeFigureOptions SmallFigure(void) {
  AttnscopeFigureOptions options = {.struct_size = sizeof options};
  CHECK_OK(AttnscopeFigureOptionsDefaults(&options));
  CHECK(options.plain == 0 && options.dark == 0 && options.thresholds == NULL);
  options.width = 800;
  options.height = 600;
  options.scale = 0.5;
  return options;
}

static void TestFigures(void) {
  AttnscopeReport* report = NewReport();
  const AttnscopeFigureOptions options = SmallFigure();
  uint64_t seen[9];
  for (int kind = 0; kind < 3; ++kind) {
    CHECK(Draw(kKinds[kind], ATTNSCOPE_FORMAT_RGB, report, &options, &seen[kind], "") > 0);
    Draw(kKinds[kind], ATTNSCOPE_FORMAT_PNG, report, &options, &seen[3 + kind], "\x89PNG\r\n\x1a\n");
    Draw(kKinds[kind], ATTNSCOPE_FORMAT_SVG, report, &options, &seen[6 + kind], "<");
    for (int i = 0; i < kind; ++i) { /* each kind is another picture */
      CHECK(seen[i] != seen[kind] && seen[3 + i] != seen[3 + kind] && seen[6 + i] != seen[6 + kind]);
    }
  }
  /* The summary is the one of the older function. */
  const uint8_t* png = NULL;
  size_t size = 0;
  CHECK_OK(AttnscopeReportEncodePng(report, &options, &png, &size));
  uint64_t hash = 0;
  for (size_t i = 0; i < size; ++i) hash = hash * 31 + png[i];
  CHECK(hash == seen[3]);
  AttnscopeReportDestroy(report);
  AttnscopeFigureDestroy(NULL);
}

/* Each option changes the picture, and thresholds change what it calls ill. */
static void TestFigureOptions(void) {
  AttnscopeReport* report = NewReport();
  AttnscopeThresholds never = {.struct_size = sizeof never};
  CHECK_OK(AttnscopeThresholdsDefaults(&never));
  double* bounds = &never.one_hot_max_row_weight_warning;
  /* cppcheck-suppress comparePointers ; all fields but the first are doubles, one behind the other */
  while (bounds <= &never.invalid_row_share_critical) *bounds++ = NAN;
  const AttnscopeThresholds few = ThresholdsOfFewRows();
  for (int format = ATTNSCOPE_FORMAT_RGB; format <= ATTNSCOPE_FORMAT_SVG; ++format) {
    uint64_t seen[4];
    for (int option = 0; option < 4; ++option) {
      AttnscopeFigureOptions options = SmallFigure();
      options.plain = option == 1;
      options.dark = option == 2;
      options.thresholds = option == 3 ? &never : &few;
      Draw(ATTNSCOPE_FIGURE_SUMMARY, format, report, &options, &seen[option], "");
      for (int i = 0; i < option; ++i) CHECK(seen[i] != seen[option]);
    }
  }
  AttnscopeReportDestroy(report);
}

/* From column sums to a picture of them. */
static void TestKeys(const char* path) {
  const double sums[2 * 3] = {2.0, 1.0, 1.0, 0.5, 1.0, 0.5};
  const double rows[2] = {4.0, 2.0};
  double mean[3];
  double largest[3];
  AttnscopeKeyProfile profile = {.struct_size = sizeof profile};
  CHECK_OK(AttnscopeMakeKeyProfile(5, sums, rows, 2, 3, mean, largest, &profile));
  CHECK(profile.layer == 5 && profile.heads == 2 && profile.keys == 3 && profile.largest_head == 0);
  CHECK(profile.mean == mean && profile.largest == largest);
  CHECK(mean[0] == 0.375 && mean[1] == 0.375 && mean[2] == 0.25 && largest[0] == 0.5 && largest[2] == 0.25);
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, NULL, rows, 2, 3, mean, largest, &profile), "column_sums is null");
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, sums, NULL, 2, 3, mean, largest, &profile), "rows is null");
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, sums, rows, 2, 3, NULL, largest, &profile), "mean is null");
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, sums, rows, 2, 3, mean, NULL, &profile), "largest is null");
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, sums, rows, 2, 3, mean, largest, NULL), "out is null");
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, sums, rows, 0, 3, mean, largest, &profile), "rows is empty");
  CHECK_INVALID(AttnscopeMakeKeyProfile(5, sums, rows, 2, UINT64_MAX, mean, largest, &profile), "heads is 2 and keys");
  const AttnscopeKeyProfile* const profiles[2] = {&profile, NULL};
  AttnscopeFigureData data = {.struct_size = sizeof data, .keys = profiles, .num_keys = 1};
  const AttnscopeFigureOptions options = SmallFigure();
  CHECK_OK(AttnscopeFigureWriteOf(ATTNSCOPE_FIGURE_KEYS, &data, &options, path));
  remove(path);
  AttnscopeFigure* figure = NULL;
  data.num_keys = 2;
  CHECK_INVALID(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, &data, NULL, &figure),
                "keys[1] is null");
  data.keys = NULL;
  CHECK_INVALID(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, &data, NULL, &figure),
                "keys is null");
  data.num_keys = 0;
  CHECK_INVALID(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, &data, NULL, &figure),
                "keys holds 0 profiles");
  CHECK_INVALID(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, NULL, NULL, &figure),
                "data is null");
  CHECK_INVALID(AttnscopeFigureWriteOf(ATTNSCOPE_FIGURE_KEYS, &data, NULL, NULL), "path is null");
  profile.mean = NULL;
  data.keys = profiles;
  data.num_keys = 1;
  CHECK_INVALID(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, &data, NULL, &figure),
                "keys[0]->mean is null");
  CHECK(figure == NULL);
}

/* The weights of c_test.h, row by row, to a picture of both heads. */
static void TestMaps(const char* path) {
  float cells[kHeads][kQueries * kKeys];
  AttnscopeAttentionMap maps[kHeads];
  AttnscopeAttentionMap* pointers[kHeads];
  const AttnscopeAttentionMap* shown[kHeads];
  for (int head = 0; head < kHeads; ++head) {
    maps[head].struct_size = sizeof maps[head];
    CHECK_OK(AttnscopeMakeAttentionMap(3, head, kQueries, kKeys, 64, cells[head], &maps[head]));
    CHECK(maps[head].rows == kQueries && maps[head].columns == kKeys && cells[head][5] == ATTNSCOPE_HIDDEN_CELL);
    shown[head] = pointers[head] = &maps[head];
  }
  AttnscopeAttentionView view = {.struct_size = sizeof view};
  CHECK_OK(AttnscopeContiguousAttention(kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, kQueries, kKeys, &view));
  view.queries = 1;
  for (uint64_t row = 0; row < kQueries; ++row) {
    view.data = &kWeights[0][row][0];
    CHECK_OK(AttnscopePoolWeights(&view, row, NULL, pointers, kHeads, NULL));
  }
  CHECK(memcmp(cells, kWeights, sizeof cells) == 0);
  /* As logits: even shares of head 0; of head 1, key 2 has e of e + 2. */
  const AttnscopeMask causal = {.struct_size = sizeof causal, .causal = 1, .has_causal_offset = 1};
  AttnscopeSoftmaxParams params = {.struct_size = sizeof params};
  params.mask = &causal;
  view.data = kWeights;
  view.queries = kQueries;
  for (int head = 0; head < kHeads; ++head) {
    CHECK_OK(AttnscopeMakeAttentionMap(3, head, kQueries, kKeys, 64, cells[head], &maps[head]));
  }
  CHECK_OK(AttnscopePoolLogits(&view, 0, &params, pointers, kHeads, NULL));
  CHECK(cells[0][0] == 1.0f && cells[0][1] == ATTNSCOPE_HIDDEN_CELL && fabsf(cells[0][5] - 0.5f) < 1e-6f);
  CHECK(fabsf(cells[1][2 * kKeys + 2] - 0.57611688f) < 1e-6f && cells[1][2 * kKeys + 3] == ATTNSCOPE_HIDDEN_CELL);
  AttnscopeQueryKeyView products = {.struct_size = sizeof products};
  CHECK_OK(AttnscopeContiguousQueryKey(kWeights, kWeights, ATTNSCOPE_FLOAT32, 1, kHeads, kHeads, kQueries, kQueries, 4,
                                       &products));
  CHECK_OK(AttnscopePoolQueriesKeys(&products, 0, NULL, pointers, kHeads, NULL));
  CHECK(fabsf(cells[0][1] - 1.0f / 3.0f) < 1e-6f);
  const AttnscopeFigureData data = {.struct_size = sizeof data, .maps = shown, .num_maps = kHeads};
  const AttnscopeFigureOptions options = SmallFigure();
  CHECK_OK(AttnscopeFigureWriteOf(ATTNSCOPE_FIGURE_MAPS, &data, &options, path));
  remove(path);
  CHECK_INVALID(AttnscopePoolWeights(&view, 0, NULL, pointers, 1, NULL), "maps are 1, for a view of 2 heads");
  CHECK_INVALID(AttnscopePoolWeights(&view, 0, NULL, NULL, kHeads, NULL), "maps is null");
  CHECK_INVALID(AttnscopePoolWeights(NULL, 0, NULL, pointers, kHeads, NULL), "weights is null");
  CHECK_INVALID(AttnscopePoolLogits(NULL, 0, NULL, pointers, kHeads, NULL), "logits is null");
  CHECK_INVALID(AttnscopePoolQueriesKeys(NULL, 0, NULL, pointers, kHeads, NULL), "view is null");
  CHECK_ERROR(AttnscopePoolWeights(&view, 1, NULL, pointers, kHeads, NULL), ATTNSCOPE_OUT_OF_RANGE, "queries 1 to");
  maps[1].cells = NULL;
  CHECK_INVALID(AttnscopePoolWeights(&view, 0, NULL, pointers, kHeads, NULL), "maps[1]->cells is null");
  pointers[1] = NULL;
  CHECK_INVALID(AttnscopePoolWeights(&view, 0, NULL, pointers, kHeads, NULL), "maps[1] is null");
  maps[0].rows = 4097;
  CHECK_INVALID(AttnscopePoolWeights(&view, 0, NULL, pointers, kHeads, NULL), "maps[0]->rows is 4097");
  CHECK_INVALID(AttnscopeMakeAttentionMap(0, 0, 4, 4, 0, cells[0], &maps[0]), "most_cells is 0");
  CHECK_INVALID(AttnscopeMakeAttentionMap(0, 0, 4, 4, 64, NULL, &maps[0]), "cells is null");
  CHECK_INVALID(AttnscopeMakeAttentionMap(0, 0, 4, 4, 64, cells[0], NULL), "out is null");
}

static void TestPage(const char* path) {
  AttnscopeReport* report = NewReport();
  const AttnscopeReport* const reports[1] = {report};
  AttnscopeFigureData data = {.struct_size = sizeof data, .reports = reports, .num_reports = 1};
  CHECK_OK(AttnscopePageWrite(&data, NULL, path));
  unsigned char bytes[16];
  CHECK(ReadFile(path, bytes, sizeof bytes) == sizeof bytes && memcmp(bytes, "<!DOCTYPE html>", 15) == 0);
  remove(path);
  CHECK_INVALID(AttnscopePageWrite(NULL, NULL, path), "data is null");
  CHECK_INVALID(AttnscopePageWrite(&data, NULL, NULL), "path is null");
  data.num_reports = 0;
  CHECK_INVALID(AttnscopePageWrite(&data, NULL, path), "reports holds 0 reports; a page needs one or more");
  AttnscopeReportDestroy(report);
}

static void TestHistory(const char* path) {
  AttnscopeReport* reports[3] = {NewReport(), NewReport(), NewReport()};
  for (int i = 0; i < 3; ++i) CHECK_OK(AttnscopeReportSetStep(reports[i], 100 * (i + 1)));
  const AttnscopeReport* const all[3] = {reports[0], reports[1], reports[2]};
  const AttnscopeFigureOptions options = SmallFigure();
  AttnscopeFigure* figure = NULL;
  CHECK_OK(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, all, 3, &options, &figure));
  const uint8_t* svg = NULL;
  size_t size = 0;
  CHECK_OK(AttnscopeFigureBytes(figure, &svg, &size));
  CHECK_OK(AttnscopeFigureWrite(ATTNSCOPE_FIGURE_HISTORY, all, 3, &options, path));
  unsigned char* bytes = malloc(size + 1);
  CHECK(bytes != NULL && ReadFile(path, bytes, size + 1) == size && memcmp(bytes, svg, size) == 0);
  free(bytes);
  remove(path);
  AttnscopeFigureDestroy(figure);
  figure = NULL;
  CHECK_INVALID(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_SUMMARY, ATTNSCOPE_FORMAT_SVG, all, 3, NULL, &figure),
                "reports holds 3 reports; this figure shows one");
  CHECK_INVALID(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, NULL, 0, NULL, &figure),
                "reports holds 0 reports");
  CHECK_INVALID(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, NULL, 1, NULL, &figure),
                "reports is null");
  const AttnscopeReport* const with_null[2] = {reports[0], NULL};
  CHECK_INVALID(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, with_null, 2, NULL, &figure),
                "reports[1] is null");
  CHECK_INVALID(AttnscopeFigureCreate(5, ATTNSCOPE_FORMAT_SVG, all, 1, NULL, &figure),
                "kind is 5, expected an AttnscopeFigureKind, 0 to 4");
  CHECK_INVALID(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, 7, all, 1, NULL, &figure),
                "format is 7, expected an AttnscopeFigureFormat, 0 to 2");
  CHECK(figure == NULL);
  CHECK_INVALID(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, all, 1, NULL, NULL),
                "out is null");
  CHECK_INVALID(AttnscopeFigureBytes(NULL, &svg, &size), "figure is null");
  CHECK_INVALID(AttnscopeFigurePixels(NULL, NULL, NULL, NULL), "figure is null");
  CHECK_INVALID(AttnscopeFigureWrite(ATTNSCOPE_FIGURE_HISTORY, all, 3, NULL, NULL), "path is null");
  CHECK_ERROR(AttnscopeFigureWrite(ATTNSCOPE_FIGURE_HISTORY, all, 3, &options, "/nowhere/at/all.svg"),
              ATTNSCOPE_IO_ERROR, "");
  for (int i = 0; i < 3; ++i) AttnscopeReportDestroy(reports[i]);
}

void TestReports(const char* png_path) {
  char path[4096];
  TestContents();
  TestJson();
  TestBadNumbers();
  TestVerdicts();
  TestBaselines();
  TestPng(png_path);
  snprintf(path, sizeof path, "%s.bytes", png_path);
  TestWriteFile(path);
  TestFigures();
  TestFigureOptions();
  snprintf(path, sizeof path, "%s.svg", png_path);
  TestHistory(path);
  TestKeys(path);
  TestMaps(path);
  TestPage(path);
}

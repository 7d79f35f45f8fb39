// SPDX-License-Identifier: Apache-2.0
//
// attnscope in C11: everything that an engine needs, for any language that can call C. Example:
//
//   AttnscopeLayerConfig config = {.struct_size = sizeof config};
//   AttnscopeLayerConfigDefaults(&config);
//   config.heads = 32, config.max_keys = 4096;
//   AttnscopeAccumulator* layer = NULL;
//   if (AttnscopeAccumulatorCreate(&config, &layer) != ATTNSCOPE_OK) puts(AttnscopeLastError());
//   AttnscopeAttentionView view = {.struct_size = sizeof view};
//   AttnscopeContiguousAttention(weights, ATTNSCOPE_FLOAT32, 1, 32, queries, keys, &view);
//   AttnscopeAccumulatorAddWeights(layer, &view, NULL, NULL);
//   double metrics[ATTNSCOPE_NUM_METRICS];
//   AttnscopeAccumulatorStats(layer, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0);
//   printf("entropy %g\n", metrics[ATTNSCOPE_ENTROPY]);
//   AttnscopeAccumulatorDestroy(layer);
//
// What a function measures, its costs and its errors are documented at the C++ function of the same name, in the header
// named below; here is what C adds.
//
// Structs begin with `struct_size`, which the caller sets to sizeof before any call. A library that is newer than the
// caller gives the fields that the caller lacks their defaults; one that is older refuses a struct whose fields that it
// does not know are not zero. Reserved fields are zero. Where a pointer to a struct "may be null", null means defaults.
//
// Handles are opaque, made by Create, and freed by Destroy, which takes null too. Functions that return a status set
// AttnscopeLastError when they fail, and leave their outputs alone. A null handle or output is
// ATTNSCOPE_INVALID_ARGUMENT. Nothing throws, aborts or prints. Threads: as the C++ class says; handles share nothing.
#ifndef ATTNSCOPE_ATTNSCOPE_C_H_
#define ATTNSCOPE_ATTNSCOPE_C_H_

#include <stddef.h>
#include <stdint.h>

#include "attnscope/export.h"
#include "attnscope/version.h"

#ifdef __cplusplus
extern "C" {
#endif

// C has no other way: NOLINTBEGIN(modernize-use-using)

// ---- Status, version, targets: attnscope/status.h, attnscope/target.h

// Increases when a program that was compiled before would no longer work.
#define ATTNSCOPE_ABI_VERSION 1
// Of the library; differs from ATTNSCOPE_ABI_VERSION if the wrong one was loaded.
ATTNSCOPE_EXPORT uint32_t AttnscopeAbiVersion(void);
// "0.1.0", of the library. Static.
ATTNSCOPE_EXPORT const char* AttnscopeVersion(void);

typedef enum AttnscopeStatus {
  ATTNSCOPE_OK = 0,
  ATTNSCOPE_INVALID_ARGUMENT = 1,
  ATTNSCOPE_OUT_OF_RANGE = 2,
  ATTNSCOPE_OUT_OF_MEMORY = 3,
  ATTNSCOPE_NOT_FOUND = 4,
  ATTNSCOPE_DATA_LOSS = 5,
  ATTNSCOPE_IO_ERROR = 6,
} AttnscopeStatus;

// The message of the last call that failed on this thread, "" if none did: names the argument and its value. Messages
// above 1023 bytes are cut. Lasts until the thread's next failure.
ATTNSCOPE_EXPORT const char* AttnscopeLastError(void);
// Sets that message and returns `status`: for libraries that extend this interface, as attnscope's own do.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeSetLastError(AttnscopeStatus status, const char* message);

// The SIMD target that kernels run on, such as "AVX2". Static.
ATTNSCOPE_EXPORT const char* AttnscopeChosenTarget(void);
// The targets that are compiled in, the best first; null beyond the last. Static.
ATTNSCOPE_EXPORT const char* AttnscopeCompiledTarget(size_t index);
// Makes kernels run on one target; null or "" restores the CPU's choice.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeForceTarget(const char* name);

// ---- Metrics: attnscope/metrics.h

typedef enum AttnscopeMetric {
  ATTNSCOPE_ENTROPY = 0,
  ATTNSCOPE_EFFECTIVE_RANK = 1,
  ATTNSCOPE_TOP5 = 2,
  ATTNSCOPE_TOP10 = 3,
  ATTNSCOPE_TOP50 = 4,
  ATTNSCOPE_MAX_ROW_WEIGHT = 5,
  ATTNSCOPE_COL_ENTROPY = 6,
  ATTNSCOPE_MAX_COL_SUM = 7,
  ATTNSCOPE_NORMALIZED_ENTROPY = 8,
  ATTNSCOPE_SINK_POSITION = 9,
  ATTNSCOPE_SINK_MASS = 10,
  ATTNSCOPE_FIRST_TOKEN_MASS = 11,
  ATTNSCOPE_SINK_RATE = 12,
  ATTNSCOPE_ROWS = 13,
  ATTNSCOPE_INVALID_ROWS = 14,
  ATTNSCOPE_EMPTY_ROWS = 15,
  ATTNSCOPE_UNNORMALISED_ROWS = 16,
  ATTNSCOPE_MATRICES = 17,
  ATTNSCOPE_KEYS = 18,
  ATTNSCOPE_LOGIT_MEAN = 19,
  ATTNSCOPE_LOGIT_STD = 20,
  ATTNSCOPE_MAX_ABS_LOGIT = 21,
  ATTNSCOPE_SATURATION_RATIO = 22,
  ATTNSCOPE_LOGSUMEXP = 23,
  ATTNSCOPE_RESIDUAL_RATIO = 24,
  ATTNSCOPE_TOKEN_RESIDUAL_RATIO = 25,
  ATTNSCOPE_INFINITE_RESIDUALS = 26,
  ATTNSCOPE_GRADIENT_NORM = 27,
} AttnscopeMetric;
enum { ATTNSCOPE_NUM_METRICS = 28 };

// How many the library has: a newer one may have more.
ATTNSCOPE_EXPORT size_t AttnscopeNumMetrics(void);
// "entropy", as in JSON; null for a number that is no metric. Static.
ATTNSCOPE_EXPORT const char* AttnscopeMetricName(int32_t metric);

// ---- Views: attnscope/attention_view.h, query_key_view.h, softmax_params.h. Strides are in elements.

typedef enum AttnscopeElementType {
  ATTNSCOPE_FLOAT32 = 0,
  ATTNSCOPE_FLOAT16 = 1,
  ATTNSCOPE_BFLOAT16 = 2,
} AttnscopeElementType;

// Weights or logits, [batch, heads, queries, keys].
typedef struct AttnscopeAttentionView {
  uint32_t struct_size;
  int32_t type;  // AttnscopeElementType
  const void* data;
  uint64_t batch;
  uint64_t heads;
  uint64_t queries;
  uint64_t keys;
  int64_t batch_stride;
  int64_t head_stride;
  int64_t query_stride;
  uint64_t first_sequence;
  uint64_t first_head;
} AttnscopeAttentionView;

typedef struct AttnscopeMask {
  uint32_t struct_size;
  uint32_t causal;  // 0 or 1
  int64_t causal_offset;
  const int64_t* key_lengths;  // [batch], or null
} AttnscopeMask;

typedef struct AttnscopeBiasView {
  uint32_t struct_size;
  int32_t type;
  const void* data;
  int64_t batch_stride;
  int64_t head_stride;
  int64_t query_stride;
} AttnscopeBiasView;

typedef struct AttnscopeSoftmaxParams {
  uint32_t struct_size;
  uint32_t reserved;
  double scale;
  double soft_cap;
  const AttnscopeMask* mask;      // may be null
  const AttnscopeBiasView* bias;  // may be null
} AttnscopeSoftmaxParams;

// An array of these has no sizes in it, so this struct never changes.
typedef struct AttnscopeKeyPage {
  const void* data;
  size_t keys;
} AttnscopeKeyPage;

// Queries [batch, heads, queries, head_dim] and keys [batch, kv_heads, keys, head_dim].
typedef struct AttnscopeQueryKeyView {
  uint32_t struct_size;
  int32_t query_type;
  int32_t key_type;
  uint32_t reserved;
  const void* query_data;
  const void* key_data;
  uint64_t batch;
  uint64_t heads;
  uint64_t kv_heads;
  uint64_t queries;
  uint64_t keys;
  uint64_t head_dim;
  int64_t query_batch_stride;
  int64_t query_head_stride;
  int64_t query_stride;
  int64_t query_dim_stride;
  int64_t key_batch_stride;
  int64_t key_head_stride;
  int64_t key_stride;
  int64_t key_dim_stride;
  const AttnscopeKeyPage* pages;  // or null
  uint64_t num_pages;
  uint64_t first_sequence;
  uint64_t first_head;
} AttnscopeQueryKeyView;

// Activations [batch, tokens, channels].
typedef struct AttnscopeActivationView {
  uint32_t struct_size;
  int32_t type;
  const void* data;
  uint64_t batch;
  uint64_t tokens;
  uint64_t channels;
  int64_t batch_stride;
  int64_t token_stride;
} AttnscopeActivationView;

typedef struct AttnscopeBufferView {
  uint32_t struct_size;
  int32_t type;
  const void* data;
  uint64_t size;
} AttnscopeBufferView;

// Fill in all fields for C-contiguous buffers. `view->struct_size` is set already; a view that is too small for these
// fields is left alone.
ATTNSCOPE_EXPORT void AttnscopeContiguousAttention(const void* data, AttnscopeElementType type, uint64_t batch,
                                                   uint64_t heads, uint64_t queries, uint64_t keys,
                                                   AttnscopeAttentionView* view);
// `queries_data` [batch, heads, queries, head_dim], `keys_data` [batch, kv_heads, keys, head_dim].
ATTNSCOPE_EXPORT void AttnscopeContiguousQueryKey(const void* query_data, const void* key_data,
                                                  AttnscopeElementType type, uint64_t batch, uint64_t heads,
                                                  uint64_t kv_heads, uint64_t queries, uint64_t keys, uint64_t head_dim,
                                                  AttnscopeQueryKeyView* view);
ATTNSCOPE_EXPORT void AttnscopeContiguousActivation(const void* data, AttnscopeElementType type, uint64_t batch,
                                                    uint64_t tokens, uint64_t channels, AttnscopeActivationView* view);

// ---- Threads: attnscope/runner.h, thread_runner.h

typedef void (*AttnscopeTask)(void* argument, size_t index);
typedef struct AttnscopeRunner {
  uint32_t struct_size;
  uint32_t reserved;
  void* opaque;
  void (*run)(void* opaque, AttnscopeTask task, void* argument, size_t count);
  uint64_t threads;
} AttnscopeRunner;

typedef struct AttnscopeThreadPool AttnscopeThreadPool;
// A pool for callers that have none; 0 threads: one for each processor.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeThreadPoolCreate(size_t threads, AttnscopeThreadPool** out);
ATTNSCOPE_EXPORT void AttnscopeThreadPoolDestroy(AttnscopeThreadPool* pool);
// Its runner, valid as long as the pool. `out->struct_size` is set already.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeThreadPoolRunner(AttnscopeThreadPool* pool, AttnscopeRunner* out);

// ---- Accumulators: attnscope/layer_accumulator.h. Masks, parameters and runners may be null.

typedef struct AttnscopeLayerConfig {
  uint32_t struct_size;
  uint32_t mean_matrix;  // 0 or 1
  uint64_t heads;
  uint64_t max_keys;
  uint64_t max_batch;
  double tolerance_float32;
  double tolerance_half;
  double saturation_bound;
} AttnscopeLayerConfig;
// Fills in the defaults, as far as `config->struct_size` reaches. So do all functions ...Defaults.
ATTNSCOPE_EXPORT void AttnscopeLayerConfigDefaults(AttnscopeLayerConfig* config);

typedef struct AttnscopeAccumulator AttnscopeAccumulator;
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorCreate(const AttnscopeLayerConfig* config,
                                                            AttnscopeAccumulator** out);
ATTNSCOPE_EXPORT void AttnscopeAccumulatorDestroy(AttnscopeAccumulator* accumulator);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddWeights(AttnscopeAccumulator* accumulator,
                                                                const AttnscopeAttentionView* weights,
                                                                const AttnscopeMask* mask,
                                                                const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddLogits(AttnscopeAccumulator* accumulator,
                                                               const AttnscopeAttentionView* logits,
                                                               const AttnscopeSoftmaxParams* params,
                                                               const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddQueriesKeys(AttnscopeAccumulator* accumulator,
                                                                    const AttnscopeQueryKeyView* view,
                                                                    const AttnscopeSoftmaxParams* params,
                                                                    const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorReserve(AttnscopeAccumulator* accumulator,
                                                             const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddResidual(AttnscopeAccumulator* accumulator,
                                                                 const AttnscopeActivationView* before,
                                                                 const AttnscopeActivationView* after);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddGradient(AttnscopeAccumulator* accumulator,
                                                                 const AttnscopeBufferView* gradient);
// Ends all open sequences, or one.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorEndSequences(AttnscopeAccumulator* accumulator);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorEndSequence(AttnscopeAccumulator* accumulator, uint64_t sequence);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorReset(AttnscopeAccumulator* accumulator);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorMerge(AttnscopeAccumulator* accumulator,
                                                           const AttnscopeAccumulator* other);
// `layer` [num_metrics], `heads` [num_heads, num_metrics]; either may be null. Metrics and heads that were not
// measured, or that there are not, are NaN.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorStats(const AttnscopeAccumulator* accumulator, double* layer,
                                                           double* heads, size_t num_metrics, size_t num_heads);
// The state's arrays, for any all-reduce: sums are added, maxima take the maximum. They last as long as the
// accumulator; the call brings them up to date, so make it before each all-reduce.
// `*count` is their length, `*closed` what is enough when no sequence is open; either may be null. Null without a
// handle.
ATTNSCOPE_EXPORT double* AttnscopeAccumulatorSums(AttnscopeAccumulator* accumulator, size_t* count, size_t* closed);
ATTNSCOPE_EXPORT double* AttnscopeAccumulatorMaxima(AttnscopeAccumulator* accumulator, size_t* count, size_t* closed);

// ---- Verdicts: attnscope/diagnosis.h

typedef enum AttnscopeSeverity {
  ATTNSCOPE_HEALTHY = 0,
  ATTNSCOPE_WARNING = 1,
  ATTNSCOPE_CRITICAL = 2,
} AttnscopeSeverity;

typedef enum AttnscopePathology {
  ATTNSCOPE_ONE_HOT_COLLAPSE = 0,
  ATTNSCOPE_SINK_COLLAPSE = 1,
  ATTNSCOPE_UNIFORM_ATTENTION = 2,
  ATTNSCOPE_VANISHING_LAYER = 3,
  ATTNSCOPE_EXPLODING_UPDATE = 4,
  ATTNSCOPE_SATURATED_SOFTMAX = 5,
  ATTNSCOPE_BAD_NUMBERS = 6,
} AttnscopePathology;

typedef struct AttnscopeThresholds {
  uint32_t struct_size;
  uint32_t reserved;
  double one_hot_max_row_weight_warning;
  double one_hot_effective_rank_warning;
  double one_hot_effective_rank_min_keys;
  double one_hot_max_row_weight_critical;
  double one_hot_normalized_entropy_critical;
  double sink_mass_warning;
  double sink_mass_critical;
  double sink_col_entropy_share_critical;
  double uniform_normalized_entropy_warning;
  double uniform_normalized_entropy_critical;
  double uniform_top5_factor_critical;
  double vanishing_residual_ratio_warning;
  double vanishing_residual_ratio_critical;
  double exploding_residual_ratio_warning;
  double exploding_residual_ratio_critical;
  double saturation_ratio_warning;
  double saturation_ratio_critical;
  double invalid_row_share_critical;
} AttnscopeThresholds;
ATTNSCOPE_EXPORT void AttnscopeThresholdsDefaults(AttnscopeThresholds* thresholds);

typedef struct AttnscopeVerdict {
  uint32_t struct_size;
  int32_t pathology;  // AttnscopePathology
  int32_t severity;   // AttnscopeSeverity
  int32_t metric;     // AttnscopeMetric
  int64_t layer;
  int64_t head;  // -1: the layer as a whole
  double value;
  double bound;
  const char* message;
} AttnscopeVerdict;

// ---- The monitor: attnscope/attention_monitor.h; its records: docs/monitor.md

typedef struct AttnscopeVerdictChange {
  uint32_t struct_size;
  int32_t from;  // AttnscopeSeverity
  int32_t to;
  uint32_t reserved;
  uint64_t window;
  uint64_t step;
  const AttnscopeVerdict* verdict;
} AttnscopeVerdictChange;

typedef struct AttnscopeMonitorConfig {
  uint32_t struct_size;
  uint32_t stagger_layers;  // 0 or 1
  uint64_t layers;
  int64_t first_layer;
  const uint64_t* watched_layers;  // [num_watched_layers]; none: all
  uint64_t num_watched_layers;
  const AttnscopeLayerConfig* layer;  // may not be null
  uint64_t lanes;
  uint64_t every_steps;
  double budget;
  uint64_t window_steps;
  uint64_t window_tokens;
  const char* stage;                      // null: ""
  const AttnscopeThresholds* thresholds;  // may be null
  uint32_t per_head;                      // 0 or 1
  uint32_t worsen_windows;
  uint32_t recover_windows;
  uint32_t reserved;
  double recover_margin;
  void* opaque;
  // Either may be null. The line ends with a zero byte behind its `length`.
  void (*on_window)(void* opaque, const char* json_line, size_t length);
  void (*on_change)(void* opaque, const AttnscopeVerdictChange* change);
  uint64_t (*now_nanoseconds)(void* opaque);
} AttnscopeMonitorConfig;
// `stage` becomes "serve".
ATTNSCOPE_EXPORT void AttnscopeMonitorConfigDefaults(AttnscopeMonitorConfig* config);

typedef struct AttnscopeMonitor AttnscopeMonitor;
// Copies what `config` points to.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorCreate(const AttnscopeMonitorConfig* config, AttnscopeMonitor** out);
ATTNSCOPE_EXPORT void AttnscopeMonitorDestroy(AttnscopeMonitor* monitor);
// 1 if this step of this layer should be fed, else 0; 0 for null.
ATTNSCOPE_EXPORT int AttnscopeMonitorShouldSample(const AttnscopeMonitor* monitor, uint64_t layer, uint64_t step);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorAddWeights(AttnscopeMonitor* monitor, uint64_t layer,
                                                            const AttnscopeAttentionView* weights,
                                                            const AttnscopeMask* mask, const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorAddLogits(AttnscopeMonitor* monitor, uint64_t layer,
                                                           const AttnscopeAttentionView* logits,
                                                           const AttnscopeSoftmaxParams* params,
                                                           const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorAddQueriesKeys(AttnscopeMonitor* monitor, uint64_t layer,
                                                                const AttnscopeQueryKeyView* view,
                                                                const AttnscopeSoftmaxParams* params,
                                                                const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorAddResidual(AttnscopeMonitor* monitor, uint64_t layer,
                                                             const AttnscopeActivationView* before,
                                                             const AttnscopeActivationView* after);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorAddGradient(AttnscopeMonitor* monitor, uint64_t layer,
                                                             const AttnscopeBufferView* gradient);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorReserve(AttnscopeMonitor* monitor, const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorEndSequence(AttnscopeMonitor* monitor, uint64_t sequence);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorEndStep(AttnscopeMonitor* monitor, uint64_t step, uint64_t tokens);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorCloseWindow(AttnscopeMonitor* monitor);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorMergeInto(const AttnscopeMonitor* monitor, uint64_t layer,
                                                           AttnscopeAccumulator* accumulator);

// ---- Reports: attnscope/report.h

typedef struct AttnscopeReport AttnscopeReport;
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportCreate(AttnscopeReport** out);
ATTNSCOPE_EXPORT void AttnscopeReportDestroy(AttnscopeReport* report);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetStage(AttnscopeReport* report, const char* stage);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetEpoch(AttnscopeReport* report, int64_t epoch);
// Puts what the accumulator measured into the entry of a layer, in the place of what was there.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetLayer(AttnscopeReport* report, int64_t layer,
                                                         const AttnscopeAccumulator* accumulator);
// One value; head -1 is the layer as a whole. NaN if it was not measured; ATTNSCOPE_NOT_FOUND if there is no such layer
// or head.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportMetric(const AttnscopeReport* report, int64_t layer, int64_t head,
                                                       int32_t metric, double* out);
// The report as JSON, zero-terminated; `length` may be null. Lasts until the report's next call of this function.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportToJson(AttnscopeReport* report, const char** json, size_t* length);
// Finds all verdicts, worst first; `thresholds` may be null.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportDiagnose(AttnscopeReport* report, const AttnscopeThresholds* thresholds,
                                                         size_t* num_verdicts);
// One of them; `out->struct_size` is set already. Its message lasts until the report's next Diagnose.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportVerdict(const AttnscopeReport* report, size_t index,
                                                        AttnscopeVerdict* out);

// ---- Link attnscope::report (libattnscope_report) for this one.

// A report from JSON, in the place of what was there.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportFromJson(AttnscopeReport* report, const char* json, size_t length);

// ---- Pictures: attnscope/summary_figure.h. Link attnscope::render (libattnscope_render).

typedef struct AttnscopeFigureOptions {
  uint32_t struct_size;
  int32_t width;
  int32_t height;
  uint32_t reserved;
  double scale;
} AttnscopeFigureOptions;
ATTNSCOPE_EXPORT void AttnscopeFigureOptionsDefaults(AttnscopeFigureOptions* options);
// The six-panel picture as a PNG file, at `path`, whole or not at all; `options` may be null.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportWritePng(const AttnscopeReport* report,
                                                         const AttnscopeFigureOptions* options, const char* path);
// The same in memory. Lasts until the report's next call of this function.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportEncodePng(AttnscopeReport* report,
                                                          const AttnscopeFigureOptions* options, const uint8_t** png,
                                                          size_t* size);

// NOLINTEND(modernize-use-using)

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // ATTNSCOPE_ATTNSCOPE_C_H_

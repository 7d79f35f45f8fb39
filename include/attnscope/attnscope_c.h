// SPDX-License-Identifier: Apache-2.0
//
// attnscope in C11, all of it, for C and for any language that can call C. Example, one layer measured and drawn:
//
//   AttnscopeLayerConfig config = {.struct_size = sizeof config};
//   AttnscopeLayerConfigDefaults(&config);
//   config.heads = 32, config.max_keys = 4096;
//   AttnscopeAccumulator* layer = NULL;
//   if (AttnscopeAccumulatorCreate(&config, &layer) != ATTNSCOPE_OK) puts(AttnscopeLastError());
//   // For each step: softmax output [batch, heads, queries, keys].
//   AttnscopeAttentionView view = {.struct_size = sizeof view};
//   AttnscopeContiguousAttention(weights, ATTNSCOPE_FLOAT16, 1, 32, queries, keys, &view);
//   AttnscopeMask mask = {.struct_size = sizeof mask, .causal = 1};
//   if (AttnscopeAccumulatorAddWeights(layer, &view, &mask, NULL) != ATTNSCOPE_OK) puts(AttnscopeLastError());
//   AttnscopeAccumulatorEndSequences(layer);
//   double metrics[ATTNSCOPE_NUM_METRICS];
//   AttnscopeAccumulatorStats(layer, metrics, NULL, ATTNSCOPE_NUM_METRICS, 0);
//   printf("entropy %g nats\n", metrics[ATTNSCOPE_ENTROPY]);
//   AttnscopeReport* report = NULL;
//   AttnscopeReportCreate(&report);
//   AttnscopeReportSetLayer(report, 0, layer);
//   AttnscopeReportWritePng(report, NULL, "summary.png");  // this one needs libattnscope_render
//   AttnscopeReportDestroy(report);
//   AttnscopeAccumulatorDestroy(layer);
//
// A program that embeds attnscope needs AttentionMonitor's functions, below; examples/plain_c is one.
//
// STATUS. Functions that can fail return an AttnscopeStatus. A call that fails leaves its outputs and its handle as
// they were, and sets AttnscopeLastError of the calling thread to a message that names the argument and its value. A
// handle, or an output, that is null is ATTNSCOPE_INVALID_ARGUMENT unless its function says that it may be null. A
// function that lists "Errors" can return these besides. Nothing throws, aborts or prints.
//
// STRUCTS begin with `struct_size`, which the caller sets to sizeof before any call, also for outputs. Later versions
// only add fields at the end, so programs go on working with newer libraries, without being compiled anew: the fields
// that a program does not know have their defaults, and none of its bytes behind the struct are touched. A program that
// is newer than the library may leave the fields that the library does not know zero; other values are refused. Of an
// output the library sets those to zero. Sizes that no published struct has had are refused, among them 0 and sizeof of
// a pointer. `reserved` must be zero, flags are 0 or 1; other values are refused. Where a pointer to a struct may be
// null, null stands for its defaults.
//
// HANDLES are opaque. Create makes them and Destroy frees them; Destroy takes null too. Two handles share nothing. What
// a function hands out (text, bytes, arrays) belongs to the handle, and lasts as the function says.
//
// THREADS. "Thread-safe" is a function that any threads may call at once. Of all others, one thread at a time may use a
// handle, unless the handle's section says otherwise; different handles are independent.
//
// UNITS. Entropies are in nats. Strides and sizes are in elements, and "bytes" is said where they are not; strides may
// be negative or zero. Shapes are written [outermost, ..., innermost]. Buffers need the alignment of their element type
// only, and must last as long as the call.
//
// NO INTERFACE, and free to change: the texts of messages and verdicts, what is behind a handle, the meaning of single
// elements of an accumulator's arrays, the order of JSON's keys, and every name that this header does not declare.
// Anything else stays, or ATTNSCOPE_ABI_VERSION is raised. It is one header, so that generators of bindings find all.
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

// ---- Status, version, targets (in C++: attnscope/status.h, attnscope/target.h). All are thread-safe.

// Increases when a program that was compiled before would no longer work.
#define ATTNSCOPE_ABI_VERSION 1
// Of the library; differs from ATTNSCOPE_ABI_VERSION if the wrong one was loaded.
ATTNSCOPE_EXPORT uint32_t AttnscopeAbiVersion(void);
// "0.1.0", of the library. Static text.
ATTNSCOPE_EXPORT const char* AttnscopeVersion(void);

// Why a call failed.
typedef enum AttnscopeStatus {
  ATTNSCOPE_OK = 0,
  ATTNSCOPE_INVALID_ARGUMENT = 1,  // a value makes no sense by itself or beside another
  ATTNSCOPE_OUT_OF_RANGE = 2,      // a sensible value beyond what this handle was made for
  ATTNSCOPE_OUT_OF_MEMORY = 3,     // an allocation was refused
  ATTNSCOPE_NOT_FOUND = 4,         // a layer, head or value that is not there
  ATTNSCOPE_DATA_LOSS = 5,         // input that is malformed or cut off
  ATTNSCOPE_IO_ERROR = 6,          // the operating system refused to read or write
} AttnscopeStatus;

// The message of the last call that failed on this thread, "" if none did: names the argument and its value. A call
// that succeeds leaves it. Messages above 1023 bytes are cut. Lasts until the thread's next failure.
ATTNSCOPE_EXPORT const char* AttnscopeLastError(void);
// Sets that message, "" for null, and returns `status`: for libraries that extend this interface, as attnscope's own
// do.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeSetLastError(AttnscopeStatus status, const char* message);

// The SIMD target that kernels run on, such as "AVX2". Static text.
ATTNSCOPE_EXPORT const char* AttnscopeChosenTarget(void);
// The targets that are compiled in, the best first; null beyond the last. Static text.
ATTNSCOPE_EXPORT const char* AttnscopeCompiledTarget(size_t index);
// Makes kernels run on one target from now on; null or "" restores the CPU's choice. It is Highway's own switch, so
// other users of the same Highway library follow it. Call it while no kernel runs. Errors: INVALID_ARGUMENT for a name
// that is not compiled in, OUT_OF_RANGE for a target that this CPU lacks.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeForceTarget(const char* name);

// ---- Limits (attnscope/limits.h): the sizes that attnscope takes. What is beyond is refused, with the name of the
// argument and its value.

#define ATTNSCOPE_MAX_HEADS 65536                        // of a layer
#define ATTNSCOPE_MAX_BATCH 65536                        // sequences that are open at once
#define ATTNSCOPE_MAX_KEYS 2147483647                    // of a row
#define ATTNSCOPE_MAX_QUERIES 2147483647                 // rows that a call adds to a matrix
#define ATTNSCOPE_MAX_HEAD_DIM 1024                      // elements of a query, and of a key
#define ATTNSCOPE_MAX_VIEW_ELEMENTS ((uint64_t)1 << 60)  // that a view may hold, or span by its strides
#define ATTNSCOPE_MAX_TOP_MASSES 8                       // of a row: values of k
#define ATTNSCOPE_MAX_TOP_K 1024                         // of a row: the largest k
#define ATTNSCOPE_MAX_LAYERS 65536                       // of one model
#define ATTNSCOPE_MAX_THREADS 4096                       // of a runner that are made use of
#define ATTNSCOPE_MAX_MONITOR_LANES 1024                 // of a monitor
#define ATTNSCOPE_MAX_BASELINE_WINDOWS 1024              // of a monitor that make a baseline
// Rows that are shared among processes give bit-identical column sums if they are cut between blocks of so many rows,
// counted from the first of their sequence.
#define ATTNSCOPE_ROWS_PER_BLOCK 16

// ---- Metrics (attnscope/metrics.h, which has the definitions; README.md has them as a table). All are thread-safe.

// Indexes into arrays of metrics.
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
  ATTNSCOPE_UNNORMALIZED_ROWS = 16,
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
  ATTNSCOPE_MASKED_ROWS = 28,
  ATTNSCOPE_NULL_MASS = 29,
  ATTNSCOPE_MAX_LOGIT = 30,

  ATTNSCOPE_UNNORMALISED_ROWS = ATTNSCOPE_UNNORMALIZED_ROWS,  // deprecated: the old spelling
} AttnscopeMetric;
enum { ATTNSCOPE_NUM_METRICS = 31 };

// The number of the mean mass of the k largest weights of a row, k from 1 to ATTNSCOPE_MAX_TOP_K, a metric of its own
// for each k: ATTNSCOPE_TOP5, ATTNSCOPE_TOP10, ATTNSCOPE_TOP50, or one that is no index into arrays of metrics. -1 for
// another k.
ATTNSCOPE_EXPORT int32_t AttnscopeTopMass(uint32_t k);

// Values of k, ascending. It is part of other structs, so it never changes.
typedef struct AttnscopeTopKValues {
  uint32_t num_values;  // 0: the defaults
  uint32_t reserved;    // 0
  uint32_t values[ATTNSCOPE_MAX_TOP_MASSES];
} AttnscopeTopKValues;

// How many the library has: a newer one may have more.
ATTNSCOPE_EXPORT size_t AttnscopeNumMetrics(void);
// "entropy", as in JSON and in tables; null for a number that is no metric. Static text.
ATTNSCOPE_EXPORT const char* AttnscopeMetricName(int32_t metric);

// Where a metric stands in a report's JSON.
typedef enum AttnscopeMetricGroup {
  ATTNSCOPE_GROUP_ATTENTION = 0,  // {"attention_stats": {"<layer>": {"<name>": value}}}
  ATTNSCOPE_GROUP_LOGITS = 1,     // {"qk_logit_stats": {"<layer>": {"<name>": value}}}
  ATTNSCOPE_GROUP_LAYER = 2,      // {"<report_key>": {"<layer>": value}}
} AttnscopeMetricGroup;

// How a metric's value is kept and made.
typedef enum AttnscopeMetricKind {
  ATTNSCOPE_KIND_MEAN = 0,     // a sum over units, divided by their number
  ATTNSCOPE_KIND_COUNT = 1,    // a sum over units that is a whole number
  ATTNSCOPE_KIND_MAXIMUM = 2,  // the largest of all units
  ATTNSCOPE_KIND_OTHER = 3,
  ATTNSCOPE_KIND_SIGNED_MAXIMUM = 4,  // the largest of all units
} AttnscopeMetricKind;

// What has one value of a metric each.
typedef enum AttnscopeMetricUnit {
  ATTNSCOPE_UNIT_ROW = 0,
  ATTNSCOPE_UNIT_ROW_OF_SEVERAL_KEYS = 1,
  ATTNSCOPE_UNIT_LOGIT_ROW = 2,
  ATTNSCOPE_UNIT_LOGIT = 3,
  ATTNSCOPE_UNIT_MATRIX = 4,
  ATTNSCOPE_UNIT_HEAD = 5,
  ATTNSCOPE_UNIT_SEQUENCE = 6,
  ATTNSCOPE_UNIT_TOKEN = 7,
  ATTNSCOPE_UNIT_BUFFER = 8,
  ATTNSCOPE_UNIT_ROW_WITH_NULL_MASS = 9,  // a row whose sum is meant to be below 1
} AttnscopeMetricUnit;

// How values are drawn over time.
typedef enum AttnscopeMetricScale {
  ATTNSCOPE_SCALE_LINEAR = 0,
  ATTNSCOPE_SCALE_LOG = 1,
  ATTNSCOPE_SCALE_SHARE = 2,  // from 0 to 1
} AttnscopeMetricScale;

// What is known of a metric.
typedef struct AttnscopeMetricInfo {
  uint32_t struct_size;
  int32_t metric;          // AttnscopeMetric
  int32_t group;           // AttnscopeMetricGroup
  uint32_t per_head;       // 1: heads have it too
  uint32_t is_count;       // 1: a whole number
  uint32_t top_k;          // of a top-k mass its k; 0: none
  const char* name;        // as in JSON and in tables
  const char* report_key;  // the top-level key of JSON that holds it
  const char* meaning;     // one line for people
  const char* title;       // in figures over time; "": not drawn there
  const char* axis;        // the unit of values, as figures name it
  const char* old_name;    // also read from JSON; "": none
  int32_t kind;            // AttnscopeMetricKind
  int32_t unit;            // AttnscopeMetricUnit
  int32_t scale;           // AttnscopeMetricScale
  uint32_t column;         // in the command's table, whose columns stand in this order; 0: none
  uint32_t digits;         // behind the point, in that table
  uint32_t reserved2;      // 0
} AttnscopeMetricInfo;
// What there is to know about a metric; its texts are static. Errors: INVALID_ARGUMENT for a number that is no metric.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMetricInfoOf(int32_t metric, AttnscopeMetricInfo* out);

// ---- Views (attnscope/attention_view.h, visibility.h, softmax_params.h, query_key_view.h): descriptions of buffers
// that someone else owns. They hold no memory, are cheap to copy, and must outlive only the call that they are passed
// to.

// The type of a buffer's elements.
typedef enum AttnscopeElementType {
  ATTNSCOPE_FLOAT32 = 0,
  ATTNSCOPE_FLOAT16 = 1,   // IEEE 754 binary16
  ATTNSCOPE_BFLOAT16 = 2,  // the upper half of a float32
} AttnscopeElementType;
// Bytes of one element: 4, 2, 2; 0 for a number that is no type. Thread-safe.
ATTNSCOPE_EXPORT size_t AttnscopeElementBytes(int32_t type);

// Attention of one layer, [batch, heads, queries, keys]: post-softmax weights, or logits. The keys of one query are
// contiguous; every other dimension may have any stride. Elements between the rows are never read.
typedef struct AttnscopeAttentionView {
  uint32_t struct_size;
  int32_t type;      // AttnscopeElementType
  const void* data;  // element [0, 0, 0, 0]
  uint64_t batch;    // sequences
  uint64_t heads;    // heads present in this buffer
  uint64_t queries;  // rows of each matrix
  uint64_t keys;     // columns of each matrix
  int64_t batch_stride;
  int64_t head_stride;
  int64_t query_stride;
  // Matrix [b, h] belongs to sequence `first_sequence + b` and head `first_head + h` of the accumulator: for ranks that
  // hold some of the heads, and for engines that feed one sequence of a batch at a time. Everyone else: 0.
  uint64_t first_sequence;
  uint64_t first_head;
  // Of weights. 1: rows are meant to sum to less than 1, as a learned sink has the rest. Then only sums above 1 are
  // unnormalized, and the rest is ATTNSCOPE_NULL_MASS.
  uint32_t null_mass;
  uint32_t reserved;  // 0
} AttnscopeAttentionView;

// How a window moves with the query.
typedef enum AttnscopeWindowKind {
  ATTNSCOPE_WINDOW_SLIDING = 0,  // the last `window` keys
  ATTNSCOPE_WINDOW_CHUNKED = 1,  // from the last multiple of `window` on
} AttnscopeWindowKind;

// Bytes [batch, heads, queries, keys]: 0 hides a key from a query, anything else shows it. Strides are in bytes.
typedef struct AttnscopeKeyMaskView {
  uint32_t struct_size;
  uint32_t reserved;     // 0
  const uint8_t* data;   // of sequence 0 and head 0 of the view that is measured, row 0, key 0; null: no mask
  int64_t batch_stride;  // 0 where one serves all, as in the next three
  int64_t head_stride;
  int64_t query_stride;
  int64_t key_stride;
} AttnscopeKeyMaskView;

// The keys that a row sees are those that all fields allow; zeros allow all. What a row does not see is never read, may
// hold anything, counts as weight zero, and enters no measure. A row that sees no key is masked, which is not empty: it
// is counted as such, and in no mean. Arrays must outlive the call only.
//
// Row i of a view stands at position p = i + causal_offset among the keys, also where `causal` is 0.
typedef struct AttnscopeMask {
  uint32_t struct_size;
  uint32_t causal;  // 1: keys up to position p
  // 0: the last query of the view sees its last key, keys - queries, or, with key_positions, the largest of these less
  // queries - 1. It is the same for all sequences of a view, whatever their lengths: where their queries stand at
  // different positions, as in a batch of caches that are padded on the right, each is a call of its own. An offset of
  // 0 that is meant needs has_causal_offset. (Programs that were compiled before there was that field have what they
  // were compiled for: their 0 is meant.)
  int64_t causal_offset;
  const int64_t* key_lengths;    // [batch], each 0 to keys: keys from there on are not there (right padding)
  const int64_t* first_keys;     // [batch], each 0 to keys: keys before it are not there (left padding)
  const int64_t* query_lengths;  // [batch], each 0 to queries: rows from there on see nothing
  // Keys j > p - window: the query's own key counts, as in the `sliding_window` of Hugging Face. FlashAttention's
  // window_size = (left, right) is window = left + 1, window_after = right. 0: no window.
  int64_t window;
  int64_t window_after;        // keys j <= p + window_after. -1, or 0 without has_window_after: all
  int32_t window_kind;         // AttnscopeWindowKind
  uint32_t has_causal_offset;  // 1: causal_offset is meant, also where it is 0
  uint32_t has_window_after;   // 1: window_after is meant, also where it is 0
  // 1: keys were removed from the cache on purpose since the sequence's last call. Otherwise fewer keys than an open
  // sequence has had are an error, unless there is a window or positions.
  uint32_t keys_were_evicted;
  // Packed documents: keys of the segment that position p is in. Ascending: [0, ..., keys] (`cu_seqlens`), the same for
  // all sequences; positions outside see nothing. Null: one segment.
  const int64_t* segments;  // [num_segments + 1]
  uint64_t num_segments;
  const AttnscopeKeyMaskView* key_mask;  // null: none
  // A ring buffer's cells: key j is at position key_positions[b * key_positions_stride + j], below the accumulator's
  // max_keys, or at -1, which is an empty cell. All fields above but key_mask, and the metrics of columns, then speak
  // of positions; key_mask and biases of cells. Null: key j is at position j.
  const int64_t* key_positions;
  int64_t key_positions_stride;  // 0: the same for all sequences
} AttnscopeMask;

// Added to the logits of matrix [b, h], row i: ALiBi, relative positions, padding of -infinity. The keys of one row are
// contiguous. Read is what the mask lets a row see, nothing else.
typedef struct AttnscopeBiasView {
  uint32_t struct_size;
  int32_t type;          // AttnscopeElementType
  const void* data;      // of sequence 0 and head 0 of the logits' own view, row 0; null: no bias
  int64_t batch_stride;  // 0 where one serves all, as in the next two
  int64_t head_stride;
  int64_t query_stride;
  // [heads of the view], or null: 1. What is added is head_factors[h] times what stands in `data`: ALiBi is one row of
  // distances and the heads' slopes. A bias that masks a key does so whatever its factor.
  const float* head_factors;
} AttnscopeBiasView;

// The logits that enter the softmax, and that the logit metrics are of:
//   s_ij = soft_cap * tanh(scale * x_ij / soft_cap) + bias_ij,   without soft cap   s_ij = scale * x_ij + bias_ij,
// where x_ij is a given logit, or the product of query i and key j. A key is masked by value where the given x_ij, or
// the bias, is -infinity, or at or below masked_below, or, in float16, is its lowest finite number: it is then not
// seen, as if the mask had said so. Products of queries and keys mask nothing.
typedef struct AttnscopeSoftmaxParams {
  uint32_t struct_size;
  uint32_t reserved;              // 0
  double scale;                   // 0: 1 for logits, 1 / sqrt(head_dim) for queries and keys; else 2^-96 to 2^96
  double soft_cap;                // 0: none; else 2^-96 to 2^96
  const AttnscopeMask* mask;      // null: all keys are seen
  const AttnscopeBiasView* bias;  // null: none
  double masked_below;            // 0: -1e8; -infinity: finite values are no masks
  // [heads of the view], or null. A learned sink: exp(sinks[h]) is added to the softmax's denominator, so that weights
  // sum to less than 1; the rest is ATTNSCOPE_NULL_MASS. -infinity: none for this head.
  const float* sinks;
} AttnscopeSoftmaxParams;

// A block of consecutive keys of one sequence, [kv_heads, keys, head_dim] with the strides of the view. An array of
// these has no sizes in it, so this struct never changes.
typedef struct AttnscopeKeyPage {
  const void* data;  // element [head 0, its first key, 0]
  size_t keys;
} AttnscopeKeyPage;

// Keys that are no floats, such as those of a quantised cache. `load` writes keys [first, first + count) of a head of
// keys as float32 [count, head_dim] to `to`; sequences and heads are counted from 0 in the view, whatever its
// first_sequence and first_head are. It is called on the threads of the call, also several times for a key, for at most
// a few hundred keys at a time, and must not fail. This struct never changes.
typedef struct AttnscopeKeyLoader {
  void (*load)(const void* context, size_t sequence, size_t kv_head, size_t first, size_t count, size_t head_dim,
               float* to);
  const void* context;
} AttnscopeKeyLoader;

// 8-bit floats: PyTorch's float8_e4m3fn and float8_e5m2.
typedef enum AttnscopeFloat8 {
  ATTNSCOPE_FLOAT8_E4M3FN = 0,
  ATTNSCOPE_FLOAT8_E5M2 = 1,
} AttnscopeFloat8;

// Keys [batch, kv_heads, keys, head_dim] of 8-bit floats with any strides, in bytes. Key = scale * float8.
typedef struct AttnscopeFloat8Keys {
  uint32_t struct_size;
  int32_t type;  // AttnscopeFloat8
  const uint8_t* data;
  int64_t batch_stride;
  int64_t head_stride;
  int64_t key_stride;
  int64_t dim_stride;
  float scale;               // 0: 1
  uint32_t reserved;         // 0
  const float* head_scales;  // [kv_heads], in place of `scale`; null: none
} AttnscopeFloat8Keys;

// Blocks of 32 elements, as in ggml's files and caches.
typedef enum AttnscopeGgmlBlock {
  ATTNSCOPE_GGML_Q8_0 = 0,  // a float16 scale, then 32 signed bytes
  ATTNSCOPE_GGML_Q4_0 = 1,  // a float16 scale, then 16 bytes of two elements each
} AttnscopeGgmlBlock;

// Keys [batch, kv_heads, keys] of head_dim elements each, in blocks one behind the other; strides in bytes.
typedef struct AttnscopeGgmlBlockKeys {
  uint32_t struct_size;
  int32_t type;  // AttnscopeGgmlBlock
  const void* data;
  int64_t batch_stride;
  int64_t head_stride;
  int64_t key_stride;
} AttnscopeGgmlBlockKeys;

// Loaders of these keys (attnscope/key_loaders.h): the struct too must outlive the calls that use the loader. Any other
// type needs a function of your own. Thread-safe. Errors: INVALID_ARGUMENT for a type that there is not.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyLoaderOfFloat8(const AttnscopeFloat8Keys* keys, AttnscopeKeyLoader* out);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyLoaderOfGgmlBlocks(const AttnscopeGgmlBlockKeys* keys,
                                                                AttnscopeKeyLoader* out);

// Queries [batch, heads, queries, head_dim] and keys [batch, kv_heads, keys, head_dim] of one layer, any strides; where
// the elements of a query and of a key are contiguous it is fastest. Query head h attends to the keys of head
// h / (heads / kv_heads).
typedef struct AttnscopeQueryKeyView {
  uint32_t struct_size;
  int32_t query_type;      // AttnscopeElementType
  int32_t key_type;        // AttnscopeElementType
  uint32_t reserved;       // 0
  const void* query_data;  // element [0, 0, 0, 0]
  const void* key_data;    // element [0, 0, 0, 0]; not used where there are pages
  uint64_t batch;
  uint64_t heads;     // query heads in this buffer
  uint64_t kv_heads;  // divides heads
  uint64_t queries;
  uint64_t keys;
  uint64_t head_dim;  // 1 to ATTNSCOPE_MAX_HEAD_DIM
  int64_t query_batch_stride;
  int64_t query_head_stride;
  int64_t query_stride;
  int64_t query_dim_stride;
  int64_t key_batch_stride;
  int64_t key_head_stride;
  int64_t key_stride;
  int64_t key_dim_stride;
  // A cache in blocks: [num_pages] that, in order, hold `keys` keys together. The batch must then be 1: feed one
  // sequence a call, and say which by first_sequence. Null: all keys are at key_data.
  const AttnscopeKeyPage* pages;
  uint64_t num_pages;
  uint64_t first_sequence;  // as in AttnscopeAttentionView
  uint64_t first_head;      // counts query heads
  // Keys by a function: key_data, pages, key_type and the keys' strides are then not used. Zeros: none.
  AttnscopeKeyLoader key_loader;
} AttnscopeQueryKeyView;

// Activations [batch, tokens, channels]: one side of a block's residual stream. Channels are contiguous.
typedef struct AttnscopeActivationView {
  uint32_t struct_size;
  int32_t type;      // AttnscopeElementType
  const void* data;  // element [0, 0, 0]
  uint64_t batch;
  uint64_t tokens;
  uint64_t channels;
  int64_t batch_stride;
  int64_t token_stride;
} AttnscopeActivationView;

// A flat buffer, such as the gradient of one parameter.
typedef struct AttnscopeBufferView {
  uint32_t struct_size;
  int32_t type;  // AttnscopeElementType
  const void* data;
  uint64_t size;  // elements
} AttnscopeBufferView;

// These fill in every field of `*view`, whose struct_size is set already: what a view of contiguous buffers has, zero
// for the place in the accumulator. `type` is an AttnscopeElementType. They look at no buffer; a type that there is not
// is refused by the call that takes the view. Thread-safe. O(1). Errors: INVALID_ARGUMENT for a struct_size that was
// not set.

// `data` [batch, heads, queries, keys].
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeContiguousAttention(const void* data, int32_t type, uint64_t batch,
                                                              uint64_t heads, uint64_t queries, uint64_t keys,
                                                              AttnscopeAttentionView* view);
// `data` [batch, heads, queries, keys], bytes; batch, heads, queries and keys that are 1 serve all.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeContiguousKeyMask(const uint8_t* data, uint64_t batch, uint64_t heads,
                                                            uint64_t queries, uint64_t keys,
                                                            AttnscopeKeyMaskView* mask);
// `query_data` [batch, heads, queries, head_dim], `key_data` [batch, kv_heads, keys, head_dim].
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeContiguousQueryKey(const void* query_data, const void* key_data, int32_t type,
                                                             uint64_t batch, uint64_t heads, uint64_t kv_heads,
                                                             uint64_t queries, uint64_t keys, uint64_t head_dim,
                                                             AttnscopeQueryKeyView* view);
// `query_data` [batch, queries, heads, head_dim], `key_data` [batch, keys, kv_heads, head_dim]: the layout of most
// engines.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeTokenMajorQueryKey(const void* query_data, const void* key_data, int32_t type,
                                                             uint64_t batch, uint64_t heads, uint64_t kv_heads,
                                                             uint64_t queries, uint64_t keys, uint64_t head_dim,
                                                             AttnscopeQueryKeyView* view);
// `data` [batch, tokens, channels].
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeContiguousActivation(const void* data, int32_t type, uint64_t batch,
                                                               uint64_t tokens, uint64_t channels,
                                                               AttnscopeActivationView* view);

// The same for tensors of ggml (attnscope/ggml.h), as a callback on the graph evaluation of llama.cpp or whisper.cpp
// gets them: the fields `type`, `ne` [4] (elements), `nb` [4] (bytes) and `data` of a ggml_tensor, in memory of the
// CPU. Errors: INVALID_ARGUMENT, naming the tensor's field and its value. Thread-safe. O(1).

// A softmax's output, or its input: ne = [keys, queries, heads, batch]. The keys of a query must be contiguous.
// llama.cpp rounds the keys up: cut view->keys to the cells in use.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAttentionFromGgml(int32_t type, const int64_t* ne, const size_t* nb,
                                                            const void* data, AttnscopeAttentionView* view);
// Queries ne = [head_dim, queries, heads, batch], keys ne = [head_dim, keys, kv_heads, batch], any strides.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeQueriesKeysFromGgml(int32_t query_type, const int64_t* query_ne,
                                                              const size_t* query_nb, const void* query_data,
                                                              int32_t key_type, const int64_t* key_ne,
                                                              const size_t* key_nb, const void* key_data,
                                                              AttnscopeQueryKeyView* view);

// ---- Kernels by themselves (attnscope/kernels.h, which has the bounds of the errors, and what becomes of rows that
// are no distributions): rows of a buffer to numbers, without a handle. They allocate nothing, and all are thread-safe.
// Outputs are [rows] unless stated. Errors: INVALID_ARGUMENT, and outputs stay what they were.

// Rows [rows, columns] of a buffer; the columns of a row are contiguous.
typedef struct AttnscopeRows {
  uint32_t struct_size;
  int32_t type;      // AttnscopeElementType
  const void* data;  // element [0, 0]
  uint64_t rows;
  uint64_t columns;    // at most ATTNSCOPE_MAX_KEYS
  int64_t row_stride;  // from one row to the next; may be negative or zero
} AttnscopeRows;
// `data` [rows, columns].
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeContiguousRows(const void* data, int32_t type, uint64_t rows,
                                                         uint64_t columns, AttnscopeRows* out);

// The most that a selection takes as `k`, and the index where a row has fewer columns.
#define ATTNSCOPE_NO_INDEX UINT32_MAX

// Of each row of weights: the entropy in nats, its exponential, the largest weight, the sum of the k largest. NaN where
// a row has NaN, an infinity or a negative weight.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeRowEntropy(const AttnscopeRows* weights, double* entropy_nats);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeRowExpEntropy(const AttnscopeRows* weights, double* exp_entropy);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeRowMax(const AttnscopeRows* weights, double* max);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeTopKMass(const AttnscopeRows* weights, size_t k, double* mass);
// Each row's k largest numbers of any sign in descending order, equal ones in the order of their columns: `values` and
// `indices` [rows, k], either may be null. NaN and ATTNSCOPE_NO_INDEX where there are fewer, or where the row has NaN.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeTopK(const AttnscopeRows* numbers, size_t k, float* values,
                                               uint32_t* indices);
// The sums and the largest weights of columns: [columns], without rows that have NaN, an infinity or a negative weight,
// whose number `invalid_rows` becomes unless it is null.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeColumnSums(const AttnscopeRows* weights, double* sums, size_t* invalid_rows);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeColumnMax(const AttnscopeRows* weights, double* max, size_t* invalid_rows);

// What AttnscopeMeasureRows measures: [rows] each, but column_sums [columns]. Null: not asked for.
typedef struct AttnscopeRowMeasures {
  uint32_t struct_size;
  uint32_t reserved;  // 0
  double* entropy_nats;
  double* exp_entropy;
  double* sum;
  double* max;
  AttnscopeTopKValues top_k;                   // none: 5, 10, 50
  double* top_mass[ATTNSCOPE_MAX_TOP_MASSES];  // of each k
  double* column_sums;
} AttnscopeRowMeasures;
// Bytes of the workspace that the call needs, and the call, which measures all in one pass. The workspace is of any
// content and alignment.
ATTNSCOPE_EXPORT size_t AttnscopeMeasureRowsBytes(size_t columns);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMeasureRows(const AttnscopeRows* weights, void* workspace,
                                                      size_t workspace_bytes, const AttnscopeRowMeasures* measures);

// What AttnscopeSoftmaxEntropy measures: [rows] each, but the top k [rows, k]. Null: not asked for.
typedef struct AttnscopeSoftmaxOutputs {
  uint32_t struct_size;
  uint32_t reserved;     // 0
  double* entropy_nats;  // of the softmax
  double* logsumexp;     // log sum_j exp(scale * x_j)
  uint64_t k;            // 0: no top k
  float* top_logits;     // as AttnscopeTopK
  uint32_t* top_indices;
} AttnscopeSoftmaxOutputs;
// Rows of logits, of a vocabulary or of attention, without writing weights. `scale` is finite and above zero.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeSoftmaxEntropy(const AttnscopeRows* logits, double scale,
                                                         const AttnscopeSoftmaxOutputs* outputs);

// The sums of squares of each row's numbers, and of their differences from another's.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeSquaredNorm(const AttnscopeRows* numbers, double* squares);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeSquaredDistance(const AttnscopeRows* from, const AttnscopeRows* to,
                                                          double* squares);

// ---- Threads (attnscope/runner.h, thread_runner.h). The library starts none: a call that can use several takes a
// runner, which lends it the caller's own pool. Results never depend on it, bit for bit.

// One unit of work. Tasks never wait for one another, and may run in any order and on any thread.
typedef void (*AttnscopeTask)(void* argument, size_t index);

// The caller's threads, lent for a call.
typedef struct AttnscopeRunner {
  uint32_t struct_size;
  uint32_t reserved;  // 0
  void* opaque;
  // Calls task(argument, index) for each index from 0 to count - 1, once, and returns when the last has ended. It must
  // not throw nor fail. Null: tasks run one after another on the caller.
  void (*run)(void* opaque, AttnscopeTask task, void* argument, size_t count);
  uint64_t threads;  // how many tasks may run at once; decides how work is cut, and how much scratch is kept
} AttnscopeRunner;

// A pool for callers that have none. It serves many accumulators, one call at a time: concurrent calls are queued.
typedef struct AttnscopeThreadPool AttnscopeThreadPool;
// `threads` with the caller's own; 0: one for each processor. Errors: OUT_OF_RANGE above 4096, OUT_OF_MEMORY if the
// system starts no more threads.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeThreadPoolCreate(size_t threads, AttnscopeThreadPool** out);
// Waits for the threads to end. No call may be using the pool.
ATTNSCOPE_EXPORT void AttnscopeThreadPoolDestroy(AttnscopeThreadPool* pool);
// Its runner, valid as long as the pool; any number of threads may use it at once.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeThreadPoolRunner(AttnscopeThreadPool* pool, AttnscopeRunner* out);

// ---- What each row measures (attnscope/row_outputs.h, which has the definitions).

// The type of an output's elements.
typedef enum AttnscopeRowBufferType {
  ATTNSCOPE_ROW_FLOAT32 = 0,
  ATTNSCOPE_ROW_FLOAT64 = 1,
  ATTNSCOPE_ROW_INT32 = 2,
  ATTNSCOPE_ROW_INT64 = 3,
} AttnscopeRowBufferType;

// Where one measure of each row goes. It is part of AttnscopeRowOutputs, so it never changes.
typedef struct AttnscopeRowBuffer {
  void* data;         // of row [0, 0, 0], aligned as its type; null: nowhere
  int32_t type;       // AttnscopeRowBufferType
  uint32_t reserved;  // 0
} AttnscopeRowBuffer;

// Buffers [batch, heads, queries], all with the same strides, for the rows of a view: argmax and visible_keys are INT32
// or INT64, all others FLOAT32 or FLOAT64. They must overlap neither one another nor what is measured. In mean-matrix
// mode the rows are [1, 1, queries]. Of a row that is not measured (masked, empty or invalid) all are NaN, argmax is
// -1, and visible_keys tells why. Every element of each buffer is written.
typedef struct AttnscopeRowOutputs {
  uint32_t struct_size;
  uint32_t reserved;                      // 0
  AttnscopeRowBuffer entropy;             // in nats
  AttnscopeRowBuffer effective_rank;      // exp(entropy)
  AttnscopeRowBuffer max_weight;          // the largest weight
  AttnscopeRowBuffer argmax;              // its key; the first of equals
  AttnscopeRowBuffer row_sum;             // of the weights: with a learned sink, what it leaves to the keys
  AttnscopeRowBuffer visible_keys;        // 0 of a masked row, -1 of an invalid one
  AttnscopeRowBuffer first_token_weight;  // of the sequence's first key; 0 where the row does not see it
  // Of the query's own key, and of the one before it. 0 where the row does not see that key, NaN where there is none.
  AttnscopeRowBuffer self_weight;
  AttnscopeRowBuffer previous_weight;
  // From logits, and from queries and keys; NaN from weights and in mean-matrix mode. Without a learned sink.
  AttnscopeRowBuffer logsumexp;
  AttnscopeRowBuffer max_logit;
  AttnscopeRowBuffer top_mass[ATTNSCOPE_MAX_TOP_MASSES];  // the sums of the k largest weights, in the order of top_k
  // Elements from one row to the next, in any order and also negative: each stride must step over all that the smaller
  // ones span, so that each row has an element of its own. 0: as in a contiguous buffer.
  int64_t query_stride;
  int64_t head_stride;
  int64_t batch_stride;
  AttnscopeTopKValues top_k;  // none: those of the accumulator, and without one 5, 10, 50. Its others are an error
} AttnscopeRowOutputs;

// ---- Accumulators (attnscope/layer_accumulator.h, which has the bounds of the errors): everything that one layer's
// attention measured so far. One thread at a time uses an accumulator. Memory is allocated by Create, and by the first
// call that brings a larger runner than before, or the first logits; nothing is allocated while rows are measured. Bit
// for bit, results do not depend on how the rows of a sequence are cut into calls.

// What an accumulator is made for.
typedef struct AttnscopeLayerConfig {
  uint32_t struct_size;
  // 1: first average over batch and heads, then measure that one matrix, as old Python training loops do; it hides a
  // collapsed head. Each call must then bring all heads, and the rows of all its sequences, together.
  uint32_t mean_matrix;
  uint64_t heads;      // heads of the layer, 1 to 65536
  uint64_t max_keys;   // most keys a row may have, 0 to 2^31 - 1; takes 20 bytes for each key, head and open sequence.
                       // 0: no attention, only AddResidual and AddGradient
  uint64_t max_batch;  // sequences that are open at once: the batch of a view. 1 to 65536
  double tolerance_float32;   // a row is unnormalized if its sum is off 1 by more than this, >= 0
  double tolerance_half;      // the same for float16 and bfloat16
  double saturation_bound;    // a row of logits is saturated if its largest weight is at least this, >= 0
  AttnscopeTopKValues top_k;  // of the top-k masses. None: 5, 10, 50
} AttnscopeLayerConfig;
// Fills in the defaults: 1 head, no keys, 1 sequence, the documented tolerances. Thread-safe. Errors: INVALID_ARGUMENT
// for a struct_size that was not set. So do all functions ...Defaults.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeLayerConfigDefaults(AttnscopeLayerConfig* config);

// Everything that one layer's attention measured so far.
typedef struct AttnscopeAccumulator AttnscopeAccumulator;
// Errors: INVALID_ARGUMENT for a size or tolerance beyond its range, OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorCreate(const AttnscopeLayerConfig* config,
                                                            AttnscopeAccumulator** out);
ATTNSCOPE_EXPORT void AttnscopeAccumulatorDestroy(AttnscopeAccumulator* accumulator);
// What it was made with.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorConfig(const AttnscopeAccumulator* accumulator,
                                                            AttnscopeLayerConfig* out);

// Adds rows of post-softmax weights to the open sequences from `weights->first_sequence` on. Rows of one sequence may
// arrive in any number of calls, in order, also with more keys each time (decoding). `mask` and `runner` may be null.
// O(batch * heads * queries * keys): one read of the weights. Errors, naming the argument and its value:
// INVALID_ARGUMENT (null data, an element type that there is not, sizes whose product overflows, a key length that is
// negative or above the keys, missing heads in mean-matrix mode, fewer keys than an open sequence has had unless the
// mask says why), OUT_OF_RANGE (more heads, sequences or keys than the accumulator was made for), OUT_OF_MEMORY (for
// scratch, where the runner is larger than before).
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddWeights(AttnscopeAccumulator* accumulator,
                                                                const AttnscopeAttentionView* weights,
                                                                const AttnscopeMask* mask,
                                                                const AttnscopeRunner* runner);
// Adds rows of logits, the softmax's input: everything that their weights would have measured, and the logit metrics.
// Rows may arrive as in AddWeights, and in the same sequences as those. `params` and `runner` may be null. Complexity
// and errors: those of AddWeights; INVALID_ARGUMENT for a scale, soft cap or bias beyond its range.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddLogits(AttnscopeAccumulator* accumulator,
                                                               const AttnscopeAttentionView* logits,
                                                               const AttnscopeSoftmaxParams* params,
                                                               const AttnscopeRunner* runner);
// The same from queries and keys, whose products are never all in memory. `params` and `runner` may be null.
// O(batch * heads * queries * keys * head_dim). Errors: those of AddLogits; INVALID_ARGUMENT for heads that kv_heads
// does not divide, a head_dim beyond 1 to 1024, pages that do not hold `keys` keys, or pages with a batch other than 1.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddQueriesKeys(AttnscopeAccumulator* accumulator,
                                                                    const AttnscopeQueryKeyView* view,
                                                                    const AttnscopeSoftmaxParams* params,
                                                                    const AttnscopeRunner* runner);
// AddWeights, AddLogits and AddQueriesKeys that also write what each row measures to `rows`, which may be null. Errors:
// those of the same calls; INVALID_ARGUMENT for buffers of the wrong type, and for strides that overlap or overflow.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddWeightsWithRows(AttnscopeAccumulator* accumulator,
                                                                        const AttnscopeAttentionView* weights,
                                                                        const AttnscopeMask* mask,
                                                                        const AttnscopeRunner* runner,
                                                                        const AttnscopeRowOutputs* rows);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddLogitsWithRows(AttnscopeAccumulator* accumulator,
                                                                       const AttnscopeAttentionView* logits,
                                                                       const AttnscopeSoftmaxParams* params,
                                                                       const AttnscopeRunner* runner,
                                                                       const AttnscopeRowOutputs* rows);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddQueriesKeysWithRows(AttnscopeAccumulator* accumulator,
                                                                            const AttnscopeQueryKeyView* view,
                                                                            const AttnscopeSoftmaxParams* params,
                                                                            const AttnscopeRunner* runner,
                                                                            const AttnscopeRowOutputs* rows);
// Bytes of scratch that AddLogits and AddQueriesKeys keep for such a runner, which may be null: in proportion to
// max_keys and to the runner's threads, independent of the queries.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorScratchBytes(const AttnscopeAccumulator* accumulator,
                                                                  const AttnscopeRunner* runner, uint64_t* bytes);
// Allocates that scratch now; else the first call does. `runner` may be null. Errors: OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorReserve(AttnscopeAccumulator* accumulator,
                                                             const AttnscopeRunner* runner);

// ---- Maps (attnscope/attention_map.h): attention matrices pooled to few cells, each the largest of the weights that
// it stands for. Rows may come in any pieces: a matrix is never in memory.

// A cell of which no row that came so far may see any key. Zero is something else.
#define ATTNSCOPE_HIDDEN_CELL (-1.0f)
#define ATTNSCOPE_MAX_MAP_CELLS 4096  // rows and columns of a map

// One head's matrix. Cell [r, c] stands for queries from r * queries / rows to before (r + 1) * queries / rows, rounded
// down, and keys likewise. NaN: it holds a NaN, an infinity or a negative weight.
typedef struct AttnscopeAttentionMap {
  uint32_t struct_size;
  uint32_t reserved;  // 0
  int64_t layer;
  int64_t head;
  uint64_t queries;  // of the matrix
  uint64_t keys;
  uint64_t rows;  // of cells, at most queries
  uint64_t columns;
  float* cells;  // [rows, columns], the caller's
} AttnscopeAttentionMap;
// A map of a matrix of which nothing came yet, with at most `most_cells` rows and columns; `cells` has room for
// min(queries, most_cells) x min(keys, most_cells), and becomes hidden. Errors: INVALID_ARGUMENT for null, and
// `most_cells` beyond 1 to ATTNSCOPE_MAX_MAP_CELLS.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMakeAttentionMap(int64_t layer, int64_t head, uint64_t queries, uint64_t keys,
                                                           uint64_t most_cells, float* cells,
                                                           AttnscopeAttentionMap* out);
// Adds rows of weights to one map for each head of the view, all of one size: the view's row 0 is row `first_query` of
// the matrices, and its keys are their first ones. The sequences of a batch fall on one another. `mask` and `runner`
// may be null. O(batch * heads * queries * keys). Thread-safe for different maps. Errors: those of
// AttnscopeAccumulatorAddWeights; INVALID_ARGUMENT for maps that are not as many as the heads or not of one size,
// OUT_OF_RANGE for rows or keys that the matrices do not have. The maps are then unchanged.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopePoolWeights(const AttnscopeAttentionView* weights, uint64_t first_query,
                                                      const AttnscopeMask* mask, AttnscopeAttentionMap* const* maps,
                                                      uint64_t num_maps, const AttnscopeRunner* runner);
// The same of the weights that logits make, and queries and keys. `params` and `runner` may be null. A row that is
// invalid makes all cells NaN whose keys it sees; keys that are masked by value are hidden.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopePoolLogits(const AttnscopeAttentionView* logits, uint64_t first_query,
                                                     const AttnscopeSoftmaxParams* params,
                                                     AttnscopeAttentionMap* const* maps, uint64_t num_maps,
                                                     const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopePoolQueriesKeys(const AttnscopeQueryKeyView* view, uint64_t first_query,
                                                          const AttnscopeSoftmaxParams* params,
                                                          AttnscopeAttentionMap* const* maps, uint64_t num_maps,
                                                          const AttnscopeRunner* runner);

// Adds one block's residual stream before and after it: the same shape and type, and each sequence of the batch whole.
// NaN and infinities make the ratio NaN or infinite, and such sequences are counted. O(batch * tokens * channels).
// Errors: INVALID_ARGUMENT (null data, shapes that differ or overflow).
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddResidual(AttnscopeAccumulator* accumulator,
                                                                 const AttnscopeActivationView* before,
                                                                 const AttnscopeActivationView* after);
// Adds one gradient buffer of the layer; the norm is over all buffers added. NaN and infinities make it NaN or
// infinite, which verdicts call bad numbers. O(size). Errors: INVALID_ARGUMENT (null data).
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAddGradient(AttnscopeAccumulator* accumulator,
                                                                 const AttnscopeBufferView* gradient);

// Ends all open sequences: folds their column sums and row statistics into the layer's. The next rows begin new
// sequences. O(max_batch * heads * max_keys).
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorEndSequences(AttnscopeAccumulator* accumulator);
// The same for one sequence, while others stay open: a server's requests end one by one. In mean-matrix mode there is
// one, 0. O(heads * max_keys). Errors: OUT_OF_RANGE for a sequence beyond max_batch.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorEndSequence(AttnscopeAccumulator* accumulator, uint64_t sequence);
// Receives the column sums of one matrix [keys], there for the call only. It must not call the accumulator.
typedef void (*AttnscopeColumnReceiver)(void* opaque, uint64_t sequence, uint64_t head, const double* columns,
                                        uint64_t keys);
// The same, and hands the column sums of each of its matrices that has rows to `receive` before they are folded.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorEndSequenceWithColumns(AttnscopeAccumulator* accumulator,
                                                                            uint64_t sequence,
                                                                            AttnscopeColumnReceiver receive,
                                                                            void* opaque);
// The attention that each key of an open matrix has received so far, `columns` [keys], by position where there are
// key_positions: the sums over the rows that are not invalid. Fills all of `columns`, with zeros behind the matrix's
// keys. O(keys). Errors: OUT_OF_RANGE for a sequence or head beyond the configuration, INVALID_ARGUMENT for fewer keys
// than AttnscopeAccumulatorOpenKeys.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorColumnSums(const AttnscopeAccumulator* accumulator,
                                                                uint64_t sequence, uint64_t head, double* columns,
                                                                uint64_t keys);
// How many keys it has; 0 if it is not open, or not there, or without an accumulator.
ATTNSCOPE_EXPORT uint64_t AttnscopeAccumulatorOpenKeys(const AttnscopeAccumulator* accumulator, uint64_t sequence,
                                                       uint64_t head);
// Forgets everything but the configuration.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorReset(AttnscopeAccumulator* accumulator);
// Adds what `other` measured; sequences that are open in both go on as one. O(max_batch * heads) and the keys of the
// other's open sequences. Errors: INVALID_ARGUMENT if its configuration differs.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorMerge(AttnscopeAccumulator* accumulator,
                                                           const AttnscopeAccumulator* other);

// What was measured so far, as if all sequences ended now; the state stays as it is. `layer` [num_metrics] and `heads`
// [num_heads, num_metrics], indexed by AttnscopeMetric; either may be null. Metrics and heads that were not measured,
// or that there are not, are NaN. Allocates. O(max_batch * heads * max_keys). Errors: OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorStats(const AttnscopeAccumulator* accumulator, double* layer,
                                                           double* heads, size_t num_metrics, size_t num_heads);
// The same of the top-k masses, in the order of the configuration's top_k: `layer` [num_masses] and `heads` [num_heads,
// num_masses].
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorTopMasses(const AttnscopeAccumulator* accumulator, double* layer,
                                                               double* heads, size_t num_masses, size_t num_heads);

// The whole state, for any all-reduce (MPI, NCCL, Gloo): add the sums of all ranks element by element, take the maxima
// of the maxima. With MPI:
//
//   size_t count = 0;
//   double* sums = AttnscopeAccumulatorSums(layer, &count, NULL);
//   MPI_Allreduce(MPI_IN_PLACE, sums, (int)count, MPI_DOUBLE, MPI_SUM, comm);
//   double* maxima = AttnscopeAccumulatorMaxima(layer, &count, NULL);
//   MPI_Allreduce(MPI_IN_PLACE, maxima, (int)count, MPI_DOUBLE, MPI_MAX, comm);
//
// Both arrays have the same length on every rank with the same configuration, and last as long as the accumulator; the
// call brings them up to date, so make it before each all-reduce. `*count` is the length, `*closed` how many of the
// first elements are enough while no sequence is open; either may be null. Null without a handle. Other numbers than an
// accumulator's own give wrong metrics, but nothing beyond the arrays is touched.
ATTNSCOPE_EXPORT double* AttnscopeAccumulatorSums(AttnscopeAccumulator* accumulator, size_t* count, size_t* closed);
ATTNSCOPE_EXPORT double* AttnscopeAccumulatorMaxima(AttnscopeAccumulator* accumulator, size_t* count, size_t* closed);

// Write what each row measures, the same numbers bit for bit, and keep nothing. `mask`, `params` and `runner` may be
// null. Scratch is allocated for the call. Errors: those of the calls above, OUT_OF_MEMORY. Thread-safe for different
// outputs.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMeasureWeightRows(const AttnscopeAttentionView* weights,
                                                            const AttnscopeMask* mask, const AttnscopeRowOutputs* rows,
                                                            const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMeasureLogitRows(const AttnscopeAttentionView* logits,
                                                           const AttnscopeSoftmaxParams* params,
                                                           const AttnscopeRowOutputs* rows,
                                                           const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMeasureQueryKeyRows(const AttnscopeQueryKeyView* view,
                                                              const AttnscopeSoftmaxParams* params,
                                                              const AttnscopeRowOutputs* rows,
                                                              const AttnscopeRunner* runner);

// ---- Key scores (attnscope/key_scores.h, which says what a score is, what an engine does to its cache and how it says
// so here, and has the bounds of the errors): how much attention each key of a cache has received, for engines that
// evict keys by it. One thread at a time uses scores. Memory is allocated by Create, by the first call that needs
// scratch or brings a larger runner than before, and by TopKeys.

// What scores are made for.
typedef struct AttnscopeKeyScoresConfig {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t heads;     // query heads of the layer, 1 to 65536
  uint64_t groups;    // of neighbouring heads that share their keys and what the cache holds of them: kv_heads, as many
                      // as heads, or 1. Divides heads; 0: as many as heads
  uint64_t max_keys;  // most keys that a sequence has at once, 1 to 2^31 - 1; takes 12 bytes for each key, head and
                      // sequence, or 4 * window
  uint64_t max_batch;  // sequences that are open at once, 1 to 65536
  uint64_t window;     // 0: scores are of all rows of a sequence (H2O), else of the last ones (SnapKV), up to 65536
  double decay;        // of what a row counts for, with each row that follows it: above 0, at most 1 (none)
} AttnscopeKeyScoresConfig;
// Fills in the defaults: 1 head, no keys, 1 sequence, no window, no decay. Thread-safe.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresConfigDefaults(AttnscopeKeyScoresConfig* config);

// Which keys a cache is to keep.
typedef struct AttnscopeKeyChoice {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t heavy;   // those with the largest scores of the keys between these:
  uint64_t first;   // the first ones, and
  uint64_t recent;  // the last ones, which are kept whatever their scores
} AttnscopeKeyChoice;

// In the place of a group: all of them.
#define ATTNSCOPE_ALL_GROUPS UINT64_MAX

// The scores of one layer's cache.
typedef struct AttnscopeKeyScores AttnscopeKeyScores;
// Errors: INVALID_ARGUMENT for a field beyond its range, OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresCreate(const AttnscopeKeyScoresConfig* config,
                                                          AttnscopeKeyScores** out);
ATTNSCOPE_EXPORT void AttnscopeKeyScoresDestroy(AttnscopeKeyScores* scores);
// What they were made with, `groups` resolved.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresConfigOf(const AttnscopeKeyScores* scores,
                                                            AttnscopeKeyScoresConfig* out);

// Add rows as the functions of accumulators of the same names do, which tell their arguments, complexity and errors.
// Also INVALID_ARGUMENT for a view with fewer keys than the sequence has: what the cache has dropped was not told.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresAddWeights(AttnscopeKeyScores* scores,
                                                              const AttnscopeAttentionView* weights,
                                                              const AttnscopeMask* mask, const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresAddLogits(AttnscopeKeyScores* scores,
                                                             const AttnscopeAttentionView* logits,
                                                             const AttnscopeSoftmaxParams* params,
                                                             const AttnscopeRunner* runner);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresAddQueriesKeys(AttnscopeKeyScores* scores,
                                                                  const AttnscopeQueryKeyView* view,
                                                                  const AttnscopeSoftmaxParams* params,
                                                                  const AttnscopeRunner* runner);
// Bytes of scratch that AddLogits and AddQueriesKeys keep for such a runner, which may be null; and their allocation.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresScratchBytes(const AttnscopeKeyScores* scores,
                                                                const AttnscopeRunner* runner, uint64_t* bytes);
// Errors: OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresReserve(AttnscopeKeyScores* scores, const AttnscopeRunner* runner);
// From now on rows that are added to the accumulator are also added to the scores, from the same weights, until other
// scores or Detach take the place; either handle may be destroyed first. Errors: INVALID_ARGUMENT for other heads or
// sequences than the accumulator's, fewer keys, or mean-matrix mode.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorAttach(AttnscopeAccumulator* accumulator,
                                                            AttnscopeKeyScores* scores);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeAccumulatorDetach(AttnscopeAccumulator* accumulator);

// How many keys a group has, and how many rows a query head has had; 0 without a handle, and beyond the configuration.
ATTNSCOPE_EXPORT uint64_t AttnscopeKeyScoresKeys(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group);
ATTNSCOPE_EXPORT uint64_t AttnscopeKeyScoresRows(const AttnscopeKeyScores* scores, uint64_t sequence, uint64_t head);
// out[j] of each of the group's keys: the sum of its query heads' scores, or the score of one query head. `room` is how
// many `out` can hold. O(heads of the group * keys), with a window times its rows. Errors: OUT_OF_RANGE for a sequence,
// group or head beyond the configuration, INVALID_ARGUMENT if there is no room for the keys.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresScores(const AttnscopeKeyScores* scores, uint64_t sequence,
                                                          uint64_t group, double* out, size_t room);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresHeadScores(const AttnscopeKeyScores* scores, uint64_t sequence,
                                                              uint64_t head, double* out, size_t room);
// Fills keys[0, *count) with the keys that a group is to keep, ascending; of equal scores the first keys. Errors: those
// of Scores, OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresTopKeys(const AttnscopeKeyScores* scores, uint64_t sequence,
                                                           uint64_t group, const AttnscopeKeyChoice* choice,
                                                           size_t* keys, size_t room, size_t* count);

// What the cache does to the keys of a group, or of ATTNSCOPE_ALL_GROUPS: it keeps only these, or it removes these, so
// that later keys move down; or it drops these and nothing moves, so that their scores begin again at zero. `keys`
// [count] ascend. Costs: those of Scores. Errors: OUT_OF_RANGE for a sequence, group or key that there is not,
// INVALID_ARGUMENT for keys that do not ascend.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresKeep(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                                        const size_t* keys, size_t count);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresRemove(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                                          const size_t* keys, size_t count);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresClear(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                                         const size_t* keys, size_t count);
// Keys [begin, end) move by `delta`: over others, which are dropped, and leaving zeros, or if they were the last keys,
// no keys. Errors: those of Keep, OUT_OF_RANGE also for keys that would be before key 0 or beyond max_keys.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresShift(AttnscopeKeyScores* scores, uint64_t sequence, uint64_t group,
                                                         uint64_t begin, uint64_t end, int64_t delta);
// Forgets a sequence, or all. Errors: OUT_OF_RANGE for a sequence beyond max_batch.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresEndSequence(AttnscopeKeyScores* scores, uint64_t sequence);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeKeyScoresReset(AttnscopeKeyScores* scores);

// ---- Key profiles (attnscope/key_profile.h): attention received by the keys of one layer, by their positions.

// Of one layer: shares, what a key receives from a mean row.
typedef struct AttnscopeKeyProfile {
  uint32_t struct_size;
  uint32_t reserved;  // 0
  int64_t layer;
  uint64_t heads;         // that the mean is over
  uint64_t keys;          // of the arrays
  const double* mean;     // [keys], over heads
  int64_t largest_head;   // the head that gives one key the most; -1: not told
  const double* largest;  // [keys], of that head; null where it is not told
} AttnscopeKeyProfile;
// Makes a profile from the column sums [heads, keys] of a layer's matrices, which may be added over sequences, and from
// the number of rows [heads] that were added, of all those sequences. Its arrays are the caller's, [keys] each. A head
// without rows is left out; of one head, `out->largest` is null. Thread-safe. O(heads * keys). Errors:
// INVALID_ARGUMENT for null, no heads, and a sum or a number of rows that is negative, NaN or infinite.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMakeKeyProfile(int64_t layer, const double* column_sums, const double* rows,
                                                         uint64_t heads, uint64_t keys, double* mean, double* largest,
                                                         AttnscopeKeyProfile* out);

// ---- Verdicts (attnscope/diagnosis.h): which layers and heads are ill, of what, and how badly.

// How bad it is; worse is larger.
typedef enum AttnscopeSeverity {
  ATTNSCOPE_HEALTHY = 0,
  ATTNSCOPE_WARNING = 1,
  ATTNSCOPE_CRITICAL = 2,
} AttnscopeSeverity;

// What can be wrong with a layer or a head.
typedef enum AttnscopePathology {
  ATTNSCOPE_ONE_HOT_COLLAPSE = 0,
  ATTNSCOPE_SINK_COLLAPSE = 1,
  ATTNSCOPE_UNIFORM_ATTENTION = 2,
  ATTNSCOPE_VANISHING_LAYER = 3,
  ATTNSCOPE_EXPLODING_UPDATE = 4,
  ATTNSCOPE_SATURATED_SOFTMAX = 5,
  ATTNSCOPE_BAD_NUMBERS = 6,
  ATTNSCOPE_NO_DISTRIBUTIONS = 7,
  ATTNSCOPE_NO_ATTENTION = 8,
  ATTNSCOPE_LEFT_ITS_BASELINE = 9,
  ATTNSCOPE_GROWING_LOGITS = 10,
} AttnscopePathology;
enum { ATTNSCOPE_NUM_PATHOLOGIES = 11 };

// How many the library has: a newer one may have more. Thread-safe.
ATTNSCOPE_EXPORT size_t AttnscopeNumPathologies(void);
// "one-hot collapse", ...; null for a number that is no pathology. Static text. Thread-safe.
ATTNSCOPE_EXPORT const char* AttnscopePathologyName(int32_t pathology);
// "healthy", "warning", "critical"; null for a number that is no severity. Static text. Thread-safe.
ATTNSCOPE_EXPORT const char* AttnscopeSeverityName(int32_t severity);

// What a layer, or a report, is.
typedef enum AttnscopeOutcome {
  ATTNSCOPE_OUTCOME_HEALTHY = 0,     // something was judged, and no verdict was given
  ATTNSCOPE_OUTCOME_ILL = 1,         // there are verdicts
  ATTNSCOPE_OUTCOME_NOT_JUDGED = 2,  // nothing could be judged: neither of the layer nor of one of its heads
} AttnscopeOutcome;
// "healthy", "ill", "not judged"; null for a number that is no outcome. Static text. Thread-safe.
ATTNSCOPE_EXPORT const char* AttnscopeOutcomeName(int32_t outcome);

// The bounds of each verdict: attnscope/diagnosis.h says on which side of each a value is ill, README.md has them as a
// table. A bound that is NaN never fires.
typedef struct AttnscopeThresholds {
  uint32_t struct_size;
  uint32_t reserved;  // 0
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
  double unnormalized_row_share_warning;
  double unnormalized_row_share_critical;
  double empty_row_share_warning;
  double empty_row_share_critical;
  double min_rows;
  double sink_min_rows;
  double sink_min_rows_each;
  double sink_min_keys;
  double one_hot_min_keys;
  double uniform_min_keys;
  double first_block_residual_ratio_warning;
  double first_block_residual_ratio_critical;
  double baseline_spreads_warning;
  double baseline_spreads_critical;
  double max_logit_warning;
  double max_logit_critical;
} AttnscopeThresholds;
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeThresholdsDefaults(AttnscopeThresholds* thresholds);

// One finding.
typedef struct AttnscopeVerdict {
  uint32_t struct_size;
  int32_t pathology;  // AttnscopePathology
  int32_t severity;   // AttnscopeSeverity
  int32_t metric;     // AttnscopeMetric
  int64_t layer;
  int64_t head;         // -1: the layer as a whole
  double value;         // of the metric; of counts of rows that are bounded by a share, that share
  double bound;         // that it crossed
  const char* message;  // for people: names pathology, severity, metric, value, bound, layer and head
  double baseline;      // of what has left it, its median; else NaN
} AttnscopeVerdict;

// A pathology that a layer or head could not be judged by.
typedef struct AttnscopeUnjudged {
  uint32_t struct_size;
  int32_t pathology;  // AttnscopePathology
  int64_t layer;
  int64_t head;        // -1: the layer as a whole
  const char* reason;  // for people, without the place
} AttnscopeUnjudged;

// An AttnscopeReport is described below, among reports.
typedef struct AttnscopeReport AttnscopeReport;
// What is usual of a model, from reports of it while it was healthy (attnscope/baseline.h). It never changes: any
// threads may use it at once.
typedef struct AttnscopeBaseline AttnscopeBaseline;
// Copies what it needs of `reports` [num_reports], one or more. Errors: INVALID_ARGUMENT if there is none, or if a
// layer has other heads in one than in another; OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeBaselineCreate(const AttnscopeReport* const* reports, size_t num_reports,
                                                         AttnscopeBaseline** out);
ATTNSCOPE_EXPORT void AttnscopeBaselineDestroy(AttnscopeBaseline* baseline);
// Whether the report can be of the baseline's model. Errors: INVALID_ARGUMENT if a layer has other heads than in the
// baseline, or if no layer is in both.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeBaselineCheck(const AttnscopeBaseline* baseline,
                                                        const AttnscopeReport* report);

// ---- The monitor (attnscope/attention_monitor.h; docs/monitor.md has the schema of its lines): samples some steps of
// an engine, and reports each window of steps as one JSON line a layer and as verdicts that change.
//
//   for (uint64_t step = 0;; ++step) {
//     for (uint64_t layer = 0; layer < 32; ++layer) {
//       ...  // on the engine's own threads:
//       if (AttnscopeMonitorShouldSample(monitor, layer, step)) {
//         AttnscopeMonitorAddWeights(monitor, layer, &view, &mask, NULL);
//       }
//     }
//     AttnscopeMonitorEndStep(monitor, step, tokens);
//   }
//
// Threads: ShouldSample and the Add functions may run on any number of threads at once, also for one layer. They take
// no lock, never wait, and allocate nothing (but the first that brings a larger runner than before, or logits, makes
// room for it unless Reserve did). Where more threads than lanes feed one layer, the rows of those that come too late
// are not measured; the window's record counts them. EndStep, EndSequence, CloseWindow and MergeInto are for one thread
// at a time; they may run while others feed. Create, Reserve and Destroy are for times when nobody else uses the
// monitor.

// A verdict that came, went, or changed its severity. A library that is older than the program has a smaller
// struct_size: what is behind it may not be read.
typedef struct AttnscopeVerdictChange {
  uint32_t struct_size;
  int32_t from;       // AttnscopeSeverity
  int32_t to;         // AttnscopeSeverity
  uint32_t reserved;  // 0
  uint64_t window;    // that brought the change
  uint64_t step;      // the window's last
  // Of severity `to`. Where that is healthy, metric, value and bound are those of the verdict that has ended.
  const AttnscopeVerdict* verdict;
} AttnscopeVerdictChange;

// What a monitor watches, when it samples, and whom it tells.
typedef struct AttnscopeMonitorConfig {
  uint32_t struct_size;
  uint32_t stagger_layers;  // 1: layer l samples steps whose remainder by every_steps is l's, which spreads the cost
  uint64_t layers;          // that this process runs, 1 to 65536
  int64_t first_layer;      // index in the model of the first of them, >= 0: that of a pipeline's stage
  const uint64_t* watched_layers;     // [num_watched_layers], counted from 0 here; none: all
  uint64_t num_watched_layers;        // at most layers
  const AttnscopeLayerConfig* layer;  // may not be null: heads, most keys and most sequences of each layer
  uint64_t lanes;                     // threads that may feed one layer at once, 1 to 1024; each costs a layer's state
  uint64_t every_steps;               // steps that are multiples of it are sampled, >= 1
  double budget;                      // share of wall time that sampling may take, 0 to 1; 0: no limit
  uint64_t window_steps;              // a window ends before each step that is a multiple of it; 0: not by this
  uint64_t window_tokens;  // or with the step that brings its tokens to this, whichever is first; 0: not by this
  const char* stage;       // copied into each line; null: ""
  const AttnscopeThresholds* thresholds;  // may be null
  uint32_t per_head;                      // 1: lines hold each head's metrics
  uint32_t worsen_windows;                // windows in a row beyond a bound before a severity rises, >= 1
  uint32_t recover_windows;               // windows in a row within it before a severity falls, >= 1
  uint32_t reserved;                      // 0
  double recover_margin;                  // by which they must be within it, a share of the bound, 0 to 1
  void* opaque;                           // the first argument of the functions below
  // Called by EndStep and CloseWindow, on their thread; either may be null. What they are given lasts as long as the
  // call. They must not throw, nor call this monitor. The line has no newline, and ends with a zero byte behind its
  // `length`.
  void (*on_window)(void* opaque, const char* json_line, size_t length);
  void (*on_change)(void* opaque, const AttnscopeVerdictChange* change);
  // The clock of the budget, in nanoseconds, never going back; called from the threads that feed. Null: a steady clock.
  uint64_t (*now_nanoseconds)(void* opaque);
  // What windows are compared with, which is copied; null: nothing. Or each layer's own first windows that had samples,
  // at most ATTNSCOPE_MAX_BASELINE_WINDOWS; 0: no.
  const AttnscopeBaseline* baseline;
  uint64_t baseline_windows;
} AttnscopeMonitorConfig;
// `stage` becomes "serve", static text; `layer` stays to be set.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorConfigDefaults(AttnscopeMonitorConfig* config);

// Samples an engine's steps, reports windows of them, and tells when verdicts change.
typedef struct AttnscopeMonitor AttnscopeMonitor;
// Copies what `config` points to. Errors: those of AttnscopeAccumulatorCreate, INVALID_ARGUMENT for another value
// beyond its range, OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorCreate(const AttnscopeMonitorConfig* config, AttnscopeMonitor** out);
// Ends without closing the open window.
ATTNSCOPE_EXPORT void AttnscopeMonitorDestroy(AttnscopeMonitor* monitor);

// 1 if this step of this layer should be fed, else 0; 0 for null, and for layers that are not watched. A load and a
// compare. Any threads.
ATTNSCOPE_EXPORT int AttnscopeMonitorShouldSample(const AttnscopeMonitor* monitor, uint64_t layer, uint64_t step);

// As those of accumulators, for a layer counted from 0 here; what they are given is measured, due or not. Any threads.
// Errors: theirs, and OUT_OF_RANGE for a layer that is not watched.
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
// Allocates now, for all layers, what AddLogits and AddQueriesKeys with this runner, which may be null, would allocate
// in their first call. Not while others feed. Errors: OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorReserve(AttnscopeMonitor* monitor, const AttnscopeRunner* runner);

// Ends one sequence in all layers: a request that is complete, whose place another may take. No thread may be feeding
// this sequence. O(layers * heads * max_keys). Errors: OUT_OF_RANGE.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorEndSequence(AttnscopeMonitor* monitor, uint64_t sequence);
// To be called once after each step, from one thread, when no thread will ask about this step any more: plans the next
// sample, and closes the window if this step completes it. Steps may skip numbers; a smaller one than before starts the
// schedule anew. `tokens` are those of the step. A few compares on most steps; at a sampled one O(layers). Errors: as
// CloseWindow.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorEndStep(AttnscopeMonitor* monitor, uint64_t step, uint64_t tokens);
// Closes the window now: folds what it holds, reports it, and begins the next. A watched layer that was not fed has a
// record too, of 0 samples. O(layers * heads * max_keys). Errors: OUT_OF_MEMORY; what the window held of the layer
// that found none is then lost, and that of the layers behind it is part of the next window.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorCloseWindow(AttnscopeMonitor* monitor);
// Adds what the open window holds of one layer to an accumulator that was made with the same configuration.
// O(lanes * max_batch * heads * max_keys) at most. Errors: OUT_OF_RANGE for a layer that is not watched, and those of
// AttnscopeAccumulatorMerge.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeMonitorMergeInto(const AttnscopeMonitor* monitor, uint64_t layer,
                                                           AttnscopeAccumulator* accumulator);

// ---- Reports (attnscope/report.h): what all layers of a model measured at one moment. Tables, verdicts, JSON and
// pictures are made from one. One thread at a time calls a function that takes a report without const; while none does,
// any threads may call the others.

// All layers of a model at one moment: AttnscopeReport. An empty one. Errors: OUT_OF_MEMORY, as of all functions that
// change a report.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportCreate(AttnscopeReport** out);
ATTNSCOPE_EXPORT void AttnscopeReportDestroy(AttnscopeReport* report);

// "train", "val", ...; null and "" are none. Copied.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetStage(AttnscopeReport* report, const char* stage);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetEpoch(AttnscopeReport* report, int64_t epoch);
// Of the optimizer.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetStep(AttnscopeReport* report, int64_t step);
// The stage, "" if there is none. Lasts until the report changes.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportStage(const AttnscopeReport* report, const char** out);
// Errors: NOT_FOUND if the report has none.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportEpoch(const AttnscopeReport* report, int64_t* out);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportStep(const AttnscopeReport* report, int64_t* out);

// Puts what the accumulator measured into the entry of a layer, in the place of what was there. Layers are those of the
// model, >= 0, in any order and with gaps. Errors: INVALID_ARGUMENT for a negative layer.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetLayer(AttnscopeReport* report, int64_t layer,
                                                         const AttnscopeAccumulator* accumulator);
// One value, for numbers that were measured elsewhere; head -1 is the layer as a whole. The layer, and heads up to this
// one, are made if they are not there; NaN takes a value away. Errors: INVALID_ARGUMENT for a layer, head (-1 to 65535)
// or metric beyond its range.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportSetMetric(AttnscopeReport* report, int64_t layer, int64_t head,
                                                          int32_t metric, double value);
// The layers there are, ascending by index.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportNumLayers(const AttnscopeReport* report, size_t* out);
// The index in the model of one of them, counted from 0, and how many heads it has values of (0: heads are optional);
// either may be null. Errors: OUT_OF_RANGE.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportLayerAt(const AttnscopeReport* report, size_t index, int64_t* layer,
                                                        size_t* num_heads);
// One value; head -1 is the layer as a whole. NaN if it was not measured. O(log layers). Errors: NOT_FOUND if there is
// no such layer or head, INVALID_ARGUMENT for a number that is no metric.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportMetric(const AttnscopeReport* report, int64_t layer, int64_t head,
                                                       int32_t metric, double* out);
// The report as JSON, zero-terminated; `length` may be null. Lasts until the report's next call of this function. The
// same report gives the same bytes.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportToJson(AttnscopeReport* report, const char** json, size_t* length);

// Finds all verdicts, worst first: critical before warning, then by how far the value is beyond its bound. At most one
// for each pathology and each layer or head. `thresholds` may be null. O(layers * heads).
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportDiagnose(AttnscopeReport* report, const AttnscopeThresholds* thresholds,
                                                         size_t* num_verdicts);
// The same beside a baseline: what has left it is a verdict too, and what the baseline has as well is none.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportDiagnoseBeside(AttnscopeReport* report,
                                                               const AttnscopeThresholds* thresholds,
                                                               const AttnscopeBaseline* baseline, size_t* num_verdicts);
// What that would have found, but that the baseline has it as well: how many, and one of them.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportNumAsInBaseline(const AttnscopeReport* report, size_t* out);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportAsInBaseline(const AttnscopeReport* report, size_t index,
                                                             AttnscopeVerdict* out);
// One of those that Diagnose found. Its message lasts until the report's next Diagnose. Errors: OUT_OF_RANGE.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportVerdict(const AttnscopeReport* report, size_t index,
                                                        AttnscopeVerdict* out);
// What that Diagnose could not judge: how many pairs of a pathology and a layer or head, and one of them. Its reason
// lasts until the report's next Diagnose. Errors: OUT_OF_RANGE.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportNumUnjudged(const AttnscopeReport* report, size_t* out);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportUnjudged(const AttnscopeReport* report, size_t index,
                                                         AttnscopeUnjudged* out);
// What that Diagnose found as an AttnscopeOutcome: of one layer, heads included, or of the report where `layer` is -1.
// Not judged before the first Diagnose. Errors: NOT_FOUND for a layer that the report had not.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportOutcome(const AttnscopeReport* report, int64_t layer, int32_t* out);
// The worst AttnscopeSeverity among the verdicts; healthy if there are none, whether anything was judged or not, also
// before the first Diagnose.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportWorstSeverity(const AttnscopeReport* report, int32_t* out);

// ---- Link attnscope::report (libattnscope_report) for these (attnscope/report.h, write_file.h).

// A report from JSON, `length` bytes in the layout that attnscope/report.h shows, in the place of what was there.
// Unknown keys are ignored. O(length). Errors: DATA_LOSS for text that is no JSON, INVALID_ARGUMENT for a value of the
// wrong type, naming the path of keys.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeReportFromJson(AttnscopeReport* report, const char* json, size_t length);
// Writes `size` bytes to `path`, whole or not at all: to a temporary name beside it, flushed, then renamed. Pipes and
// devices are written directly. `bytes` may be null where there are none. Thread-safe. Errors: IO_ERROR, whose message
// names the path and the system's reason.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeWriteFileAtomically(const char* path, const void* bytes, size_t size);

// ---- Figures (attnscope/figure.h). Link attnscope::render (libattnscope_render). Functions read reports and change
// nothing: any threads may draw the same report at once, but for AttnscopeReportEncodePng, which keeps its bytes there.
// The same reports and options give the same bytes on every machine. O(pixels + values).

// The kinds of pictures.
typedef enum AttnscopeFigureKind {
  ATTNSCOPE_FIGURE_SUMMARY = 0,  // one report: six panels over the layer index
  ATTNSCOPE_FIGURE_HEADS = 1,    // one report with heads: maps of layers by heads
  ATTNSCOPE_FIGURE_HISTORY = 2,  // one report or more, of one model at different times: each metric over time
  ATTNSCOPE_FIGURE_KEYS = 3,     // key profiles: attention received by key position, for each layer
  ATTNSCOPE_FIGURE_MAPS = 4,     // attention maps: the matrices as thumbnails, layers by heads
} AttnscopeFigureKind;

// What a picture becomes.
typedef enum AttnscopeFigureFormat {
  ATTNSCOPE_FORMAT_RGB = 0,  // pixels [height, width, 3], 8-bit sRGB, rows from top to bottom, no padding
  ATTNSCOPE_FORMAT_PNG = 1,  // a PNG file, with its resolution
  ATTNSCOPE_FORMAT_SVG = 2,  // a standalone SVG document, text as text; a zero byte follows it
} AttnscopeFigureFormat;

// How a figure is drawn.
typedef struct AttnscopeFigureOptions {
  uint32_t struct_size;
  int32_t width;      // of the layout, in 1/100 inch (one pixel each at scale 1), 400 to 20000
  int32_t height;     // 300 to 20000
  uint32_t reserved;  // 0
  double scale;       // pixels per 1/100 inch, 0.1 to 16: density, never layout; at most 2^28 pixels in all
  uint32_t plain;     // 1: curves, axes and legends only: no healthy ranges, no marks, no verdict
  uint32_t dark;      // 1: for dark backgrounds
  const AttnscopeThresholds* thresholds;  // of the verdicts that are shown; may be null
  const AttnscopeBaseline* baseline;      // beside which they are made; may be null
} AttnscopeFigureOptions;
// 2000 x 1500 at scale 1, light.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigureOptionsDefaults(AttnscopeFigureOptions* options);

// What a figure is drawn from. Each array is one of pointers, and may be null where it is empty.
typedef struct AttnscopeFigureData {
  uint32_t struct_size;
  uint32_t reserved;  // 0
  const AttnscopeReport* const* reports;
  uint64_t num_reports;
  const AttnscopeKeyProfile* const* keys;  // of ATTNSCOPE_FIGURE_KEYS, at most 36 whose layers ascend
  uint64_t num_keys;
  const AttnscopeAttentionMap* const*
      maps;  // of ATTNSCOPE_FIGURE_MAPS, at most 1024 that ascend by layer, then by head
  uint64_t num_maps;
} AttnscopeFigureData;

// A figure that was drawn.
typedef struct AttnscopeFigure AttnscopeFigure;
// Draws `reports` [num_reports] as an AttnscopeFigureKind in an AttnscopeFigureFormat; `options` may be null. Errors:
// INVALID_ARGUMENT for a size or scale beyond its range, or a number of reports that the kind cannot show;
// OUT_OF_MEMORY.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigureCreate(int32_t kind, int32_t format,
                                                       const AttnscopeReport* const* reports, size_t num_reports,
                                                       const AttnscopeFigureOptions* options, AttnscopeFigure** out);
// The same of any data. Errors: INVALID_ARGUMENT also for what the kind does not show, or too many or too few of what
// it does.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigureCreateOf(int32_t kind, int32_t format, const AttnscopeFigureData* data,
                                                         const AttnscopeFigureOptions* options, AttnscopeFigure** out);
ATTNSCOPE_EXPORT void AttnscopeFigureDestroy(AttnscopeFigure* figure);
// The bytes that its format has; they last as long as the figure.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigureBytes(const AttnscopeFigure* figure, const uint8_t** bytes,
                                                      size_t* size);
// Its size in pixels and its resolution; each may be null. Errors: NOT_FOUND for an SVG.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigurePixels(const AttnscopeFigure* figure, int32_t* width, int32_t* height,
                                                       double* pixels_per_inch);
// Draws into a file, whole or not at all: SVG if `path` ends in ".svg", else PNG. Errors: those of Create, and
// IO_ERROR, whose message names the path and the system's reason.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigureWrite(int32_t kind, const AttnscopeReport* const* reports,
                                                      size_t num_reports, const AttnscopeFigureOptions* options,
                                                      const char* path);
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopeFigureWriteOf(int32_t kind, const AttnscopeFigureData* data,
                                                        const AttnscopeFigureOptions* options, const char* path);

// A report as one HTML file at `path`, whole or not at all (attnscope/page.h): what was found, tables, and the figures
// that there are data for. `data` needs a report; of several, the last is judged. Of `options`, which may be null,
// thresholds and baseline count. Errors: those of AttnscopeFigureWriteOf.
ATTNSCOPE_EXPORT AttnscopeStatus AttnscopePageWrite(const AttnscopeFigureData* data,
                                                    const AttnscopeFigureOptions* options, const char* path);

// The summary of one report as a PNG file at `path`, whatever that ends in. `options` may be null. Errors: as
// AttnscopeFigureWrite.
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

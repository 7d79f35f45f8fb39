// SPDX-License-Identifier: Apache-2.0
//
// What metrics, pathologies and severities are called. The names in C++ are string literals, so a zero byte follows
// them.
#include <string>
#include <string_view>

#include "attnscope/attention_view.h"
#include "attnscope/diagnosis.h"
#include "attnscope/limits.h"
#include "attnscope/metrics.h"
#include "c_interface/struct_size.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

static_assert(kNumMetrics == ATTNSCOPE_NUM_METRICS, "a metric is missing in attnscope_c.h");
static_assert(kNumPathologies == ATTNSCOPE_NUM_PATHOLOGIES, "a pathology is missing in attnscope_c.h");
static_assert(static_cast<int>(MetricGroup::kAttention) == ATTNSCOPE_GROUP_ATTENTION);
static_assert(static_cast<int>(MetricGroup::kLogits) == ATTNSCOPE_GROUP_LOGITS);
static_assert(static_cast<int>(MetricGroup::kLayer) == ATTNSCOPE_GROUP_LAYER);
static_assert(static_cast<int>(MetricKind::kMean) == ATTNSCOPE_KIND_MEAN);
static_assert(static_cast<int>(MetricKind::kOther) == ATTNSCOPE_KIND_OTHER);
static_assert(static_cast<int>(MetricKind::kSignedMaximum) == ATTNSCOPE_KIND_SIGNED_MAXIMUM);
static_assert(static_cast<int>(MetricUnit::kRow) == ATTNSCOPE_UNIT_ROW);
static_assert(static_cast<int>(MetricUnit::kMatrix) == ATTNSCOPE_UNIT_MATRIX);
static_assert(static_cast<int>(MetricUnit::kBuffer) == ATTNSCOPE_UNIT_BUFFER);
static_assert(static_cast<int>(MetricUnit::kRowWithNullMass) == ATTNSCOPE_UNIT_ROW_WITH_NULL_MASS);
static_assert(static_cast<int>(MetricScale::kLinear) == ATTNSCOPE_SCALE_LINEAR);
static_assert(static_cast<int>(MetricScale::kShare) == ATTNSCOPE_SCALE_SHARE);

// Of a text of the table of metrics: a literal, or none.
static const char* TextOf(std::string_view text) { return text.empty() ? "" : text.data(); }

static_assert(static_cast<int>(Outcome::kNotJudged) == ATTNSCOPE_OUTCOME_NOT_JUDGED);

static_assert(kMaxHeads == ATTNSCOPE_MAX_HEADS);
static_assert(kMaxBatch == ATTNSCOPE_MAX_BATCH);
static_assert(kMaxKeys == ATTNSCOPE_MAX_KEYS);
static_assert(kMaxQueries == ATTNSCOPE_MAX_QUERIES);
static_assert(kMaxHeadDim == ATTNSCOPE_MAX_HEAD_DIM);
static_assert(kMaxViewElements == ATTNSCOPE_MAX_VIEW_ELEMENTS);
static_assert(kMaxTopMasses == ATTNSCOPE_MAX_TOP_MASSES);
static_assert(kMaxTopK == ATTNSCOPE_MAX_TOP_K);
static_assert(kMaxLayers == ATTNSCOPE_MAX_LAYERS);
static_assert(kMaxThreads == ATTNSCOPE_MAX_THREADS);
static_assert(kMaxMonitorLanes == ATTNSCOPE_MAX_MONITOR_LANES);
static_assert(kMaxBaselineWindows == ATTNSCOPE_MAX_BASELINE_WINDOWS);
static_assert(kRowsPerBlock == ATTNSCOPE_ROWS_PER_BLOCK);

size_t AttnscopeNumMetrics() { return kNumMetrics; }

int32_t AttnscopeTopMass(uint32_t k) { return k >= 1 && k <= kMaxTopK ? static_cast<int32_t>(TopMass(k)) : -1; }

const char* AttnscopeMetricName(int32_t metric) {
  if (metric < 0 || !IsMetric(static_cast<size_t>(metric))) return nullptr;
  return InfoOf(static_cast<Metric>(metric)).name.data();
}

AttnscopeStatus AttnscopeMetricInfoOf(int32_t metric, AttnscopeMetricInfo* out) {
  return Guarded([&]() -> Status {
    if (metric < 0 || !IsMetric(static_cast<size_t>(metric))) {
      return {StatusCode::kInvalidArgument, "metric is " + std::to_string(metric) + ", not an AttnscopeMetric"};
    }
    const MetricInfo info = InfoOf(static_cast<Metric>(metric));
    AttnscopeMetricInfo filled = {};
    filled.metric = metric;
    filled.group = static_cast<int32_t>(info.group);
    filled.per_head = info.per_head ? 1 : 0;
    filled.is_count = info.is_count ? 1 : 0;
    filled.top_k = info.top_k;
    filled.name = info.name.data();
    filled.report_key = info.report_key.data();
    filled.meaning = info.meaning.data();
    filled.title = TextOf(info.title);
    filled.axis = TextOf(info.axis);
    filled.old_name = TextOf(info.old_name);
    filled.kind = static_cast<int32_t>(info.kind);
    filled.unit = static_cast<int32_t>(info.unit);
    filled.scale = static_cast<int32_t>(info.scale);
    filled.column = info.column;
    filled.digits = info.digits;
    return WriteStruct("out", filled, out);
  });
}

size_t AttnscopeNumPathologies() { return kNumPathologies; }

const char* AttnscopePathologyName(int32_t pathology) {
  if (pathology < 0 || static_cast<size_t>(pathology) >= kNumPathologies) return nullptr;
  return NameOf(static_cast<Pathology>(pathology)).data();
}

const char* AttnscopeSeverityName(int32_t severity) {
  if (severity < ATTNSCOPE_HEALTHY || severity > ATTNSCOPE_CRITICAL) return nullptr;
  return NameOf(static_cast<Severity>(severity)).data();
}

const char* AttnscopeOutcomeName(int32_t outcome) {
  if (outcome < ATTNSCOPE_OUTCOME_HEALTHY || outcome > ATTNSCOPE_OUTCOME_NOT_JUDGED) return nullptr;
  return NameOf(static_cast<Outcome>(outcome)).data();
}

size_t AttnscopeElementBytes(int32_t type) {
  if (type < ATTNSCOPE_FLOAT32 || type > ATTNSCOPE_BFLOAT16) return 0;
  return ElementBytes(static_cast<ElementType>(type));
}

// SPDX-License-Identifier: Apache-2.0
//
// Calls that have no handle, or that should have one.
#include <cstring>

#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/session.h"

namespace attnscope::fuzz {
namespace {

void PassNullAccumulator(AttnscopeAccumulator* some) {
  double metrics[ATTNSCOPE_NUM_METRICS];
  AttnscopeAccumulatorDestroy(nullptr);
  CheckRefused(AttnscopeAccumulatorCreate(nullptr, nullptr));
  CheckRefused(AttnscopeAccumulatorCreate(nullptr, &some));
  for (AttnscopeAccumulator* const to : {some, static_cast<AttnscopeAccumulator*>(nullptr)}) {
    CheckRefused(AttnscopeAccumulatorAddWeights(to, nullptr, nullptr, nullptr));
    CheckRefused(AttnscopeAccumulatorAddLogits(to, nullptr, nullptr, nullptr));
    CheckRefused(AttnscopeAccumulatorAddQueriesKeys(to, nullptr, nullptr, nullptr));
    CheckRefused(AttnscopeAccumulatorAddResidual(to, nullptr, nullptr));
    CheckRefused(AttnscopeAccumulatorAddGradient(to, nullptr));
    CheckRefused(AttnscopeAccumulatorMerge(to, nullptr));
  }
  uint64_t bytes = 0;
  CheckRefused(AttnscopeAccumulatorReserve(nullptr, nullptr));
  CheckRefused(AttnscopeAccumulatorScratchBytes(nullptr, nullptr, &bytes));
  CheckRefused(AttnscopeAccumulatorScratchBytes(some, nullptr, nullptr));
  CheckRefused(AttnscopeAccumulatorConfig(some, nullptr));
  CheckRefused(AttnscopeAccumulatorEndSequences(nullptr));
  CheckRefused(AttnscopeAccumulatorEndSequence(nullptr, 0));
  CheckRefused(AttnscopeAccumulatorReset(nullptr));
  CheckRefused(AttnscopeAccumulatorStats(nullptr, metrics, nullptr, ATTNSCOPE_NUM_METRICS, 0));
  CheckStatus(AttnscopeAccumulatorStats(some, nullptr, nullptr, 0, 0));
}

void PassNullMonitor(AttnscopeMonitor* some, AttnscopeAccumulator* accumulator) {
  AttnscopeMonitorDestroy(nullptr);
  CheckRefused(AttnscopeMonitorCreate(nullptr, nullptr));
  CheckRefused(AttnscopeMonitorCreate(nullptr, &some));
  FUZZ_CHECK(AttnscopeMonitorShouldSample(nullptr, 0, 0) == 0, "no sample");
  for (AttnscopeMonitor* const to : {some, static_cast<AttnscopeMonitor*>(nullptr)}) {
    CheckRefused(AttnscopeMonitorAddWeights(to, 0, nullptr, nullptr, nullptr));
    CheckRefused(AttnscopeMonitorAddLogits(to, 0, nullptr, nullptr, nullptr));
    CheckRefused(AttnscopeMonitorAddQueriesKeys(to, 0, nullptr, nullptr, nullptr));
    CheckRefused(AttnscopeMonitorAddResidual(to, 0, nullptr, nullptr));
    CheckRefused(AttnscopeMonitorAddGradient(to, 0, nullptr));
    CheckRefused(AttnscopeMonitorMergeInto(to, 0, nullptr));
  }
  CheckRefused(AttnscopeMonitorReserve(nullptr, nullptr));
  CheckRefused(AttnscopeMonitorEndSequence(nullptr, 0));
  CheckRefused(AttnscopeMonitorEndStep(nullptr, 0, 0));
  CheckRefused(AttnscopeMonitorCloseWindow(nullptr));
  CheckRefused(AttnscopeMonitorMergeInto(nullptr, 0, accumulator));
}

void PassNullReport(AttnscopeReport* some) {
  double value = 0.0;
  size_t count = 0;
  const char* json = nullptr;
  const uint8_t* png = nullptr;
  AttnscopeVerdict verdict = {};
  AttnscopeReportDestroy(nullptr);
  CheckRefused(AttnscopeReportCreate(nullptr));
  CheckRefused(AttnscopeReportSetStage(nullptr, "a"));
  CheckRefused(AttnscopeReportSetEpoch(nullptr, 1));
  CheckRefused(AttnscopeReportSetStep(nullptr, 1));
  CheckRefused(AttnscopeReportSetMetric(nullptr, 0, 0, 0, 1.0));
  CheckRefused(AttnscopeReportStage(some, nullptr));
  CheckRefused(AttnscopeReportEpoch(some, nullptr));
  CheckRefused(AttnscopeReportStep(nullptr, nullptr));
  CheckRefused(AttnscopeReportNumLayers(nullptr, &count));
  CheckRefused(AttnscopeReportLayerAt(nullptr, 0, nullptr, nullptr));
  CheckRefused(AttnscopeReportWorstSeverity(some, nullptr));
  CheckRefused(AttnscopeReportSetLayer(some, 0, nullptr));
  CheckRefused(AttnscopeReportMetric(nullptr, 0, 0, 0, &value));
  CheckRefused(AttnscopeReportMetric(some, 0, 0, 0, nullptr));
  CheckRefused(AttnscopeReportToJson(nullptr, &json, nullptr));
  CheckRefused(AttnscopeReportToJson(some, nullptr, &count));
  CheckRefused(AttnscopeReportDiagnose(nullptr, nullptr, &count));
  CheckRefused(AttnscopeReportDiagnose(some, nullptr, nullptr));
  CheckRefused(AttnscopeReportVerdict(nullptr, 0, &verdict));
  CheckRefused(AttnscopeReportVerdict(some, 0, nullptr));
  AttnscopeBaseline* baseline = nullptr;
  AttnscopeBaselineDestroy(nullptr);
  CheckRefused(AttnscopeBaselineCreate(nullptr, 0, &baseline));
  CheckRefused(AttnscopeBaselineCreate(nullptr, 1, &baseline));
  CheckRefused(AttnscopeBaselineCreate(nullptr, 1, nullptr));
  CheckRefused(AttnscopeBaselineCheck(nullptr, some));
  CheckRefused(AttnscopeReportDiagnoseBeside(some, nullptr, nullptr, &count));
  CheckRefused(AttnscopeReportNumAsInBaseline(nullptr, &count));
  CheckRefused(AttnscopeReportNumAsInBaseline(some, nullptr));
  CheckRefused(AttnscopeReportAsInBaseline(nullptr, 0, &verdict));
  CheckRefused(AttnscopeReportAsInBaseline(some, 0, nullptr));
  AttnscopeUnjudged unjudged = {};
  unjudged.struct_size = sizeof(unjudged);
  int32_t outcome = 0;
  CheckRefused(AttnscopeReportNumUnjudged(nullptr, &count));
  CheckRefused(AttnscopeReportNumUnjudged(some, nullptr));
  CheckRefused(AttnscopeReportUnjudged(nullptr, 0, &unjudged));
  CheckRefused(AttnscopeReportUnjudged(some, 0, nullptr));
  CheckRefused(AttnscopeReportOutcome(nullptr, -1, &outcome));
  CheckRefused(AttnscopeReportOutcome(some, -1, nullptr));
  CheckRefused(AttnscopeReportFromJson(nullptr, "{}", 2));
  CheckRefused(AttnscopeReportFromJson(some, nullptr, 2));
  CheckRefused(AttnscopeReportWritePng(nullptr, nullptr, "/nonexistent/a.png"));
  CheckRefused(AttnscopeReportWritePng(some, nullptr, nullptr));
  CheckRefused(AttnscopeReportEncodePng(nullptr, nullptr, &png, &count));
  CheckRefused(AttnscopeReportEncodePng(some, nullptr, nullptr, &count));
  CheckRefused(AttnscopeReportEncodePng(some, nullptr, &png, nullptr));
  CheckRefused(AttnscopeWriteFileAtomically(nullptr, "a", 1));
  CheckRefused(AttnscopeWriteFileAtomically("/nonexistent/a", nullptr, 1));
  AttnscopeFigure* figure = nullptr;
  const AttnscopeReport* const reports[2] = {some, nullptr};
  AttnscopeFigureDestroy(nullptr);
  CheckRefused(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, reports, 1, nullptr, nullptr));
  CheckRefused(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, reports, 2, nullptr, &figure));
  CheckRefused(AttnscopeFigureCreate(ATTNSCOPE_FIGURE_HISTORY, ATTNSCOPE_FORMAT_SVG, nullptr, 1, nullptr, &figure));
  CheckRefused(AttnscopeFigureWrite(ATTNSCOPE_FIGURE_HISTORY, reports, 1, nullptr, nullptr));
  CheckRefused(AttnscopeFigureBytes(nullptr, &png, &count));
  CheckRefused(AttnscopeFigurePixels(nullptr, nullptr, nullptr, nullptr));
  FUZZ_CHECK(figure == nullptr, "untouched output");
}

// Numbers that may name nothing.
void AskNames(int32_t number) {
  const bool is_metric = number >= 0 && number < ATTNSCOPE_NUM_METRICS;
  FUZZ_CHECK((AttnscopeMetricName(number) != nullptr) == is_metric, "a name for each metric");
  AttnscopeMetricInfo info = {};
  info.struct_size = sizeof(info);
  const AttnscopeStatus status = AttnscopeMetricInfoOf(number, &info);
  CheckStatus(status);
  FUZZ_CHECK((status == ATTNSCOPE_OK) == is_metric && (info.name != nullptr) == is_metric, "what is known of a metric");
  const bool is_pathology = number >= 0 && number < ATTNSCOPE_NUM_PATHOLOGIES;
  FUZZ_CHECK((AttnscopePathologyName(number) != nullptr) == is_pathology, "a name for each pathology");
  FUZZ_CHECK((AttnscopeSeverityName(number) != nullptr) == (number >= 0 && number < 3), "a name for each severity");
  FUZZ_CHECK((AttnscopeOutcomeName(number) != nullptr) == (number >= 0 && number < 3), "a name for each outcome");
  FUZZ_CHECK((AttnscopeElementBytes(number) != 0) == (number >= 0 && number < 3), "a size of each type");
}

// Tensors of ggml with any sizes and strides: descriptions alone are read.
void DescribeGgml(CallBytes* bytes) {
  int64_t ne[4];
  size_t nb[4];
  for (size_t i = 0; i < 4; ++i) {
    ne[i] = bytes->OneOf<int64_t>({4, 1, 0, 32, -1, INT64_MAX, INT64_MIN});
    nb[i] = bytes->OneOf<size_t>({4, 2, 64, 1, 0, SIZE_MAX, SIZE_MAX - 3});
  }
  const auto type = bytes->OneOf<int32_t>({0, 1, 30, 2, -1, INT32_MAX});
  const int64_t* const sizes = bytes->OneIn(5) ? nullptr : ne;
  AttnscopeAttentionView view = {};
  view.struct_size = bytes->OneOf<uint32_t>({sizeof(view), 0});
  CheckStatus(AttnscopeAttentionFromGgml(type, sizes, nb, ne, &view));
  AttnscopeQueryKeyView products = {};
  products.struct_size = bytes->OneOf<uint32_t>({sizeof(products), 0});
  CheckStatus(AttnscopeQueriesKeysFromGgml(type, sizes, nb, ne, type, ne, nb, ne, &products));
}

}  // namespace

void Session::AskLibrary(CallBytes bytes) {
  FUZZ_CHECK(AttnscopeAbiVersion() == ATTNSCOPE_ABI_VERSION && std::strlen(AttnscopeVersion()) > 0, "versions");
  FUZZ_CHECK(AttnscopeNumMetrics() == ATTNSCOPE_NUM_METRICS, "metrics");
  FUZZ_CHECK(AttnscopeNumPathologies() == ATTNSCOPE_NUM_PATHOLOGIES, "pathologies");
  const auto number = static_cast<int32_t>(bytes.Word());
  AskNames(number);
  AskNames(number % ATTNSCOPE_NUM_METRICS);
  const char* const target = AttnscopeCompiledTarget(bytes.Next());
  AttnscopeCompiledTarget(SIZE_MAX);
  if (target != nullptr && AttnscopeForceTarget(target) == ATTNSCOPE_OK) {
    FUZZ_CHECK(std::strcmp(AttnscopeChosenTarget(), target) == 0, target);
  }
  CheckRefused(AttnscopeForceTarget("no such target"));
  const std::string message(bytes.Rest());
  FUZZ_CHECK(AttnscopeSetLastError(ATTNSCOPE_NOT_FOUND, message.c_str()) == ATTNSCOPE_NOT_FOUND, "the same status");
  FUZZ_CHECK(std::strcmp(AttnscopeLastError(), message.c_str()) == 0, message);
  FUZZ_CHECK(AttnscopeSetLastError(ATTNSCOPE_OK, nullptr) == ATTNSCOPE_OK, "the same status");
  DescribeGgml(&bytes);
}

void Session::CreateThreadPool(CallBytes bytes) {
  AttnscopeThreadPool* made = nullptr;
  CheckRefused(AttnscopeThreadPoolCreate(4097, &made));
  CheckRefused(AttnscopeThreadPoolCreate(SIZE_MAX, &made));
  if (pool_ != nullptr && !bytes.OneIn(3)) return;  // threads are slow to start
  FUZZ_CHECK(AttnscopeThreadPoolCreate(bytes.OneOf<size_t>({2, 1, 3}), &made) == ATTNSCOPE_OK, AttnscopeLastError());
  AttnscopeThreadPoolDestroy(pool_);
  pool_ = made;
}

void Session::PassNull(CallBytes bytes) {
  PassNullAccumulator(AccumulatorOf(&bytes).handle);
  PassNullMonitor(monitors_[bytes.Below(monitors_.size())].handle, accumulators_[0].handle);
  PassNullReport(reports_[bytes.Below(reports_.size())]);
  CheckRefused(AttnscopeThreadPoolCreate(1, nullptr));
  CheckRefused(AttnscopeThreadPoolRunner(nullptr, &runner_));
  CheckRefused(AttnscopeThreadPoolRunner(pool_, nullptr));
  AttnscopeThreadPoolDestroy(nullptr);
  CheckRefused(AttnscopeLayerConfigDefaults(nullptr));
  CheckRefused(AttnscopeThresholdsDefaults(nullptr));
  CheckRefused(AttnscopeMonitorConfigDefaults(nullptr));
  CheckRefused(AttnscopeFigureOptionsDefaults(nullptr));
  CheckRefused(AttnscopePageWrite(nullptr, nullptr, nullptr));
  CheckRefused(AttnscopeMakeAttentionMap(0, 0, 1, 1, 64, nullptr, nullptr));
  CheckRefused(AttnscopePoolWeights(nullptr, 0, nullptr, nullptr, 1, nullptr));
  CheckRefused(AttnscopePoolLogits(nullptr, 0, nullptr, nullptr, 1, nullptr));
  CheckRefused(AttnscopePoolQueriesKeys(nullptr, 0, nullptr, nullptr, 1, nullptr));
  CheckRefused(AttnscopeMakeKeyProfile(0, nullptr, nullptr, 1, 1, nullptr, nullptr, nullptr));
  CheckRefused(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, nullptr, nullptr, nullptr));
  CheckRefused(AttnscopeFigureWriteOf(ATTNSCOPE_FIGURE_KEYS, nullptr, nullptr, nullptr));
  CheckRefused(AttnscopeMetricInfoOf(0, nullptr));
  CheckRefused(AttnscopeContiguousAttention(nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, 1, nullptr));
  CheckRefused(AttnscopeContiguousQueryKey(nullptr, nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, 1, 1, 1, nullptr));
  CheckRefused(AttnscopeTokenMajorQueryKey(nullptr, nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, 1, 1, 1, nullptr));
  CheckRefused(AttnscopeContiguousActivation(nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, nullptr));
  CheckRefused(AttnscopeAttentionFromGgml(0, nullptr, nullptr, nullptr, nullptr));
  CheckRefused(AttnscopeQueriesKeysFromGgml(0, nullptr, nullptr, nullptr, 0, nullptr, nullptr, nullptr, nullptr));
}

}  // namespace attnscope::fuzz

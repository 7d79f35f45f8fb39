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
  CheckRefused(AttnscopeAccumulatorReserve(nullptr, nullptr));
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
  CheckRefused(AttnscopeReportSetLayer(some, 0, nullptr));
  CheckRefused(AttnscopeReportMetric(nullptr, 0, 0, 0, &value));
  CheckRefused(AttnscopeReportMetric(some, 0, 0, 0, nullptr));
  CheckRefused(AttnscopeReportToJson(nullptr, &json, nullptr));
  CheckRefused(AttnscopeReportToJson(some, nullptr, &count));
  CheckRefused(AttnscopeReportDiagnose(nullptr, nullptr, &count));
  CheckRefused(AttnscopeReportDiagnose(some, nullptr, nullptr));
  CheckRefused(AttnscopeReportVerdict(nullptr, 0, &verdict));
  CheckRefused(AttnscopeReportVerdict(some, 0, nullptr));
  CheckRefused(AttnscopeReportFromJson(nullptr, "{}", 2));
  CheckRefused(AttnscopeReportFromJson(some, nullptr, 2));
  CheckRefused(AttnscopeReportWritePng(nullptr, nullptr, "/nonexistent/a.png"));
  CheckRefused(AttnscopeReportWritePng(some, nullptr, nullptr));
  CheckRefused(AttnscopeReportEncodePng(nullptr, nullptr, &png, &count));
  CheckRefused(AttnscopeReportEncodePng(some, nullptr, nullptr, &count));
  CheckRefused(AttnscopeReportEncodePng(some, nullptr, &png, nullptr));
}

}  // namespace

void Session::AskLibrary(CallBytes bytes) {
  FUZZ_CHECK(AttnscopeAbiVersion() == ATTNSCOPE_ABI_VERSION && std::strlen(AttnscopeVersion()) > 0, "versions");
  FUZZ_CHECK(AttnscopeNumMetrics() == ATTNSCOPE_NUM_METRICS, "metrics");
  const auto metric = static_cast<int32_t>(bytes.Word());
  const bool is_metric = metric >= 0 && metric < ATTNSCOPE_NUM_METRICS;
  FUZZ_CHECK((AttnscopeMetricName(metric) != nullptr) == is_metric, "a name for each metric");
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
  AttnscopeLayerConfigDefaults(nullptr);
  AttnscopeThresholdsDefaults(nullptr);
  AttnscopeMonitorConfigDefaults(nullptr);
  AttnscopeFigureOptionsDefaults(nullptr);
  AttnscopeContiguousAttention(nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, 1, nullptr);
  AttnscopeContiguousQueryKey(nullptr, nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, 1, 1, 1, nullptr);
  AttnscopeContiguousActivation(nullptr, ATTNSCOPE_FLOAT32, 1, 1, 1, nullptr);
}

}  // namespace attnscope::fuzz

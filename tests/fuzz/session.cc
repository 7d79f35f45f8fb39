// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/session.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "tests/fuzz/fuzz_check.h"

namespace attnscope::fuzz {
namespace {

constexpr size_t kStatsHeads = 8;

// Runs tasks on the caller, the last one first.
void RunBackwards(void*, AttnscopeTask task, void* argument, size_t count) {
  for (size_t i = count; i > 0; --i) task(argument, i - 1);
}

}  // namespace

void CheckStatus(AttnscopeStatus status) {
  FUZZ_CHECK(status >= ATTNSCOPE_OK && status <= ATTNSCOPE_IO_ERROR, "a known status");
  FUZZ_CHECK(status == ATTNSCOPE_OK || std::strlen(AttnscopeLastError()) > 5, "a message");
}

void CheckRefused(AttnscopeStatus status) {
  CheckStatus(status);
  FUZZ_CHECK(status != ATTNSCOPE_OK, "an error");
}

std::vector<double> StatsOf(const AttnscopeAccumulator* accumulator) {
  const size_t metrics = AttnscopeNumMetrics();
  std::vector<double> stats((1 + kStatsHeads) * metrics);
  FUZZ_CHECK(AttnscopeAccumulatorStats(accumulator, stats.data(), stats.data() + metrics, metrics, kStatsHeads) ==
                 ATTNSCOPE_OK,
             AttnscopeLastError());
  return stats;
}

void CheckSameStats(const std::vector<double>& a, const std::vector<double>& b, const char* why) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (std::bit_cast<uint64_t>(a[i]) == std::bit_cast<uint64_t>(b[i])) continue;
    const char* const metric = AttnscopeMetricName(static_cast<int32_t>(i % AttnscopeNumMetrics()));
    std::array<char, 200> detail;
    std::snprintf(detail.data(), detail.size(), "%s: %s of %s %zu is %.17g and %.17g", why, metric,
                  i < AttnscopeNumMetrics() ? "layer" : "head", i / AttnscopeNumMetrics(), a[i], b[i]);
    FUZZ_CHECK(false, detail.data());
  }
}

Session::Session() {
  FUZZ_CHECK(AttnscopeForceTarget(nullptr) == ATTNSCOPE_OK, AttnscopeLastError());
  for (AttnscopeReport*& report : reports_) {
    FUZZ_CHECK(AttnscopeReportCreate(&report) == ATTNSCOPE_OK, AttnscopeLastError());
  }
  const uint8_t ordinary = 0;
  CreateAccumulator({&ordinary, 1});
}

Session::~Session() {
  for (const Accumulator& accumulator : accumulators_) AttnscopeAccumulatorDestroy(accumulator.handle);
  for (const Monitor& monitor : monitors_) AttnscopeMonitorDestroy(monitor.handle);
  for (AttnscopeReport* const report : reports_) AttnscopeReportDestroy(report);
  AttnscopeThreadPoolDestroy(pool_);
}

const AttnscopeRunner* Session::RunnerOf(CallBytes* bytes) {
  runner_ = {};
  runner_.struct_size = sizeof(runner_);
  switch (bytes->Below(5)) {
    case 1:
      runner_.run = &RunBackwards;
      runner_.threads = bytes->OneOf<uint64_t>({2, 0, 7, 16});  // scratch grows with them
      return &runner_;
    case 2:  // no function: as if there were no runner
      runner_.threads = bytes->OneOf<uint64_t>({1, 0, UINT64_MAX});
      return &runner_;
    case 3:
      if (pool_ == nullptr) return nullptr;
      FUZZ_CHECK(AttnscopeThreadPoolRunner(pool_, &runner_) == ATTNSCOPE_OK, AttnscopeLastError());
      return &runner_;
    default:
      return nullptr;
  }
}

void Session::Run(CallBytes bytes) {
  switch (bytes.Below(21)) {
    case 0:
      return AddAttention(AttentionKind::kWeights, bytes);
    case 1:
      return AddAttention(AttentionKind::kLogits, bytes);
    case 2:
      return AddAttention(AttentionKind::kQueriesKeys, bytes);
    case 3:
      return CreateAccumulator(bytes);
    case 4:
      return AddResidual(bytes);
    case 5:
      return AddGradient(bytes);
    case 6:
      return EndSequences(bytes);
    case 7:
      return ResetOrReserve(bytes);
    case 8:
      return Merge(bytes);
    case 9:
      return CopyState(bytes);
    case 10:
      return CreateMonitor(bytes);
    case 11:
      return FeedMonitor(bytes);
    case 12:
      return StepMonitor(bytes);
    case 13:
      return MergeMonitor(bytes);
    case 14:
      return ChangeReport(bytes);
    case 15:
      return AskReport(bytes);
    case 16:
      return ReportJson(bytes);
    case 17:
      return ReportFromText(bytes);
    case 18:
      return DrawReport(bytes);
    case 19:
      return CreateThreadPool(bytes);
    default:
      return bytes.OneIn(2) ? PassNull(bytes) : AskLibrary(bytes);
  }
}

}  // namespace attnscope::fuzz

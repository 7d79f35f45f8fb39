// SPDX-License-Identifier: Apache-2.0
//
// The handles of a sequence of random calls of the C interface, and the calls. Each checks what must hold after it.
// Included by the parts of fuzz_c_interface.
#ifndef ATTNSCOPE_TESTS_FUZZ_SESSION_H_
#define ATTNSCOPE_TESTS_FUZZ_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "attnscope/attnscope_c.h"
#include "tests/fuzz/attention_call.h"
#include "tests/fuzz/call_bytes.h"

namespace attnscope::fuzz {

// A failed call says why.
void CheckStatus(AttnscopeStatus status);
// As CheckStatus, for a call that must fail.
void CheckRefused(AttnscopeStatus status);

// The layer's metrics and those of up to eight heads; NaN where there are none.
std::vector<double> StatsOf(const AttnscopeAccumulator* accumulator);
// Both must be the same, bit by bit, but that any NaN is like any other.
void CheckSameStats(const std::vector<double>& a, const std::vector<double>& b, const char* why);

class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // One call, chosen and given its arguments by `bytes`.
  void Run(CallBytes bytes);

 private:
  struct Accumulator {
    AttnscopeAccumulator* handle = nullptr;
    AttnscopeLayerConfig config = {};
    uint64_t most_keys = 0;  // that its open sequences may have had: calls with fewer may be refused
  };
  struct Monitor {
    AttnscopeMonitor* handle = nullptr;
    AttnscopeLayerConfig config = {};
    uint64_t step = 0;
    uint64_t clock = 0;
    size_t records = 0;
    size_t changes = 0;
  };

  // calls_on_accumulators.cc
  void CreateAccumulator(CallBytes bytes);
  void AddAttention(AttentionKind kind, CallBytes bytes);
  void CheckCuts(AttentionKind kind, const AttnscopeLayerConfig& config, CallBytes bytes, CallBytes cuts);
  void AddResidual(CallBytes bytes);
  void AddGradient(CallBytes bytes);
  void EndSequences(CallBytes bytes);
  void ResetOrReserve(CallBytes bytes);
  void Merge(CallBytes bytes);
  void CopyState(CallBytes bytes);
  // calls_on_monitors.cc
  void CreateMonitor(CallBytes bytes);
  void FeedMonitor(CallBytes bytes);
  void StepMonitor(CallBytes bytes);
  void MergeMonitor(CallBytes bytes);
  // calls_on_reports.cc
  void ChangeReport(CallBytes bytes);
  void AskReport(CallBytes bytes);
  void ReportJson(CallBytes bytes);
  void ReportFromText(CallBytes bytes);
  void DrawReport(CallBytes bytes);
  // calls_on_nothing.cc
  void AskLibrary(CallBytes bytes);
  void CreateThreadPool(CallBytes bytes);
  void PassNull(CallBytes bytes);

  Accumulator& AccumulatorOf(CallBytes* bytes) { return accumulators_[bytes->Below(accumulators_.size())]; }
  // One of several runners, null for none; lasts until the next call of this function.
  const AttnscopeRunner* RunnerOf(CallBytes* bytes);

  std::array<Accumulator, 3> accumulators_;
  std::array<Monitor, 2> monitors_;
  std::array<AttnscopeReport*, 2> reports_ = {};
  AttnscopeThreadPool* pool_ = nullptr;
  AttnscopeRunner runner_ = {};
};

}  // namespace attnscope::fuzz

#endif  // ATTNSCOPE_TESTS_FUZZ_SESSION_H_

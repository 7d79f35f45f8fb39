// SPDX-License-Identifier: Apache-2.0
//
// What the opaque handles are. Included by the C interface.
#ifndef ATTNSCOPE_C_INTERFACE_HANDLES_H_
#define ATTNSCOPE_C_INTERFACE_HANDLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/attnscope_c.h"
#include "attnscope/baseline.h"
#include "attnscope/diagnosis.h"
#include "attnscope/key_scores.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/report.h"
#include "attnscope/thread_runner.h"

struct AttnscopeAccumulator {
  attnscope::LayerAccumulator accumulator;
};

struct AttnscopeKeyScores {
  attnscope::KeyScores scores;
};

struct AttnscopeThreadPool {
  attnscope::ThreadRunner pool;
};

struct AttnscopeMonitor {
  attnscope::AttentionMonitor monitor;
  // The callbacks of C, which the monitor's own call.
  void* opaque = nullptr;
  void (*on_window)(void* opaque, const char* json_line, size_t length) = nullptr;
  void (*on_change)(void* opaque, const AttnscopeVerdictChange* change) = nullptr;
  uint64_t (*now_nanoseconds)(void* opaque) = nullptr;
};

struct AttnscopeBaseline {
  attnscope::Baseline baseline;
};

struct AttnscopeReport {
  attnscope::Report report;
  // What was handed out last.
  std::string json;
  attnscope::Diagnosis diagnosis;
  std::vector<uint8_t> png;
};

#endif  // ATTNSCOPE_C_INTERFACE_HANDLES_H_

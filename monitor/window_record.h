// SPDX-License-Identifier: Apache-2.0
//
// The line that a window's layer becomes; docs/monitor.md documents it.
#ifndef ATTNSCOPE_MONITOR_WINDOW_RECORD_H_
#define ATTNSCOPE_MONITOR_WINDOW_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope {

inline constexpr std::string_view kWindowSchema = "attnscope.window.v1";

// What all layers of one window share.
struct WindowInfo {
  double time = 0.0;  // of its end, seconds since 1970, UTC
  std::string_view stage;
  uint64_t window = 0;      // counted from 0
  uint64_t first_step = 0;  // of those that ended in it; both 0 if none did
  uint64_t last_step = 0;
  uint64_t steps = 0;     // that ended in it
  uint64_t tokens = 0;    // as told to EndStep
  double overhead = 0.0;  // share of the window's wall time that sampling took; NaN if no time has passed
};

struct LayerCounts {
  uint64_t samples = 0;
  uint64_t late = 0;
  uint64_t refused = 0;
  uint64_t postponed = 0;
  uint64_t left_out_rows = 0;
};

// One line without a newline. `diagnosis` is of a report of this layer alone.
std::string WindowRecord(const WindowInfo& info, const LayerCounts& counts, const LayerReport& layer,
                         const Diagnosis& diagnosis, bool per_head);

}  // namespace attnscope

#endif  // ATTNSCOPE_MONITOR_WINDOW_RECORD_H_

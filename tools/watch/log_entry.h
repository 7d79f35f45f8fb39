// SPDX-License-Identifier: Apache-2.0
//
// What a line of a log says.
#ifndef ATTNSCOPE_TOOLS_WATCH_LOG_ENTRY_H_
#define ATTNSCOPE_TOOLS_WATCH_LOG_ENTRY_H_

#include <string>
#include <string_view>

#include "attnscope/report.h"

namespace attnscope::tools {

enum class LogEntry {
  kBlank,
  kReport,   // all layers at one moment
  kRecord,   // one layer in one window of the monitor (docs/monitor.md)
  kOther,    // an object of something else, such as a loss
  kDamaged,  // torn, no JSON object, or a report with an error
};

// Sets `*report` to that of a report, or to one that has the layer of a record, with the last step of its window; of a
// report with an error `*error`, unless that is null, to what is wrong.
LogEntry ReadLogEntry(std::string_view line, Report* report, std::string* error = nullptr);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_WATCH_LOG_ENTRY_H_

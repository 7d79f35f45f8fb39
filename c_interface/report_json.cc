// SPDX-License-Identifier: Apache-2.0
//
// Reports from JSON, which needs attnscope::report.
#include <string_view>

#include "attnscope/report.h"
#include "c_interface/handles.h"
#include "c_interface/status.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeReportFromJson(AttnscopeReport* report, const char* json, size_t length) {
  return Guarded([&] {
    if (report == nullptr) return NullArgument("report");
    if (json == nullptr) return NullArgument("json");
    return ReportFromJson(std::string_view(json, length), &report->report);
  });
}

// SPDX-License-Identifier: Apache-2.0
//
// The part of the C interface that needs attnscope::report.
#include <string_view>

#include "c_interface/handles.h"
#include "c_interface/status.h"

AttnscopeStatus AttnscopeReportFromJson(AttnscopeReport* report, const char* json, size_t length) {
  using attnscope::c_interface::NullArgument;
  return attnscope::c_interface::Guarded([&] {
    if (report == nullptr) return NullArgument("report");
    if (json == nullptr) return NullArgument("json");
    return attnscope::ReportFromJson(std::string_view(json, length), &report->report);
  });
}

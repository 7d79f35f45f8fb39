// SPDX-License-Identifier: Apache-2.0
//
// The part of the C interface that needs attnscope::report.
#include <string_view>

#include "attnscope/write_file.h"
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

AttnscopeStatus AttnscopeWriteFileAtomically(const char* path, const void* bytes, size_t size) {
  return Guarded([&] {
    if (path == nullptr) return NullArgument("path");
    if (bytes == nullptr && size != 0) return NullArgument("bytes");
    return WriteFileAtomically(path, std::string_view(static_cast<const char*>(bytes), size));
  });
}

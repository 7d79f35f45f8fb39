// SPDX-License-Identifier: Apache-2.0
//
// Reading a report from a file. Included by the commands that start from one.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_
#define ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_

#include <string>

#include "attnscope/report.h"
#include "attnscope/status.h"

namespace attnscope::tools {

// Errors: as MappedFile::Open and ReportFromJson; the message names the path.
Status ReadReportFile(const std::string& path, Report* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_

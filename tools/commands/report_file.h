// SPDX-License-Identifier: Apache-2.0
//
// Reading reports from files.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_
#define ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_

#include <string>
#include <vector>

#include "attnscope/report.h"
#include "attnscope/status.h"

namespace attnscope::tools {

// Errors: as MappedFile::Open and ReportFromJson; the message names the path.
Status ReadReportFile(const std::string& path, Report* out);

// Appends the reports of a file that holds one, or one on each line (JSON lines; blank lines are skipped). Errors: the
// same; the message also names the line.
Status ReadReportsFile(const std::string& path, std::vector<Report>* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_

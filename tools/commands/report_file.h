// SPDX-License-Identifier: Apache-2.0
//
// Reading reports from files.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_
#define ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_

#include <span>
#include <string>
#include <vector>

#include "attnscope/report.h"
#include "attnscope/status.h"

namespace attnscope::tools {

// The report of a file, or the last of JSON lines, of `stage` unless that is empty; which one it is, and which layers
// it lacks that others have, is said. Errors: as ReadReportsFile; kNotFound if no report is of the stage.
Status ReadReportFile(const std::string& path, const std::string& stage, Report* out);

// Leaves the reports of a stage. Errors: kNotFound if there is none.
Status ChooseStage(const std::string& stage, std::vector<Report>* reports);

// Appends the reports of a file that holds one, or one on each line (JSON lines). Blank lines are skipped; lines of
// other objects, such as a configuration, and lines that are torn or no JSON are left out, and said on standard error.
// Errors: as MappedFile::Open and ReportFromJson; the message names the path, and the line if there are several;
// kInvalidArgument if no line is a report. Reports of one stage and time that have other layers are joined, which is
// said: see report_parts.h.
Status ReadReportsFile(const std::string& path, std::vector<Report>* out);

// Those of several files, in their order, joined across them too: ranks of a pipeline log a file each.
Status ReadReportFiles(std::span<const std::string> paths, std::vector<Report>* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_REPORT_FILE_H_

// SPDX-License-Identifier: Apache-2.0
//
// The reports of a run in progress, from the logs that are written meanwhile.
#ifndef ATTNSCOPE_TOOLS_WATCH_RUN_LOG_H_
#define ATTNSCOPE_TOOLS_WATCH_RUN_LOG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attnscope/report.h"
#include "attnscope/status.h"
#include "tools/watch/log_entry.h"
#include "tools/watch/log_lines.h"

namespace attnscope::tools {

class RunLog {
 public:
  // Follows one file, which need not be there yet, or all *.jsonl of a folder, also those that come later.
  explicit RunLog(std::string path) : path_(std::move(path)) {}

  // Reads what was written since the last call. Of reports of one stage only the last keeps its heads, which no history
  // shows. A file that begins anew at a time that it had already is another run: what it had said is forgotten. Errors:
  // of reading.
  Status Update();

  // In the order in which they came; those of a window's records are one, and so are those of one time that have other
  // layers.
  std::span<const Report> reports() const { return reports_; }
  // The files that were found.
  size_t num_files() const { return files_.size(); }
  // Rises with every change of reports().
  uint64_t version() const { return version_; }
  // Lines that were torn or no JSON object, or reports with an error.
  size_t damaged_lines() const { return damaged_lines_; }
  // What was wrong with the last of the latter; empty: there was none.
  const std::string& error() const { return error_; }

 private:
  Status FindFiles();
  Status Update(size_t file);
  void Take(size_t file, LogEntry entry, Report report);
  bool TakeRest(size_t file, const std::string& rest);
  void Add(size_t file, Report report);
  bool JoinWithOthers(Report& report);
  Report* LastOfTime(const Report& report);
  void AddRecord(size_t file, Report record);
  void Forget(size_t file);

  std::string path_;
  std::vector<LogLines> files_;
  std::vector<bool> begins_anew_;  // of each file: its first report tells whether it is another run
  std::vector<Report> reports_;
  std::vector<size_t> file_of_;  // of each report
  uint64_t version_ = 0;
  size_t damaged_lines_ = 0;
  std::string error_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_WATCH_RUN_LOG_H_

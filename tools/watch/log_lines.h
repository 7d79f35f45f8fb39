// SPDX-License-Identifier: Apache-2.0
//
// The lines of a file that grows.
#ifndef ATTNSCOPE_TOOLS_WATCH_LOG_LINES_H_
#define ATTNSCOPE_TOOLS_WATCH_LOG_LINES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/status.h"
#include "platform/growing_file.h"

namespace attnscope::tools {

// A line that grows beyond this is none, and skipped: a file of other bytes.
inline constexpr size_t kMostLineBytes = size_t{256} << 20;

class LogLines {
 public:
  // The file need not be there yet.
  explicit LogLines(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  // What was written since the last call, at most some megabytes of it.
  struct News {
    std::vector<std::string> lines;  // complete ones, without their ends; what is torn waits for its rest
    std::string rest;                // behind them: torn, or complete but for its end
    bool begins_anew = false;        // of another file, or of one that was cut and is written again
    bool is_all = false;             // there is no more for now
  };
  // A file that was renamed, as logs are when they are rotated, is read to its end before the one that has taken its
  // place. Errors: as GrowingFile; `*news` is then empty.
  Status Read(News* news);
  // The rest was taken for a line.
  void DropRest();

 private:
  Status ReadBytes(std::string* bytes, bool* begins_anew);
  void Cut(std::string_view bytes, std::vector<std::string>* lines);

  std::string path_;
  std::unique_ptr<platform::GrowingFile> file_;
  uint64_t offset_ = 0;
  std::string rest_;
  bool is_skipping_ = false;  // to the next end of a line
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_WATCH_LOG_LINES_H_

// SPDX-License-Identifier: Apache-2.0
//
// The only place that prints, but for platform/page_error.h.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_TERMINAL_H_
#define ATTNSCOPE_TOOLS_OUTPUT_TERMINAL_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "attnscope/status.h"

namespace attnscope::tools {

// Whether standard output is a terminal whose owner wants colours (no-color.org).
bool ColorsWanted();

// Writes all of `text` to standard output. Errors: kIoError, with the system's reason.
Status PrintOut(std::string_view text);

// Writes "attnscope: <message>" to standard error, in printable characters. Allocates nothing.
void PrintError(std::string_view message);

// A bar on standard error while something long runs; nothing if that is no terminal. The destructor removes it.
class ProgressBar {
 public:
  // `total` steps, in any unit.
  explicit ProgressBar(size_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Advance(size_t steps);

 private:
  size_t total_;
  size_t done_ = 0;
  int shown_percent_ = -1;
  bool is_shown_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_OUTPUT_TERMINAL_H_

// SPDX-License-Identifier: Apache-2.0
//
// The only place that prints. Included by main.cc and by the commands.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_TERMINAL_H_
#define ATTNSCOPE_TOOLS_OUTPUT_TERMINAL_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "attnscope/status.h"

namespace attnscope::tools {

// Makes failed writes visible as errors: a reader of standard output that has gone away no longer ends the process, and
// no file that is opened later takes the place of a standard stream that was closed. Call first.
void PrepareStandardStreams();

// Whether standard output is a terminal whose owner wants colours (no-color.org).
bool ColorsWanted();

// Writes all of `text` to standard output. Errors: kIoError, with the system's reason.
Status PrintOut(std::string_view text);

// Writes "attnscope: <message>" to standard error. Control characters, which names from hostile files may hold, become
// question marks.
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

// SPDX-License-Identifier: Apache-2.0
#include "tools/output/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace attnscope::tools {

void PrepareStandardStreams() {
  std::signal(SIGPIPE, SIG_IGN);
  // The lowest free descriptor is taken, so a closed one is found by opening. What is opened read-only refuses writes.
  int file = 0;
  do {
    file = open("/dev/null", O_RDONLY);
  } while (file >= 0 && file <= STDERR_FILENO);
  if (file >= 0) close(file);
}

bool ColorsWanted() {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

Status PrintOut(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return {};
  return {StatusCode::kIoError, "cannot write to standard output: " + std::generic_category().message(errno)};
}

void PrintError(std::string_view message) {
  std::string text = "attnscope: " + std::string(message);
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);  // plain char has a sign on x86 and none on Arm
    if ((byte < ' ' && c != '\n') || c == '\x7F') c = '?';
  }
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);  // if this fails there is nobody left to tell
}

ProgressBar::ProgressBar(size_t total) : total_(total), is_shown_(total > 0 && isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (is_shown_ && shown_percent_ >= 0) std::fputs("\r\033[K", stderr);
}

void ProgressBar::Advance(size_t steps) {
  constexpr int kWidth = 40;
  done_ += steps;
  const int percent = static_cast<int>(100.0 * static_cast<double>(done_) / static_cast<double>(total_));
  if (!is_shown_ || percent == shown_percent_) return;
  shown_percent_ = percent;
  const int filled = percent * kWidth / 100;
  std::string bar(static_cast<size_t>(filled), '#');
  bar.resize(kWidth, '.');
  std::fprintf(stderr, "\r[%s] %3d %%", bar.c_str(), percent);
}

}  // namespace attnscope::tools

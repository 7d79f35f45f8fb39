// SPDX-License-Identifier: Apache-2.0
#include "tools/output/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace attnscope::tools {

void PrepareStandardStreams() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
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
  while (!text.empty()) {  // not by stdio, which gives up where a call is interrupted
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return {StatusCode::kIoError, "cannot write to standard output: " + std::generic_category().message(errno)};
    }
  }
  return {};
}

void PrintError(std::string_view message) {
  // Piece by piece, in memory that is there: the message may be that there is none.
  std::array<char, 1024> piece;
  std::fputs("attnscope: ", stderr);  // if this fails there is nobody left to tell
  for (; !message.empty(); message.remove_prefix(std::min(piece.size(), message.size()))) {
    const std::string_view part = message.substr(0, piece.size());
    std::transform(part.begin(), part.end(), piece.begin(), &Printable);
    std::fwrite(piece.data(), 1, part.size(), stderr);
  }
  std::fputs("\n", stderr);
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

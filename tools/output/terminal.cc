// SPDX-License-Identifier: Apache-2.0
#include "tools/output/terminal.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "platform/page_message.h"
#include "platform/streams.h"

namespace attnscope::tools {

bool ColorsWanted() {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return platform::IsTerminal(platform::Stream::kOutput) && (no_color == nullptr || *no_color == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

Status PrintOut(std::string_view text) {
  const int error = platform::WriteToStream(platform::Stream::kOutput, text);
  if (error == 0) return {};
  return {StatusCode::kIoError, "cannot write to standard output: " + std::generic_category().message(error)};
}

void PrintError(std::string_view message) {
  // Piece by piece, in memory that is there: the message may be that there is none.
  std::array<char, 1024> piece;
  std::fputs("attnscope: ", stderr);  // if this fails there is nobody left to tell
  for (; !message.empty(); message.remove_prefix(std::min(piece.size(), message.size()))) {
    const std::string_view part = message.substr(0, piece.size());
    std::transform(part.begin(), part.end(), piece.begin(), &platform::Printable);
    std::fwrite(piece.data(), 1, part.size(), stderr);
  }
  std::fputs("\n", stderr);
}

ProgressBar::ProgressBar(size_t total)
    : total_(total), is_shown_(total > 0 && platform::IsTerminal(platform::Stream::kError)) {}

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

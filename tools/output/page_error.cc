// SPDX-License-Identifier: Apache-2.0
//
// Everything that the handler calls is safe in a handler: no allocation, no lock, no stdio.
#include "tools/output/page_error.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <string_view>

#include "tools/files/mapped_ranges.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

std::atomic<int> exit_code_of_errors{1};
std::atomic_flag is_ending;

// Text of at most the longest path and some words; more is cut.
class FixedText {
 public:
  void Add(std::string_view text) {
    for (const char c : text) {
      if (size_ == text_.size()) return;
      text_[size_++] = Printable(c);
    }
  }
  void Add(size_t number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    Add({digits.data(), static_cast<size_t>(end.ptr - digits.data())});
  }
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 4600> text_;
  size_t size_ = 0;
};

void OnBusError(int signal_number, siginfo_t* info, void*) {
  const MappedRange* const range = info->si_code > 0 ? MappedRange::Find(info->si_addr) : nullptr;
  if (range == nullptr) {  // another's fault, which repeats when this returns, or a signal that someone sent
    signal(signal_number, SIG_DFL);
    if (info->si_code <= 0) raise(signal_number);
    return;
  }
  while (is_ending.test_and_set()) pause();  // another thread is about to end the process
  FixedText message;
  message.Add("attnscope: ");
  message.Add(range->path());
  message.Add(": byte ");
  message.Add(static_cast<size_t>(static_cast<const uint8_t*>(info->si_addr) - range->bytes().data()));
  message.Add(" of ");
  message.Add(range->bytes().size());
  message.Add(" cannot be read: someone truncated the file meanwhile, or its device failed\n");
  constexpr std::string_view kClearLine = "\r\033[K";  // a progress bar may stand there
  ssize_t written = 0;
  if (isatty(STDERR_FILENO) == 1) written = write(STDERR_FILENO, kClearLine.data(), kClearLine.size());
  written += write(STDERR_FILENO, message.text().data(), message.text().size());
  static_cast<void>(written);  // if this fails there is nobody left to tell
  _exit(exit_code_of_errors);
}

}  // namespace

void ExitOnPageErrors(int exit_code) {
  exit_code_of_errors = exit_code;
  struct sigaction action = {};
  action.sa_sigaction = &OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// Everything that the handler calls is safe in a handler: no allocation, no lock, no stdio.
#include "platform/page_error.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string_view>

#include "platform/mapped_ranges.h"
#include "platform/page_message.h"

namespace attnscope::platform {
namespace {

std::atomic<int> exit_code_of_errors{1};
std::atomic_flag is_ending;

void OnBusError(int signal_number, siginfo_t* info, void*) {
  const MappedRange* const range = info->si_code > 0 ? MappedRange::Find(info->si_addr) : nullptr;
  if (range == nullptr) {  // another's fault, which repeats when this returns, or a signal that someone sent
    signal(signal_number, SIG_DFL);
    if (info->si_code <= 0) raise(signal_number);
    return;
  }
  while (is_ending.test_and_set()) pause();  // another thread is about to end the process
  const PageMessage message(*range, info->si_addr);
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

}  // namespace attnscope::platform

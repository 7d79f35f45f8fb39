// SPDX-License-Identifier: Apache-2.0
#include "platform/interrupts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace attnscope::platform {
namespace {

// A pipe, whose reading end becomes readable with the first signal and stays so: what is written is never read.
std::array<int, 2> pipe_ends = {-1, -1};

// Safe in a handler: write alone, and errno is as it was.
void OnSignal(int) {
  const int error = errno;
  const char byte = 0;
  if (write(pipe_ends[1], &byte, 1) < 0) errno = error;  // full: it was noted before
  errno = error;
}

}  // namespace

bool NoteInterrupts() {
  if (pipe(pipe_ends.data()) != 0) return false;
  for (const int end : pipe_ends) {
    fcntl(end, F_SETFD, FD_CLOEXEC);
    fcntl(end, F_SETFL, O_NONBLOCK);
  }
  struct sigaction action = {};
  action.sa_handler = &OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  const auto take = [&](int signal) { return sigaction(signal, &action, nullptr) == 0; };
  return take(SIGINT) && take(SIGTERM) && take(SIGHUP);
}

bool WaitForInterrupt(std::chrono::milliseconds most) {
  const auto end = std::chrono::steady_clock::now() + most;
  pollfd readable = {.fd = pipe_ends[0], .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    const auto wait = std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max());
    const int ready = poll(&readable, 1, static_cast<int>(wait));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;  // else another signal came, or this one, which the next turn sees
  }
}

}  // namespace attnscope::platform

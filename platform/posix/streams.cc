// SPDX-License-Identifier: Apache-2.0
#include "platform/streams.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace attnscope::platform {

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

bool IsTerminal(Stream stream) { return isatty(static_cast<int>(stream)) == 1; }

bool SizeOfTerminal(Stream stream, size_t* columns, size_t* lines) {
  winsize size = {};
  if (!IsTerminal(stream) || ioctl(static_cast<int>(stream), TIOCGWINSZ, &size) != 0) return false;
  if (size.ws_col == 0 || size.ws_row == 0) return false;  // of a terminal that does not know
  *columns = size.ws_col;
  *lines = size.ws_row;
  return true;
}

int WriteToStream(Stream stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(static_cast<int>(stream), bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace attnscope::platform

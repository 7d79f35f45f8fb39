// SPDX-License-Identifier: Apache-2.0
#include "platform/streams.h"

#include <fcntl.h>
#include <io.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "platform/windows/wide.h"

namespace attnscope::platform {

void PrepareStandardStreams() {
  for (const int descriptor : {0, 1, 2}) {
    // A stream that is closed takes what refuses writes, or else a file that is opened later would have its number.
    if (_get_osfhandle(descriptor) < 0) {
      const int file = _open("NUL", _O_RDONLY);
      if (file >= 0 && file != descriptor) {
        _dup2(file, descriptor);
        _close(file);
      }
    }
    _setmode(descriptor, _O_BINARY);
  }
  if (IsTerminal(Stream::kOutput) || IsTerminal(Stream::kError)) SetConsoleOutputCP(CP_UTF8);
}

bool IsTerminal(Stream stream) {
  const auto console = reinterpret_cast<HANDLE>(_get_osfhandle(static_cast<int>(stream)));
  DWORD mode = 0;
  if (console == INVALID_HANDLE_VALUE || GetConsoleMode(console, &mode) == 0) return false;
  return SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

bool SizeOfTerminal(Stream stream, size_t* columns, size_t* lines) {
  if (!IsTerminal(stream)) return false;
  CONSOLE_SCREEN_BUFFER_INFO info = {};
  const auto console = reinterpret_cast<HANDLE>(_get_osfhandle(static_cast<int>(stream)));
  if (GetConsoleScreenBufferInfo(console, &info) == 0) return false;
  *columns = static_cast<size_t>(info.srWindow.Right - info.srWindow.Left + 1);
  *lines = static_cast<size_t>(info.srWindow.Bottom - info.srWindow.Top + 1);
  return true;
}

int WriteToStream(Stream stream, std::string_view bytes) {
  constexpr size_t kMostBytes = size_t{1} << 20;
  while (!bytes.empty()) {
    const auto size = static_cast<unsigned>(std::min(bytes.size(), kMostBytes));
    const int written = _write(static_cast<int>(stream), bytes.data(), size);
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

}  // namespace attnscope::platform

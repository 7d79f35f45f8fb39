// SPDX-License-Identifier: Apache-2.0
#include "platform/interrupts.h"

#include <algorithm>

#include "platform/windows/wide.h"

namespace attnscope::platform {
namespace {

HANDLE interrupted = nullptr;  // an event that stays set

BOOL WINAPI OnControl(DWORD) { return SetEvent(interrupted); }

}  // namespace

bool NoteInterrupts() {
  interrupted = CreateEventW(nullptr, /*bManualReset=*/TRUE, /*bInitialState=*/FALSE, nullptr);
  return interrupted != nullptr && SetConsoleCtrlHandler(&OnControl, TRUE) != 0;
}

bool WaitForInterrupt(std::chrono::milliseconds most) {
  const auto wait = std::clamp<int64_t>(most.count(), 0, INFINITE - 1);
  return WaitForSingleObject(interrupted, static_cast<DWORD>(wait)) == WAIT_OBJECT_0;
}

}  // namespace attnscope::platform

// SPDX-License-Identifier: Apache-2.0
//
// Interruptions from outside: Ctrl-C, a terminal that is closed, or another program's request to end.
#ifndef ATTNSCOPE_PLATFORM_INTERRUPTS_H_
#define ATTNSCOPE_PLATFORM_INTERRUPTS_H_

#include <chrono>

namespace attnscope::platform {

// From now on these end the process no more, but are noted. For programs that end by themselves then. False where the
// system refuses.
bool NoteInterrupts();

// Waits for at most `most`. True once an interruption has come, also before the call.
bool WaitForInterrupt(std::chrono::milliseconds most);

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_INTERRUPTS_H_

// SPDX-License-Identifier: Apache-2.0
//
// A message, instead of a crash, where a mapped file can no longer be read.
#ifndef ATTNSCOPE_PLATFORM_PAGE_ERROR_H_
#define ATTNSCOPE_PLATFORM_PAGE_ERROR_H_

namespace attnscope::platform {

// From now on, a thread that touches a page of a MappedFile which the system cannot read (someone truncated the file, a
// device or network failed: SIGBUS) ends the process with `exit_code` and a message that names the file and the offset.
// Nothing is half-written then: files are read before the first output is begun. Other SIGBUS end the process as
// before. Changes the process's signal handling, so it is for programs, not for libraries.
void ExitOnPageErrors(int exit_code);

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_PAGE_ERROR_H_

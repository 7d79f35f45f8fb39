// SPDX-License-Identifier: Apache-2.0
//
// The words that a program was called with.
#ifndef ATTNSCOPE_PLATFORM_ARGUMENTS_H_
#define ATTNSCOPE_PLATFORM_ARGUMENTS_H_

#include <string>
#include <vector>

namespace attnscope::platform {

// As they are on POSIX; on Windows, whose own are UTF-16, as UTF-8. The first is the program's name.
std::vector<std::string> Arguments(int argc, const char* const* argv);

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_ARGUMENTS_H_

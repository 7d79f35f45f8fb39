// SPDX-License-Identifier: Apache-2.0
//
// For tests on Windows, before each source: what POSIX adds to stdlib.h.
#ifndef ATTNSCOPE_TESTS_WINDOWS_POSIX_ENVIRONMENT_H_
#define ATTNSCOPE_TESTS_WINDOWS_POSIX_ENVIRONMENT_H_

#include <direct.h>
#include <io.h>
#include <stdlib.h>

inline int setenv(const char* name, const char* value, int) { return _putenv_s(name, value); }
inline int unsetenv(const char* name) { return _putenv_s(name, ""); }

inline char* mkdtemp(char* name) { return _mktemp(name) != nullptr && _mkdir(name) == 0 ? name : nullptr; }

#endif  // ATTNSCOPE_TESTS_WINDOWS_POSIX_ENVIRONMENT_H_

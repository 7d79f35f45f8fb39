// SPDX-License-Identifier: Apache-2.0
//
// The version of attnscope. CMakeLists.txt reads it from here. C and C++.
#ifndef ATTNSCOPE_VERSION_H_
#define ATTNSCOPE_VERSION_H_

// Of these headers. The library that is linked tells its own by attnscope::Version() (attnscope/target.h) and
// AttnscopeVersion() (attnscope/attnscope_c.h).
#define ATTNSCOPE_VERSION_MAJOR 0
#define ATTNSCOPE_VERSION_MINOR 1
#define ATTNSCOPE_VERSION_PATCH 0

#endif  // ATTNSCOPE_VERSION_H_

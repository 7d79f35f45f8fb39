// SPDX-License-Identifier: Apache-2.0
//
// What a shared library shows. For C and C++.
#ifndef ATTNSCOPE_EXPORT_H_
#define ATTNSCOPE_EXPORT_H_

// Defined only while a shared attnscope library is compiled: a static one, linked into someone's shared library, must
// not show there, and those who include a header need nothing.
#if defined(ATTNSCOPE_BUILDING_SHARED) && defined(_WIN32)
#define ATTNSCOPE_EXPORT __declspec(dllexport)
#define ATTNSCOPE_NO_EXPORT
#elif defined(ATTNSCOPE_BUILDING_SHARED) && defined(__GNUC__)
#define ATTNSCOPE_EXPORT __attribute__((visibility("default")))
// For a class within one that is exported.
#define ATTNSCOPE_NO_EXPORT __attribute__((visibility("hidden")))
#else
#define ATTNSCOPE_EXPORT
#define ATTNSCOPE_NO_EXPORT
#endif

#endif  // ATTNSCOPE_EXPORT_H_

// SPDX-License-Identifier: Apache-2.0
//
// Whether a sanitizer is part of the program, which changes what memory and faults look like. Included by tests.
#ifndef ATTNSCOPE_TESTS_FAULTS_SANITIZED_H_
#define ATTNSCOPE_TESTS_FAULTS_SANITIZED_H_

namespace attnscope::testing_tools {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_FAULTS_SANITIZED_H_

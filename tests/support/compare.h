// SPDX-License-Identifier: Apache-2.0
//
// Comparisons that no NaN passes, and a record of the largest error that a test saw. Included by all tests of numbers.
#ifndef ATTNSCOPE_TESTS_SUPPORT_COMPARE_H_
#define ATTNSCOPE_TESTS_SUPPORT_COMPARE_H_

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <utility>

namespace attnscope::test {

// |actual - expected| <= bound. Infinities equal themselves alone; NaN equals nothing.
inline ::testing::AssertionResult Within(double actual, long double expected, long double bound) {
  if (std::isinf(static_cast<double>(expected)) && actual == static_cast<double>(expected)) {
    return ::testing::AssertionSuccess();
  }
  const long double error = std::abs(static_cast<long double>(actual) - expected);
  if (error <= bound) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "got " << ::testing::PrintToString(actual) << ", exact is " << expected
                                       << ", error " << error << ", bound " << bound;
}

// The same numbers bit for bit, so that also NaN, the sign of zero and the last digit count.
inline ::testing::AssertionResult SameBits(std::span<const double> actual, std::span<const double> expected) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " numbers, expected " << expected.size();
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::bit_cast<uint64_t>(actual[i]) == std::bit_cast<uint64_t>(expected[i])) continue;
    return ::testing::AssertionFailure() << "number " << i << " of " << actual.size() << " is "
                                         << ::testing::PrintToString(actual[i]) << ", expected "
                                         << ::testing::PrintToString(expected[i]);
  }
  return ::testing::AssertionSuccess();
}

// The largest error of one quantity as a share of its bound.
class ErrorRecord {
 public:
  explicit ErrorRecord(std::string name) : name_(std::move(name)) {}

  // Takes one comparison; fails the test, with `what`, if the error is above the bound.
  void Add(double actual, long double expected, long double bound, const std::string& what) {
    EXPECT_TRUE(Within(actual, expected, bound)) << name_ << " of " << what;
    if (std::isinf(static_cast<double>(expected)) || bound == 0.0L) return;
    const double share = static_cast<double>(std::abs(static_cast<long double>(actual) - expected) / bound);
    if (share > largest_share_) largest_share_ = share;
  }

  // Prints what was seen and keeps it in the test's XML. `least` guards the test itself: were the largest error
  // smaller, then both sides would likely be computed in the same way.
  void Report(double least = 0.0) const {
    std::printf("[ observed ] %s: largest error is %.4f of its bound\n", name_.c_str(), largest_share_);
    ::testing::Test::RecordProperty(name_, std::to_string(largest_share_));
    EXPECT_GE(largest_share_, least) << name_ << " is too good: is the oracle the kernel?";
  }

 private:
  std::string name_;
  double largest_share_ = 0.0;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_COMPARE_H_

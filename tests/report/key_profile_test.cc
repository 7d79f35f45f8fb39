// SPDX-License-Identifier: Apache-2.0
#include "attnscope/key_profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace attnscope {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

KeyProfile Made(const std::vector<double>& sums, const std::vector<double>& rows) {
  KeyProfile profile;
  const Status status = MakeKeyProfile(7, sums, rows, &profile);
  EXPECT_TRUE(status.ok()) << status.message();
  return profile;
}

TEST(KeyProfile, SharesAreOfEachHeadsOwnRows) {
  // Head 0 has 4 rows, head 1 has 2, of other sequences.
  const KeyProfile profile = Made({3.0, 1.0, 0.0, 0.5, 0.25, 1.25}, {4.0, 2.0});
  EXPECT_EQ(profile.layer, 7);
  EXPECT_EQ(profile.heads, 2u);
  EXPECT_EQ(profile.mean, (std::vector<double>{0.5, 0.1875, 0.3125}));
  EXPECT_EQ(profile.largest_head, 0);
  EXPECT_EQ(profile.largest, (std::vector<double>{0.75, 0.25, 0.0}));
}

TEST(KeyProfile, OfEqualHeadsTheFirstIsTheLargest) {
  EXPECT_EQ(Made({1.0, 0.0, 0.0, 2.0, 2.0, 0.0}, {2.0, 2.0, 2.0}).largest_head, 1);
}

TEST(KeyProfile, HeadsWithoutRowsAreLeftOut) {
  const KeyProfile profile = Made({0.0, 0.0, 1.0, 3.0}, {0.0, 4.0});
  EXPECT_EQ(profile.heads, 1u);
  EXPECT_EQ(profile.mean, (std::vector<double>{0.25, 0.75}));
  EXPECT_EQ(profile.largest_head, 1);
  const KeyProfile none = Made({0.0, 0.0}, {0.0, 0.0});
  EXPECT_EQ(none.heads, 0u);
  EXPECT_TRUE(std::isnan(none.mean.at(0)));
  EXPECT_EQ(none.largest_head, -1);
  EXPECT_TRUE(none.largest.empty());
}

TEST(KeyProfile, OneHeadIsNoLargestOfSeveral) {
  const KeyProfile profile = Made({1.0, 1.0}, {2.0});
  EXPECT_EQ(profile.mean, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(profile.largest_head, -1);
  EXPECT_TRUE(profile.largest.empty());
}

TEST(KeyProfile, WithoutKeys) {
  const KeyProfile profile = Made({}, {3.0, 3.0});
  EXPECT_TRUE(profile.mean.empty());
  EXPECT_EQ(profile.largest_head, -1);
}

TEST(KeyProfile, RefusesWhatAreNoSums) {
  const auto expect = [](const std::vector<double>& sums, const std::vector<double>& rows, const std::string& message) {
    KeyProfile profile;
    profile.layer = 77;
    const Status status = MakeKeyProfile(0, sums, rows, &profile);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
    EXPECT_EQ(profile.layer, 77);
  };
  expect({1.0}, {}, "rows is empty");
  expect({1.0, 2.0, 3.0}, {1.0, 1.0}, "column_sums has 3 elements, no multiple of the 2 heads");
  expect({1.0, 2.0}, {1.0, -1.0}, "rows[1] is -1");
  expect({1.0, 2.0}, {kInfinity, 1.0}, "rows[0] is inf");
  expect({1.0, std::nan("")}, {1.0, 1.0}, "column_sums[1] is nan");
  expect({-0.5, 1.0}, {1.0, 1.0}, "column_sums[0] is -0.5");
}

}  // namespace
}  // namespace attnscope

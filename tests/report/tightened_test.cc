// SPDX-License-Identifier: Apache-2.0
#include "report/tightened.h"

#include <gtest/gtest.h>

#include <cstring>

namespace attnscope::internal {
namespace {

TEST(TightenedTest, MoveInwards) {
  const Thresholds defaults;
  const Thresholds tightened = Tightened(defaults, 0.1);
  EXPECT_DOUBLE_EQ(tightened.sink_mass_warning, 0.45);              // above it
  EXPECT_DOUBLE_EQ(tightened.one_hot_effective_rank_warning, 2.2);  // below it
  EXPECT_DOUBLE_EQ(tightened.vanishing_residual_ratio_critical, 0.011);
  EXPECT_EQ(tightened.one_hot_effective_rank_min_keys, defaults.one_hot_effective_rank_min_keys);
  EXPECT_DOUBLE_EQ(tightened.baseline_spreads_warning, 9.0);  // away from it
  const Thresholds same = Tightened(defaults, 0.0);
  EXPECT_EQ(memcmp(&same, &defaults, sizeof(same)), 0);  // NOLINT: each member, all of them doubles
}

}  // namespace
}  // namespace attnscope::internal

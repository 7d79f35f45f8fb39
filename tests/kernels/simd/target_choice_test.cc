// SPDX-License-Identifier: Apache-2.0
//
// Versions and targets as users ask for them. What the command does with ATTNSCOPE_TARGET is in command_test.
#include "attnscope/target.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/version.h"
#include "hwy/targets.h"

namespace attnscope {
namespace {

TEST(VersionTest, IsThatOfTheHeaders) {
  EXPECT_EQ(Version(), std::to_string(ATTNSCOPE_VERSION_MAJOR) + "." + std::to_string(ATTNSCOPE_VERSION_MINOR) + "." +
                           std::to_string(ATTNSCOPE_VERSION_PATCH));
  EXPECT_EQ(Version(), ATTNSCOPE_PROJECT_VERSION);
}

class ForcedTargetTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(ForceTarget("").ok()); }
};

// Highway's own view of the CPU decides which of the compiled ones can be had.
TEST_F(ForcedTargetTest, EachCompiledTargetOrItsError) {
  const std::string_view best = ChosenTarget();
  const std::vector<std::string_view> compiled = CompiledTargets();
  ASSERT_FALSE(compiled.empty());
  std::vector<std::string_view> usable;
  for (const std::string_view name : compiled) {
    const std::string_view before = ChosenTarget();
    const Status status = ForceTarget(name);
    if (status.ok()) {
      EXPECT_EQ(ChosenTarget(), name);
      usable.push_back(name);
    } else {
      EXPECT_EQ(status.code(), StatusCode::kOutOfRange);
      EXPECT_EQ(status.message(), "target is \"" + std::string(name) + "\", which this CPU lacks");
      EXPECT_EQ(ChosenTarget(), before);
    }
  }
  ASSERT_TRUE(ForceTarget("").ok());
  EXPECT_EQ(ChosenTarget(), best);
  ASSERT_FALSE(usable.empty());
  EXPECT_EQ(usable.front(), best) << "the best comes first";
  for (const std::string_view name : usable) {
    bool found = false;
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) found |= name == hwy::TargetName(target);
    EXPECT_TRUE(found) << name;
  }
}

TEST_F(ForcedTargetTest, UnknownNames) {
  const std::string_view before = ChosenTarget();
  const Status status = ForceTarget("avx2 ");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("target is \"avx2 \", which is not compiled in; there are "), std::string::npos);
  for (const std::string_view name : CompiledTargets()) {
    EXPECT_NE(status.message().find(name), std::string::npos) << name;
  }
  EXPECT_EQ(ChosenTarget(), before);
}

// In a process of its own each, since the variable is read once.
class TargetVariableTest : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};

TEST_F(TargetVariableTest, IsObeyedByTheFirstAccumulator) {
  const auto work = [] {
    setenv("ATTNSCOPE_TARGET", std::string(CompiledTargets().back()).c_str(), 1);
    LayerAccumulator layer;
    if (!LayerAccumulator::Create({.heads = 1, .max_keys = 1}, &layer).ok()) exit(1);
    exit(ChosenTarget() == CompiledTargets().back() ? 0 : 2);
  };
  EXPECT_EXIT(work(), ::testing::ExitedWithCode(0), "");
}

TEST_F(TargetVariableTest, IsOverriddenByForceTarget) {
  const auto work = [] {
    setenv("ATTNSCOPE_TARGET", std::string(CompiledTargets().back()).c_str(), 1);
    const bool forced = ForceTarget("").ok();
    LayerAccumulator layer;
    if (!forced || !LayerAccumulator::Create({.heads = 1, .max_keys = 1}, &layer).ok()) exit(1);
    exit(CompiledTargets().size() == 1 || ChosenTarget() != CompiledTargets().back() ? 0 : 2);
  };
  EXPECT_EXIT(work(), ::testing::ExitedWithCode(0), "");
}

TEST_F(TargetVariableTest, IsAnErrorOfEveryCreateIfItNamesNothing) {
  const auto work = [] {
    setenv("ATTNSCOPE_TARGET", "nothing", 1);
    LayerAccumulator layer;
    for (int i = 0; i < 2; ++i) {
      const Status status = LayerAccumulator::Create({.heads = 1, .max_keys = 1}, &layer);
      if (status.code() != StatusCode::kInvalidArgument) exit(1);
      if (!status.message().starts_with("ATTNSCOPE_TARGET is \"nothing\", which is not compiled in")) exit(2);
    }
    exit(0);
  };
  EXPECT_EXIT(work(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "monitor/sample_schedule.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace attnscope {
namespace {

using Steps = std::vector<uint64_t>;

// As an engine: asks at each step, then ends it.
Steps SampledSteps(SampleSchedule& schedule, size_t layer, uint64_t first, uint64_t last, bool postpone = false) {
  Steps sampled;
  for (uint64_t step = first; step <= last; ++step) {
    if (step >= schedule.next_samples()[layer].load()) sampled.push_back(step);
    if (schedule.IsDue(step)) {
      schedule.Advance(step, postpone);
    } else {
      schedule.Skip(step);
    }
  }
  return sampled;
}

SampleSchedule Created(size_t layers, const std::vector<bool>& watched, uint64_t every, bool stagger) {
  SampleSchedule schedule;
  EXPECT_TRUE(schedule.Create(layers, watched, every, stagger));
  return schedule;
}

TEST(SampleScheduleTest, MultiplesOfThePeriod) {
  for (const uint64_t every : {1u, 2u, 3u, 16u, 100u}) {
    SampleSchedule schedule = Created(1, {true}, every, false);
    Steps expected;
    for (uint64_t step = 0; step <= 300; step += every) expected.push_back(step);
    EXPECT_EQ(SampledSteps(schedule, 0, 0, 300), expected) << every;
  }
}

// The first step is sampled wherever it is; from then on multiples are.
TEST(SampleScheduleTest, StartsAnywhere) {
  SampleSchedule schedule = Created(1, {true}, 10, false);
  EXPECT_EQ(SampledSteps(schedule, 0, 1003, 1031), (Steps{1003, 1010, 1020, 1030}));
}

TEST(SampleScheduleTest, StaggeredLayersTakeTurns) {
  constexpr size_t kLayers = 5;
  for (size_t layer = 0; layer < kLayers; ++layer) {
    SampleSchedule schedule = Created(kLayers, std::vector<bool>(kLayers, true), 4, true);
    const uint64_t phase = layer % 4;
    EXPECT_EQ(SampledSteps(schedule, layer, 0, 11), (Steps{phase, phase + 4, phase + 8})) << layer;
  }
}

TEST(SampleScheduleTest, LayersThatAreNotWatchedNeverSample) {
  SampleSchedule schedule = Created(2, {false, true}, 1, false);
  EXPECT_EQ(SampledSteps(schedule, 0, 0, 20), Steps());
  EXPECT_EQ(schedule.next_samples()[0].load(), SampleSchedule::kNever);
  EXPECT_EQ(SampledSteps(schedule, 1, 21, 23), (Steps{21, 22, 23}));
}

TEST(SampleScheduleTest, SmallerStepStartsAnew) {
  SampleSchedule schedule = Created(1, {true}, 10, false);
  SampledSteps(schedule, 0, 0, 1000);
  EXPECT_EQ(SampledSteps(schedule, 0, 3, 25), (Steps{10, 20}));
}

TEST(SampleScheduleTest, SkippedStepsAreMadeUpFor) {
  SampleSchedule schedule = Created(1, {true}, 10, false);
  SampledSteps(schedule, 0, 0, 5);
  EXPECT_EQ(SampledSteps(schedule, 0, 13, 21), (Steps{13, 20})) << "10 was never seen";
}

TEST(SampleScheduleTest, LastStepThereIs) {
  SampleSchedule schedule = Created(1, {true}, 16, false);
  for (const uint64_t step : {UINT64_MAX - 2, UINT64_MAX - 1, UINT64_MAX}) schedule.Advance(step, false);
  EXPECT_LT(schedule.next_samples()[0].load(), SampleSchedule::kNever);
}

TEST(SampleScheduleTest, PostponesByOnePeriodAndCounts) {
  SampleSchedule schedule = Created(2, {true, false}, 10, false);
  EXPECT_EQ(SampledSteps(schedule, 0, 0, 20, /*postpone=*/true), (Steps{0}));
  EXPECT_EQ(schedule.TakePostponed(0), 2u) << "10 and 20";
  EXPECT_EQ(schedule.TakePostponed(0), 0u);
  EXPECT_EQ(schedule.TakePostponed(1), 0u);
  EXPECT_EQ(SampledSteps(schedule, 0, 21, 40), (Steps{30, 40}));
}

TEST(SampleScheduleTest, IsDueOnlyAroundSamples) {
  SampleSchedule schedule = Created(1, {true}, 16, false);
  Steps due;
  for (uint64_t step = 0; step < 40; ++step) {
    if (!schedule.IsDue(step)) {
      schedule.Skip(step);
      continue;
    }
    due.push_back(step);
    schedule.Advance(step, false);
  }
  EXPECT_EQ(due, (Steps{0, 15, 16, 31, 32})) << "the step before a sample decides whether it is postponed";
}

TEST(SampleBudgetTest, ExceededAboveItsShare) {
  SampleBudget budget(0.25);
  EXPECT_TRUE(budget.limited());
  budget.Start(1000);
  EXPECT_FALSE(budget.Exceeded(0, 1000));
  EXPECT_TRUE(budget.Exceeded(1, 1000));
  EXPECT_FALSE(budget.Exceeded(100, 1400));
  EXPECT_TRUE(budget.Exceeded(101, 1400));
  EXPECT_FALSE(SampleBudget(0.0).limited());
}

TEST(SampleBudgetTest, DebtIsCarriedOverAndSavingsAreNot) {
  SampleBudget budget(0.5);
  budget.Start(0);
  budget.EndWindow(/*spent=*/80, /*now=*/100);  // 30 too much
  EXPECT_TRUE(budget.Exceeded(0, 159));
  EXPECT_FALSE(budget.Exceeded(0, 160));
  budget.EndWindow(0, 1000);  // 420 saved
  EXPECT_TRUE(budget.Exceeded(6, 1010));
  EXPECT_FALSE(budget.Exceeded(5, 1010));
}

}  // namespace
}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// A window for whose record there is no memory is lost, and no part of it is in the next one.
#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "tests/support/call_counts.h"

namespace attnscope::test {
namespace {

// The last record, without an allocation.
struct LastLine {
  char text[16384];
  size_t length = 0;

  std::string_view view() const { return {text, length}; }
};

void Receive(void* opaque, std::string_view line) {
  auto& last = *static_cast<LastLine*>(opaque);
  last.length = line.copy(last.text, sizeof(last.text));
}

TEST(MonitorMemoryTest, AWindowThatIsLostIsNoPartOfTheNext) {
  constexpr size_t kKeys = 64;
  LastLine last;
  MonitorConfig config;
  config.layers = 1;
  config.layer = {.heads = 1, .max_keys = kKeys};
  config.opaque = &last;
  config.on_window = &Receive;
  std::vector<float> sharp(3 * kKeys);
  for (size_t row = 0; row < 3; ++row) sharp[row * kKeys] = 1.0f;
  const std::vector<float> uniform(2 * kKeys, 1.0f / kKeys);
  const std::vector<float> gradient(9, 1.0f);
  size_t lost = 0;
  for (size_t after = 0;; ++after) {
    AttentionMonitor monitor;
    ASSERT_TRUE(AttentionMonitor::Create(config, &monitor).ok());
    ASSERT_TRUE(monitor.AddWeights(0, ContiguousAttention(sharp.data(), ElementType::kFloat32, 1, 1, 3, kKeys)).ok());
    ASSERT_TRUE(monitor.AddGradient(0, {.data = gradient.data(), .size = gradient.size()}).ok());
    bool was_refused = false;
    {
      const RefusedAllocation refused(after);
      const Status status = monitor.CloseWindow();
      was_refused = RefusedAllocation::WasRefused();
      // Some allocations can be done without, such as a sort's.
      EXPECT_TRUE(status.ok() || (was_refused && status.code() == StatusCode::kOutOfMemory)) << status.message();
      if (!status.ok()) ++lost;
    }
    if (!was_refused) break;
    ASSERT_TRUE(monitor.AddWeights(0, ContiguousAttention(uniform.data(), ElementType::kFloat32, 1, 1, 2, kKeys)).ok());
    ASSERT_TRUE(monitor.CloseWindow().ok());
    for (const char* part : {"\"window\": 1,", "\"samples\": 1,", "\"rows\": 2,", "\"max_row_weight\": 0.015625"}) {
      EXPECT_NE(last.view().find(part), std::string_view::npos) << part << " is not in: " << last.view();
    }
    EXPECT_EQ(last.view().find("gradient_norm"), std::string_view::npos) << last.view();
  }
  EXPECT_GT(lost, 5u) << "allocations of a window that closes";
}

}  // namespace
}  // namespace attnscope::test

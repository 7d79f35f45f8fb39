// SPDX-License-Identifier: Apache-2.0
//
// The sampling path, from ShouldSample to the step's end, allocates nothing, takes no lock and makes no system call.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#if defined(__linux__)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "attnscope/attention_monitor.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/call_counts.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 4;
constexpr size_t kKeys = 300;
constexpr size_t kHeadDim = 16;

class SamplingPathTest : public ::testing::Test {
 protected:
  SamplingPathTest() {
    const MonitorConfig config = {.layers = 2,
                                  .layer = {.heads = kHeads, .max_keys = kKeys, .max_batch = 2},
                                  .lanes = 2,
                                  .every_steps = 2,
                                  .stagger_layers = true,
                                  .budget = 1.0,  // looked at, never exceeded
                                  .window_steps = 1000};
    const Status status = AttentionMonitor::Create(config, &monitor_);
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(monitor_.Reserve().ok());
  }

  // Everything that an engine calls in its steps. True if all went well.
  bool Run(uint64_t first, uint64_t count) {
    bool ok = true;
    for (uint64_t step = first; step < first + count; ++step) {
      for (size_t layer = 0; layer < 2; ++layer) {
        if (!monitor_.ShouldSample(layer, step)) continue;
        ++samples_;
        const size_t keys = kKeys - count + step - first;
        AttentionView view = ContiguousAttention(rows_.data(), ElementType::kFloat32, 1, kHeads, 1, keys);
        // All in the same two sequences, which have fewer keys again and again.
        ok &= monitor_.AddWeights(layer, view, {.causal = true, .keys_were_evicted = true}).ok();
        view.first_sequence = 1;
        ok &= monitor_.AddLogits(layer, view, {.soft_cap = 30.0, .mask = {.keys_were_evicted = true}}).ok();
        ok &= monitor_.AddQueriesKeys(layer, queries_keys_, {.mask = {.keys_were_evicted = true}}).ok();
        ok &= monitor_.AddResidual(layer, stream_, stream_).ok();
        ok &= monitor_.AddGradient(layer, {.data = rows_.data(), .size = rows_.size()}).ok();
      }
      ok &= monitor_.EndStep(step).ok();
    }
    return ok;
  }

  AttentionMonitor monitor_;
  size_t samples_ = 0;
  const std::vector<float> rows_ = MixedRows(1, kHeads, kKeys);
  const std::vector<float> values_ = SoftmaxRows(2, kHeads * 40, kHeadDim, 1.0);
  const QueryKeyView queries_keys_ =
      ContiguousQueryKey(values_.data(), values_.data(), ElementType::kFloat32, 1, kHeads, kHeads, 20, 40, kHeadDim);
  const ActivationView stream_ = ContiguousActivation(values_.data(), ElementType::kFloat32, 1, 20, kHeadDim);
};

TEST_F(SamplingPathTest, LocksAreSeen) {
  std::mutex mutex;
  EXPECT_EQ(LocksOf([&] { const std::lock_guard<std::mutex> lock(mutex); }), 1u);
  EXPECT_GT(AllocationsOf([&] { EXPECT_FALSE(monitor_.AddGradient(9, {}).ok()); }), 0u) << "a message";
}

// Not even the first call: Reserve was called.
TEST_F(SamplingPathTest, AllocatesNothing) {
  bool ok = false;
  EXPECT_EQ(AllocationsOf([&] { ok = Run(0, 50); }), 0u);
  EXPECT_TRUE(ok);
  EXPECT_GE(samples_, 10u);
}

TEST_F(SamplingPathTest, TakesNoLock) {
  bool ok = false;
  EXPECT_EQ(LocksOf([&] { ok = Run(0, 50); }), 0u);
  EXPECT_TRUE(ok);
}

#if defined(__linux__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
// From here on the process is killed by its first system call but that which ends its only thread.
bool GiveUpSystemCalls() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class SystemCallTest : public SamplingPathTest {
 protected:
  // The signal that ends the process in which `work` runs, or its exit code, negative.
  template <typename Work>
  static int EndOf(const Work& work) {
    const pid_t child = fork();
    if (child == 0) {
      if (!GiveUpSystemCalls()) _exit(99);
      syscall(SYS_exit, work() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
  }
};

TEST_F(SystemCallTest, AreSeen) {
  const int end = EndOf([] { return getppid() != 0; });
  if (end == -99) GTEST_SKIP() << "this system does not let a process give up its system calls";
  EXPECT_EQ(end, SIGSYS);
}

TEST_F(SystemCallTest, NoneAfterWarmUp) {
  ASSERT_TRUE(Run(0, 10));
  const int end = EndOf([&] { return Run(10, 50); });
  if (end == -99) GTEST_SKIP() << "this system does not let a process give up its system calls";
  EXPECT_EQ(end, 0);
}
#endif

}  // namespace
}  // namespace attnscope::test

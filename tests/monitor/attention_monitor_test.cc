// SPDX-License-Identifier: Apache-2.0
//
// The monitor as an engine uses it: what is sampled, what windows report, and what it costs to be wrong.
#include "attnscope/attention_monitor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/accumulator_checks.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {
namespace {

using nlohmann::json;

constexpr size_t kHeads = 2;
constexpr size_t kKeys = 64;

class AttentionMonitorTest : public ::testing::Test {
 protected:
  AttentionMonitorTest() {
    config_.layers = 2;
    config_.layer = {.heads = kHeads, .max_keys = kKeys, .max_batch = 2};
    config_.every_steps = 1;
    config_.window_steps = 4;
    config_.thresholds.min_rows = 1.0;  // the windows of these tests have few
    config_.opaque = this;
    config_.on_window = [](void* opaque, std::string_view line) {
      static_cast<AttentionMonitorTest*>(opaque)->lines_.emplace_back(line);
    };
    config_.on_change = [](void* opaque, const VerdictChange& change) {
      static_cast<AttentionMonitorTest*>(opaque)->changes_.push_back(change);
    };
  }

  AttentionMonitor Created() {
    AttentionMonitor monitor;
    const Status status = AttentionMonitor::Create(config_, &monitor);
    EXPECT_TRUE(status.ok()) << status.message();
    return monitor;
  }

  // One row for each head: `weights` [kHeads, keys].
  static Status Feed(AttentionMonitor& monitor, size_t layer, const std::vector<float>& weights, size_t keys = kKeys) {
    return monitor.AddWeights(layer, ViewOf(weights, 1, kHeads, 1, keys));
  }

  // Steps [first, last]; both layers get rows wherever they ask.
  static void RunSteps(AttentionMonitor& monitor, uint64_t first, uint64_t last, const std::vector<float>& weights) {
    for (uint64_t step = first; step <= last; ++step) {
      for (size_t layer = 0; layer < 2; ++layer) {
        if (!monitor.ShouldSample(layer, step)) continue;
        EXPECT_TRUE(Feed(monitor, layer, weights).ok());
      }
      EXPECT_TRUE(monitor.EndStep(step).ok());
    }
  }

  std::vector<json> TakeRecords() {
    std::vector<json> records;
    for (const std::string& line : lines_) {
      EXPECT_EQ(line.find('\n'), std::string::npos);
      records.push_back(json::parse(line));
    }
    lines_.clear();
    return records;
  }

  MonitorConfig config_;
  std::vector<std::string> lines_;
  std::vector<VerdictChange> changes_;
  const std::vector<float> rows_ = SoftmaxRows(1, kHeads, kKeys, 1.2);  // no verdict in it
};

TEST_F(AttentionMonitorTest, RecordsHoldWhatAnAccumulatorMeasures) {
  config_.per_head = true;
  config_.stage = "a \"stage\"";
  config_.first_layer = 10;
  AttentionMonitor monitor = Created();
  std::vector<LayerAccumulator> expected;
  for (size_t layer = 0; layer < 2; ++layer) expected.push_back(CreateLayer(config_.layer));
  for (uint64_t step = 0; step < 4; ++step) {
    for (size_t layer = 0; layer < 2; ++layer) {
      const std::vector<float> rows = SoftmaxRows(10 * step + layer, kHeads, kKeys, 2.0);
      ASSERT_TRUE(monitor.ShouldSample(layer, step));
      ASSERT_TRUE(Feed(monitor, layer, rows).ok());
      ASSERT_TRUE(expected[layer].AddWeights(ViewOf(rows, 1, kHeads, 1, kKeys)).ok());
    }
    EXPECT_TRUE(lines_.empty());
    ASSERT_TRUE(monitor.EndStep(step, /*tokens=*/3).ok());
  }
  const std::vector<json> records = TakeRecords();
  ASSERT_EQ(records.size(), 2u);
  for (size_t layer = 0; layer < 2; ++layer) {
    const json& record = records[layer];
    EXPECT_EQ(record["schema"], "attnscope.window.v1");
    EXPECT_EQ(record["stage"], config_.stage);
    EXPECT_EQ(record["layer"], 10 + layer);
    EXPECT_EQ(record["window"], 0);
    EXPECT_EQ(record["first_step"], 0);
    EXPECT_EQ(record["step"], 3);
    EXPECT_EQ(record["steps"], 4);
    EXPECT_EQ(record["tokens"], 12);
    EXPECT_EQ(record["samples"], 4);
    EXPECT_EQ(record["late"], 0);
    EXPECT_EQ(record["refused"], 0);
    EXPECT_EQ(record["postponed"], 0);
    EXPECT_GT(record["overhead"].get<double>(), 0.0);
    EXPECT_LT(record["overhead"].get<double>(), 1.0);
    const LayerStats stats = expected[layer].Stats();
    for (const MetricInfo& info : AllMetrics()) {
      EXPECT_EQ(record["metrics"].contains(info.name), stats.layer.Has(info.metric)) << info.name;
      if (stats.layer.Has(info.metric)) {
        EXPECT_EQ(record["metrics"][std::string(info.name)].get<double>(), stats.layer[info.metric]) << info.name;
      }
      if (!info.per_head || !stats.layer.Has(info.metric)) continue;
      const json& heads = record["heads"][std::string(info.name)];
      ASSERT_EQ(heads.size(), kHeads) << info.name;
      for (size_t h = 0; h < kHeads; ++h) EXPECT_EQ(heads[h].get<double>(), stats.heads[h][info.metric]) << info.name;
    }
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
  EXPECT_NEAR(records[0]["time"].get<double>(), static_cast<double>(now) / 1e3, 60.0);
}

// The documentation and the records name the same keys.
TEST_F(AttentionMonitorTest, EveryKeyIsDocumented) {
  config_.per_head = true;
  AttentionMonitor monitor = Created();
  std::vector<float> one_hot(kHeads * kKeys);
  one_hot[3] = one_hot[kKeys + 3] = 1.0f;
  monitor.CountLeftOut(0, 1);
  RunSteps(monitor, 0, 3, one_hot);
  const json record = TakeRecords().at(0);
  std::ifstream file(ATTNSCOPE_MONITOR_DOC);
  const std::string doc(std::istreambuf_iterator<char>(file), {});
  size_t rows = 0;
  for (size_t at = doc.find("\n| `"); at != std::string::npos; at = doc.find("\n| `", at + 1)) ++rows;
  ASSERT_FALSE(record["verdicts"].empty());
  const std::vector<std::string> beside_a_baseline = {"as_in_baseline", "baseline"};
  EXPECT_EQ(rows, record.size() - 1 + record["verdicts"][0].size() + beside_a_baseline.size())
      << "step shares a row with first_step, value with bound; a layer's verdict has no head";
  for (const std::string& key : beside_a_baseline) EXPECT_NE(doc.find("| `" + key + "`"), std::string::npos) << key;
  for (const json& object : {record, record["verdicts"][0]}) {
    for (const auto& [key, value] : object.items()) EXPECT_NE(doc.find("`" + key + "`"), std::string::npos) << key;
  }
  for (size_t i = 0; i < kNumPathologies; ++i) {
    EXPECT_NE(doc.find(NameOf(static_cast<Pathology>(i))), std::string::npos);
  }
}

TEST_F(AttentionMonitorTest, WindowsTumbleAtMultiplesOfTheirSteps) {
  AttentionMonitor monitor = Created();
  RunSteps(monitor, 6, 17, rows_);
  const std::vector<json> records = TakeRecords();
  ASSERT_EQ(records.size(), 6u) << "steps 6-7, 8-11, 12-15, two layers each; 16-17 is open";
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(records[2 * i]["window"], i);
    EXPECT_EQ(records[2 * i]["first_step"], std::vector<int>({6, 8, 12})[i]);
    EXPECT_EQ(records[2 * i]["step"], std::vector<int>({7, 11, 15})[i]);
    EXPECT_EQ(records[2 * i]["metrics"]["rows"], std::vector<size_t>({2, 4, 4})[i] * kHeads);
    EXPECT_FALSE(records[2 * i].contains("heads")) << "only on demand";
  }
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_EQ(TakeRecords().at(1)["metrics"]["rows"], 2 * kHeads);
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_TRUE(lines_.empty()) << "no step has ended";
}

TEST_F(AttentionMonitorTest, WindowsOfTokens) {
  config_.window_steps = 0;
  config_.window_tokens = 100;
  AttentionMonitor monitor = Created();
  std::vector<uint64_t> ends;
  const std::vector<uint64_t> tokens = {99, 1, 100, 50, 49, 300, 7};
  for (uint64_t step = 0; step < tokens.size(); ++step) {
    ASSERT_TRUE(Feed(monitor, 0, rows_).ok());
    ASSERT_TRUE(monitor.EndStep(step, tokens[step]).ok());
    for (const json& record : TakeRecords()) {
      if (record["layer"] == 0) ends.push_back(step);
      EXPECT_GE(record["tokens"], 100);
    }
  }
  EXPECT_EQ(ends, (std::vector<uint64_t>{1, 2, 5}));
}

// One row of each head a step, with one more key each time.
TEST_F(AttentionMonitorTest, Decoding) {
  config_.window_steps = 16;
  AttentionMonitor monitor = Created();
  ExactLayer exact(kHeads);
  LayerAccumulator expected = CreateLayer(config_.layer);
  for (uint64_t step = 0; step < 16; ++step) {
    const size_t keys = 40 + step;
    const std::vector<float> rows = SoftmaxRows(step, kHeads, keys, 1.5);
    ASSERT_TRUE(Feed(monitor, 1, rows, keys).ok());
    ASSERT_TRUE(expected.AddWeights(ViewOf(rows, 1, kHeads, 1, keys)).ok());
    ASSERT_TRUE(monitor.EndStep(step).ok());
  }
  const std::vector<json> records = TakeRecords();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1]["layer"], 1);
  EXPECT_EQ(records[1]["metrics"]["keys"], 55);
  EXPECT_EQ(records[1]["metrics"]["matrices"], kHeads);
  EXPECT_EQ(records[1]["metrics"]["col_entropy"], expected.Stats().layer[Metric::kColEntropy]);
}

// An engine whose flash attention hands nothing over must show.
TEST_F(AttentionMonitorTest, AWindowInWhichALayerWasNotFedIsARecord) {
  AttentionMonitor monitor = Created();
  for (uint64_t step = 0; step < 4; ++step) {
    ASSERT_TRUE(Feed(monitor, 1, rows_).ok());
    ASSERT_TRUE(monitor.EndStep(step).ok());
  }
  const std::vector<json> records = TakeRecords();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["layer"], 0);
  EXPECT_EQ(records[0]["samples"], 0);
  EXPECT_EQ(records[0]["metrics"], json::object());
  EXPECT_EQ(records[0]["outcome"], "not judged");
  EXPECT_EQ(records[1]["samples"], 4);
  EXPECT_EQ(records[1]["outcome"], "healthy");
}

// The monitor calls the engine's runner while it holds a lane.
TEST_F(AttentionMonitorTest, AnExceptionOfARunnerFreesItsLane) {
  AttentionMonitor monitor = Created();
  const Runner throws = {.run = [](void*, Task, void*, size_t) { throw std::runtime_error("no thread"); },
                         .threads = 2};
  const std::vector<float> rows = SoftmaxRows(1, kHeads * 2, kKeys, 1.2);
  EXPECT_THROW((void)monitor.AddWeights(0, ViewOf(rows, 2, kHeads, 1, kKeys), {}, throws), std::runtime_error);
  EXPECT_TRUE(Feed(monitor, 0, rows_).ok());
  ASSERT_TRUE(monitor.CloseWindow().ok()) << "spun for ever";
  EXPECT_EQ(TakeRecords().at(0)["samples"], 1);
}

// While the only lane is busy: its runner calls the monitor.
TEST_F(AttentionMonitorTest, ALateCallWithBadArgumentsIsAnError) {
  AttentionMonitor monitor = Created();
  static AttentionMonitor* busy;
  static std::vector<StatusCode> codes;
  static const std::vector<float>* row;
  busy = &monitor;
  codes.clear();
  row = &rows_;
  const Runner calls = {
      .run =
          [](void*, Task task, void* argument, size_t count) {
            if (codes.empty()) {
              AttentionView view = ViewOf(*row, 1, kHeads, 1, kKeys);
              codes.push_back(busy->AddWeights(0, view).code());
              view.first_sequence = 2;
              codes.push_back(busy->AddWeights(0, view).code());
              view.data = nullptr;
              codes.push_back(busy->AddLogits(0, view).code());
              codes.push_back(busy->AddGradient(0, {.data = nullptr, .type = ElementType::kFloat32, .size = 1}).code());
            }
            for (size_t i = 0; i < count; ++i) task(argument, i);
          },
      .threads = 2};
  const std::vector<float> rows = SoftmaxRows(1, kHeads * 2, kKeys, 1.2);
  ASSERT_TRUE(monitor.AddWeights(0, ViewOf(rows, 2, kHeads, 1, kKeys), {}, calls).ok());
  ASSERT_EQ(codes.size(), 4u);
  EXPECT_EQ(codes[0], StatusCode::kOk);
  for (size_t i = 1; i < 4; ++i) EXPECT_NE(codes[i], StatusCode::kOk) << i;
  ASSERT_TRUE(monitor.CloseWindow().ok());
  const json record = TakeRecords().at(0);
  EXPECT_EQ(record["late"], 1) << "those with bad arguments are none";
  EXPECT_EQ(record["refused"], 3);
  EXPECT_EQ(record["samples"], 1);
}

TEST_F(AttentionMonitorTest, RefusedSamplesAreInTheirWindowsRecord) {
  AttentionMonitor monitor = Created();
  AttentionView view = ViewOf(rows_, 1, kHeads, 1, kKeys);
  view.data = nullptr;
  EXPECT_FALSE(monitor.AddWeights(0, view).ok());
  monitor.CountRefused(0);
  monitor.CountRefused(1000);
  AttentionMonitor().CountRefused(0);
  ASSERT_TRUE(monitor.CloseWindow().ok());
  const std::vector<json> records = TakeRecords();
  ASSERT_EQ(records.size(), 1u) << "no other layer had a call";
  EXPECT_EQ(records[0]["refused"], 2);
  EXPECT_EQ(records[0]["samples"], 0);
  EXPECT_EQ(records[0]["outcome"], "not judged");
  ASSERT_TRUE(monitor.EndStep(0, 1).ok());
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_EQ(TakeRecords().at(0)["refused"], 0) << "each is in one window";
}

TEST_F(AttentionMonitorTest, RowsLeftOutAreInTheirWindowsRecord) {
  AttentionMonitor monitor = Created();
  ASSERT_TRUE(monitor.AddWeights(0, ViewOf(rows_, 1, kHeads, 1, kKeys)).ok());
  monitor.CountLeftOut(0, 7);
  monitor.CountLeftOut(0, 5);
  monitor.CountLeftOut(1000, 3);
  AttentionMonitor().CountLeftOut(0, 1);
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_EQ(TakeRecords().at(0)["left_out_rows"], 12);
  ASSERT_TRUE(monitor.AddWeights(0, ViewOf(rows_, 1, kHeads, 1, kKeys)).ok());
  ASSERT_TRUE(monitor.CloseWindow().ok());
  EXPECT_FALSE(TakeRecords().at(0).contains("left_out_rows")) << "none in this window";
}

// A sample takes 100 ns, all may take 1 % of the time, and a step is 1000: every tenth step or so can be sampled, which
// the period of 8 layers must not give to the same ones.
TEST_F(AttentionMonitorTest, ABudgetIsFairBetweenStaggeredLayers) {
  constexpr size_t kLayers = 8;
  static uint64_t now;
  static uint64_t look;
  for (const uint64_t cost : std::initializer_list<uint64_t>{50, 100, 300}) {
    for (const size_t every : std::initializer_list<size_t>{8, 16, 5}) {
      now = 0;
      look = cost;
      config_.layers = kLayers;
      config_.now_nanoseconds = [](void*) { return now += look; };
      config_.budget = 0.01;
      config_.every_steps = every;
      config_.stagger_layers = true;
      config_.window_steps = 64;
      AttentionMonitor monitor = Created();
      std::vector<uint64_t> samples(kLayers);
      for (uint64_t step = 0; step < 20000; ++step) {
        for (size_t layer = 0; layer < kLayers; ++layer) {
          if (!monitor.ShouldSample(layer, step)) continue;
          ++samples[layer];
          ASSERT_TRUE(Feed(monitor, layer, rows_).ok());  // two looks at the clock
        }
        now += 1000;
        ASSERT_TRUE(monitor.EndStep(step).ok());
      }
      uint64_t sum = 0;
      for (const uint64_t count : samples) sum += count;
      EXPECT_GE(sum, 20000 * 10 / cost / 2) << "the budget is used";
      EXPECT_LE(static_cast<double>(sum * cost), 0.0101 * static_cast<double>(now) + 8.0 * 300.0);
      for (size_t layer = 0; layer < kLayers; ++layer) {
        EXPECT_GE(2 * kLayers * samples[layer], sum) << "layer " << layer << ", every " << every << ", cost " << cost;
      }
    }
  }
}

TEST_F(AttentionMonitorTest, RequestsEndOneByOne) {
  AttentionMonitor monitor = Created();
  const auto feed = [&](size_t sequence) {
    AttentionView view = ViewOf(rows_, 1, kHeads, 1, kKeys);
    view.first_sequence = sequence;
    ASSERT_TRUE(monitor.AddWeights(0, view).ok());
  };
  feed(0);
  feed(1);
  ASSERT_TRUE(monitor.EndSequence(0).ok());
  feed(0);
  feed(1);
  ASSERT_TRUE(monitor.CloseWindow().ok());
  const json metrics = TakeRecords().at(0)["metrics"];
  EXPECT_EQ(metrics["rows"], 4 * kHeads);
  EXPECT_EQ(metrics["matrices"], 3 * kHeads) << "two requests in place 0, one in place 1";
  EXPECT_EQ(monitor.EndSequence(2).code(), StatusCode::kOutOfRange);
}

TEST_F(AttentionMonitorTest, TellsWhenVerdictsComeAndGo) {
  AttentionMonitor monitor = Created();
  std::vector<float> one_hot(kHeads * kKeys);
  for (size_t i = 0; i < kKeys; ++i) one_hot[i] = rows_[i];
  one_hot[kKeys + 5] = 1.0f;  // head 1
  RunSteps(monitor, 0, 3, rows_);
  EXPECT_TRUE(changes_.empty());
  RunSteps(monitor, 4, 7, one_hot);
  bool head_is_critical = false;
  for (const VerdictChange& change : changes_) {
    EXPECT_EQ(change.window, 1u);
    EXPECT_EQ(change.step, 7u);
    EXPECT_EQ(change.from, Severity::kHealthy);
    head_is_critical |= change.to == Severity::kCritical && change.verdict.head == 1 && change.verdict.layer == 0 &&
                        change.verdict.pathology == Pathology::kOneHotCollapse;
  }
  EXPECT_TRUE(head_is_critical);
  const size_t came = changes_.size();
  changes_.clear();
  RunSteps(monitor, 8, 11, rows_);
  EXPECT_TRUE(changes_.empty()) << "one window within the bounds is not enough";
  RunSteps(monitor, 12, 15, rows_);
  EXPECT_EQ(changes_.size(), came) << "all that came have gone";
  for (const VerdictChange& change : changes_) EXPECT_EQ(change.to, Severity::kHealthy);
}

TEST_F(AttentionMonitorTest, ThresholdsAreObeyed) {
  config_.thresholds.one_hot_max_row_weight_warning = 1e-6;
  AttentionMonitor monitor = Created();
  RunSteps(monitor, 0, 3, rows_);
  ASSERT_FALSE(changes_.empty());
  const json verdict = TakeRecords().at(0)["verdicts"].at(0);
  EXPECT_EQ(verdict["metric"], "max_row_weight");
  EXPECT_EQ(verdict["bound"], 1e-6);
}

// Both layers have a head that is sharp from the first step on. It is no finding beside a baseline that has it.
TEST_F(AttentionMonitorTest, AGivenBaselineSaysWhatIsUsual) {
  std::vector<float> sharp = rows_;
  for (size_t i = 0; i < kKeys; ++i) sharp[kKeys + i] = i == 5 ? 1.0f : 0.0f;  // head 1
  Report past;
  for (int64_t layer = 0; layer < 2; ++layer) {
    LayerAccumulator accumulator = CreateLayer(config_.layer);
    ASSERT_TRUE(accumulator.AddWeights(ViewOf(sharp, 1, kHeads, 1, kKeys)).ok());
    accumulator.EndSequence();
    past.Layer(layer).stats = accumulator.Stats();
  }
  AttentionMonitor monitor;
  {
    Baseline baseline;
    ASSERT_TRUE(MakeBaseline({&past, 1}, &baseline).ok());
    config_.baseline = &baseline;
    monitor = Created();
    config_.baseline = nullptr;  // it was copied
  }
  RunSteps(monitor, 0, 3, sharp);
  EXPECT_TRUE(changes_.empty()) << changes_[0].verdict.message;
  for (const json& record : TakeRecords()) {
    EXPECT_EQ(record["outcome"], "healthy");
    EXPECT_TRUE(record["verdicts"].empty());
    EXPECT_EQ(record["as_in_baseline"].at(0)["head"], 1);
  }
  // The sharp head has spread, which no bound would tell.
  RunSteps(monitor, 4, 7, rows_);
  ASSERT_FALSE(changes_.empty());
  EXPECT_EQ(changes_[0].verdict.pathology, Pathology::kLeftBaseline);
  const json verdict = TakeRecords().at(0)["verdicts"].at(0);
  EXPECT_EQ(verdict["pathology"], "left its baseline");
  EXPECT_TRUE(verdict["baseline"].is_number());
  const size_t came = changes_.size();
  RunSteps(monitor, 8, 15, sharp);
  EXPECT_EQ(changes_.size(), 2 * came) << "it comes and goes as any other";
}

TEST_F(AttentionMonitorTest, TheFirstWindowsMayBeTheBaseline) {
  config_.baseline_windows = 2;
  AttentionMonitor monitor = Created();
  std::vector<float> sharp = rows_;
  for (size_t i = 0; i < kKeys; ++i) sharp[kKeys + i] = i == 5 ? 1.0f : 0.0f;
  RunSteps(monitor, 0, 3, sharp);
  ASSERT_FALSE(changes_.empty()) << "the bounds hold until there is a baseline";
  const size_t came = changes_.size();
  EXPECT_NE(TakeRecords().at(0)["not_judged"].dump().find("left its baseline: 0 of the 2 windows that make it"),
            std::string::npos);
  // A window without a sample is no part of it.
  for (uint64_t step = 4; step < 8; ++step) ASSERT_TRUE(monitor.EndStep(step).ok());
  TakeRecords();
  RunSteps(monitor, 8, 11, sharp);
  EXPECT_NE(TakeRecords().at(0)["not_judged"].dump().find("1 of the 2 windows"), std::string::npos);
  EXPECT_EQ(changes_.size(), came);
  RunSteps(monitor, 12, 19, sharp);
  EXPECT_EQ(changes_.size(), 2 * came);
  EXPECT_EQ(changes_.back().to, Severity::kHealthy);
  EXPECT_TRUE(changes_.back().verdict.message.ends_with(" is as in its baseline")) << changes_.back().verdict.message;
  EXPECT_EQ(TakeRecords().at(0)["outcome"], "healthy");
  RunSteps(monitor, 20, 23, rows_);
  EXPECT_EQ(TakeRecords().at(0)["verdicts"].at(0)["pathology"], "left its baseline");
}

TEST_F(AttentionMonitorTest, MergesAcrossMonitors) {
  config_.lanes = 3;
  AttentionMonitor a = Created();
  AttentionMonitor b = Created();
  LayerAccumulator merged = CreateLayer(config_.layer);
  LayerAccumulator expected = CreateLayer(config_.layer);
  for (size_t head = 0; head < kHeads; ++head) {  // a rank for each head
    AttentionView view = ViewOf(rows_, 1, kHeads, 1, kKeys);
    view.data = rows_.data() + head * kKeys;
    view.heads = 1;
    view.first_head = head;
    ASSERT_TRUE((head == 0 ? a : b).AddWeights(1, view).ok());
  }
  ASSERT_TRUE(expected.AddWeights(ViewOf(rows_, 1, kHeads, 1, kKeys)).ok());
  ASSERT_TRUE(a.MergeInto(1, &merged).ok());
  ASSERT_TRUE(b.MergeInto(1, &merged).ok());
  EXPECT_EQ(StateOf(merged), StateOf(expected));
  ASSERT_TRUE(a.CloseWindow().ok());
  EXPECT_EQ(TakeRecords().at(0)["metrics"]["rows"], 1) << "the open window is still there";
  EXPECT_EQ(a.MergeInto(2, &merged).code(), StatusCode::kOutOfRange);
  LayerAccumulator other = CreateLayer({.heads = 1, .max_keys = kKeys});
  EXPECT_EQ(a.MergeInto(1, &other).code(), StatusCode::kInvalidArgument);
}

// A clock that the test moves: each look at it is 10 ns later, each step takes 1000 more.
TEST_F(AttentionMonitorTest, BudgetPostponesSamples) {
  static uint64_t now;
  now = 0;
  config_.now_nanoseconds = [](void*) { return now += 10; };
  config_.budget = 0.01;
  config_.every_steps = 2;
  config_.window_steps = 1000;
  AttentionMonitor monitor = Created();
  size_t samples = 0;
  for (uint64_t step = 0; step < 1000; ++step) {
    if (monitor.ShouldSample(0, step)) {
      ++samples;
      ASSERT_TRUE(Feed(monitor, 0, rows_).ok());  // two looks: 10 ns
      now += 20;                                  // not the monitor's
    }
    now += 90;
    ASSERT_TRUE(monitor.EndStep(step).ok());
  }
  // 10 ns may be spent in each 1000, that is about each 10 steps.
  EXPECT_GE(samples, 85u);
  EXPECT_LE(samples, 105u);
  const json record = TakeRecords().at(0);
  EXPECT_EQ(record["samples"], samples);
  EXPECT_EQ(record["samples"].get<size_t>() + record["postponed"].get<size_t>(), 500u);
  EXPECT_LE(record["overhead"].get<double>(), 0.0101);
  EXPECT_GE(record["overhead"].get<double>(), 0.008);
}

TEST_F(AttentionMonitorTest, FailedClosingLosesNoLaterWindow) {
  AttentionMonitor monitor = Created();
  EXPECT_EQ(Feed(monitor, 0, rows_, kKeys).code(), StatusCode::kOk);
  const std::vector<float> long_rows(kHeads * 2 * kKeys, 1.0f);
  EXPECT_EQ(Feed(monitor, 0, long_rows, 2 * kKeys).code(), StatusCode::kOutOfRange);
  ASSERT_TRUE(monitor.CloseWindow().ok());
  const json record = TakeRecords().at(0);
  EXPECT_EQ(record["samples"], 1) << "a call that failed is no sample";
}

TEST_F(AttentionMonitorTest, WatchesOnlyWhatItWasAskedTo) {
  config_.watched_layers = {1};
  AttentionMonitor monitor = Created();
  EXPECT_FALSE(monitor.ShouldSample(0, 0));
  EXPECT_TRUE(monitor.ShouldSample(1, 0));
  EXPECT_FALSE(monitor.ShouldSample(2, 0));
  EXPECT_FALSE(monitor.ShouldSample(SIZE_MAX, UINT64_MAX));
  const Status status = Feed(monitor, 0, rows_);
  EXPECT_EQ(status.code(), StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), "layer is 0, which is not among watched_layers");
  EXPECT_EQ(Feed(monitor, 7, rows_).message(), "layer is 7, the monitor was made for 2");
}

TEST_F(AttentionMonitorTest, AllThatALayerCanBeFed) {
  AttentionMonitor monitor = Created();
  ASSERT_TRUE(monitor.Reserve().ok());
  const std::vector<float> logits = {0.0f, 1.0f, 2.0f, 3.0f};
  ASSERT_TRUE(monitor.AddLogits(0, ViewOf(logits, 1, kHeads, 1, 2)).ok());
  ASSERT_TRUE(monitor
                  .AddQueriesKeys(1, ContiguousQueryKey(rows_.data(), rows_.data(), ElementType::kFloat32, 1, kHeads,
                                                        kHeads, 2, 2, 16))
                  .ok());
  const ActivationView stream = ContiguousActivation(rows_.data(), ElementType::kFloat32, 1, 2, 8);
  ASSERT_TRUE(monitor.AddResidual(0, stream, stream).ok());
  ASSERT_TRUE(monitor.AddGradient(0, {.data = rows_.data(), .size = rows_.size()}).ok());
  ASSERT_TRUE(monitor.CloseWindow().ok());
  const std::vector<json> records = TakeRecords();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["metrics"]["logit_mean"], 1.5);
  EXPECT_EQ(records[0]["metrics"]["residual_ratio"], 0.0);
  EXPECT_GT(records[0]["metrics"]["gradient_norm"], 0.0);
  EXPECT_EQ(records[0]["samples"], 3);
  EXPECT_TRUE(records[1]["metrics"].contains("logsumexp"));
  EXPECT_EQ(records[1]["metrics"]["rows"], 2 * kHeads);
}

// However many steps a window has.
TEST_F(AttentionMonitorTest, TheGradientsNormIsOneSteps) {
  config_.lanes = 2;
  AttentionMonitor monitor = Created();
  const std::vector<float> three(9, 1.0f);
  const std::vector<float> four(16, 1.0f);
  const auto add = [&](const std::vector<float>& buffer) {
    ASSERT_TRUE(monitor.AddGradient(0, {.data = buffer.data(), .size = buffer.size()}).ok());
  };
  add(three);  // a step of two buffers: their norm is 5
  add(four);
  ASSERT_TRUE(monitor.EndStep(0).ok());
  add(three);
  ASSERT_TRUE(monitor.EndStep(1).ok());
  ASSERT_TRUE(monitor.EndStep(2).ok());  // not sampled
  add(four);
  ASSERT_TRUE(monitor.EndStep(3).ok());
  EXPECT_EQ(TakeRecords().at(0)["metrics"]["gradient_norm"], (5.0 + 3.0 + 4.0) / 3.0);
  add(four);
  ASSERT_TRUE(monitor.CloseWindow().ok());  // before its step has ended
  EXPECT_EQ(TakeRecords().at(0)["metrics"]["gradient_norm"], 4.0);
}

// In the step that has it, in the others of its window, and no longer.
TEST_F(AttentionMonitorTest, GradientsWithBadNumbersAreTold) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    AttentionMonitor monitor = Created();
    const std::vector<float> sound(9, 1.0f);
    std::vector<float> broken = sound;
    broken[3] = bad;
    for (uint64_t step = 0; step < 8; ++step) {
      const std::vector<float>& buffer = step == 1 ? broken : sound;
      ASSERT_TRUE(monitor.AddGradient(0, {.data = buffer.data(), .size = buffer.size()}).ok());
      ASSERT_TRUE(monitor.EndStep(step).ok());
    }
    const std::vector<json> records = TakeRecords();
    ASSERT_EQ(records.size(), 4u);
    EXPECT_EQ(records[0]["metrics"]["gradient_norm"], std::isnan(bad) ? "NaN" : "Infinity") << records[0];
    ASSERT_EQ(records[0]["verdicts"].size(), 1u) << records[0];
    EXPECT_EQ(records[0]["verdicts"][0]["pathology"], "bad numbers");
    EXPECT_EQ(records[0]["outcome"], "ill");
    EXPECT_EQ(records[2]["metrics"]["gradient_norm"], 3.0);
    EXPECT_TRUE(records[2]["verdicts"].empty());
  }
}

// Merged windows have one step's norm too, however many steps they had; ranks that hold parts of it add squares.
TEST_F(AttentionMonitorTest, MergedGradientNormsAreOneSteps) {
  config_.lanes = 2;
  config_.window_steps = 100;
  AttentionMonitor a = Created();
  AttentionMonitor b = Created();
  const std::vector<float> three(9, 1.0f);
  const std::vector<float> four(16, 1.0f);
  for (uint64_t step = 0; step < 16; ++step) {
    ASSERT_TRUE(a.AddGradient(0, {.data = three.data(), .size = three.size()}).ok());
    ASSERT_TRUE(b.AddGradient(0, {.data = four.data(), .size = four.size()}).ok());
    if (step == 15) break;  // the last has not ended
    ASSERT_TRUE(a.EndStep(step).ok());
    ASSERT_TRUE(b.EndStep(step).ok());
  }
  LayerAccumulator merged = CreateLayer(config_.layer);
  ASSERT_TRUE(a.MergeInto(0, &merged).ok());
  EXPECT_DOUBLE_EQ(merged.Stats().layer[Metric::kGradientNorm], 3.0);
  ASSERT_TRUE(b.MergeInto(0, &merged).ok());
  EXPECT_DOUBLE_EQ(merged.Stats().layer[Metric::kGradientNorm], 5.0);
  LayerAccumulator nothing = CreateLayer(config_.layer);
  ASSERT_TRUE(a.MergeInto(1, &nothing).ok());
  EXPECT_FALSE(nothing.Stats().layer.Has(Metric::kGradientNorm));
  ASSERT_TRUE(a.CloseWindow().ok());
  EXPECT_EQ(TakeRecords().at(0)["metrics"]["gradient_norm"], 3.0) << "merging changes nothing";
}

TEST_F(AttentionMonitorTest, RefusesWhatMakesNoSense) {
  const MonitorConfig good = config_;
  const auto expect = [&](StatusCode code, const std::string& message) {
    AttentionMonitor monitor;
    const Status status = AttentionMonitor::Create(config_, &monitor);
    EXPECT_EQ(status.code(), code) << message;
    EXPECT_EQ(status.message(), message);
    EXPECT_FALSE(monitor.ShouldSample(0, 0));
    config_ = good;
  };
  const StatusCode invalid = StatusCode::kInvalidArgument;
  config_.layers = 0;
  expect(invalid, "layers is 0, expected 1 to 65536");
  config_.first_layer = -1;
  expect(invalid, "first_layer is -1, expected 0 to 2^63 - 1 - 65536");
  config_.watched_layers = {0, 2};
  expect(invalid, "watched_layers is 2, expected layers below `layers`");
  config_.lanes = 0;
  expect(invalid, "lanes is 0, expected 1 to 1024");
  config_.every_steps = 0;
  expect(invalid, "every_steps is 0, expected 1 or more");
  config_.budget = std::nan("");
  expect(invalid, "budget is nan, expected a share from 0 to 1");
  config_.budget = 1.5;
  expect(invalid, "budget is 1.500000, expected a share from 0 to 1");
  config_.worsen_windows = 0;
  expect(invalid, "worsen_windows is 0, expected 1 or more");
  config_.recover_windows = 0;
  expect(invalid, "recover_windows is 0, expected 1 or more");
  config_.recover_margin = -0.1;
  expect(invalid, "recover_margin is -0.100000, expected a share from 0 to 1");
  config_.layer.heads = 0;
  expect(invalid, "heads is 0, expected 1 to 65536");
  config_.baseline_windows = 1025;
  expect(invalid, "baseline_windows is 1025, expected at most 1024");
  Report past;
  past.Layer(0).stats.heads.resize(kHeads + 1);
  Baseline baseline;
  ASSERT_TRUE(MakeBaseline({&past, 1}, &baseline).ok());
  config_.baseline = &baseline;
  expect(invalid, "baseline: layer 0 has 2 heads, and 3 in the baseline, which is of another model");
  config_.baseline = &baseline;
  config_.first_layer = 4;
  expect(invalid, "baseline: no layer is in the baseline, which is of another model");
  config_.baseline = &baseline;
  config_.baseline_windows = 1;
  expect(invalid, "baseline and baseline_windows are both set: a layer has one baseline");
}

TEST_F(AttentionMonitorTest, EmptyAndMoved) {
  AttentionMonitor empty;
  EXPECT_FALSE(empty.ShouldSample(0, 0));
  const std::string message = "the monitor is empty: it was not made by AttentionMonitor::Create";
  EXPECT_EQ(Feed(empty, 0, rows_).message(), message);
  EXPECT_EQ(empty.EndStep(0).message(), message);
  EXPECT_EQ(empty.CloseWindow().message(), message);
  EXPECT_EQ(empty.EndSequence(0).message(), message);

  AttentionMonitor monitor = Created();
  AttentionMonitor moved = std::move(monitor);
  EXPECT_TRUE(moved.ShouldSample(0, 0));
  EXPECT_FALSE(monitor.ShouldSample(0, 0));  // NOLINT(bugprone-use-after-move): documented
  empty = std::move(moved);
  EXPECT_TRUE(Feed(empty, 0, rows_).ok());
}

}  // namespace
}  // namespace attnscope::test

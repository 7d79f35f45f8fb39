// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/session.h"

namespace attnscope::fuzz {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A record is one line of JSON (which is UTF-8, whatever the stage is called) with the members of docs/monitor.md.
void CheckRecord(const char* line, size_t length) {
  FUZZ_CHECK(std::strlen(line) == length && std::memchr(line, '\n', length) == nullptr, line);
  const auto record = nlohmann::json::parse(line, line + length, nullptr, /*allow_exceptions=*/false);
  FUZZ_CHECK(record.is_object() && record.value("schema", "") == "attnscope.window.v1", line);
  for (const char* const key : {"window", "steps", "tokens", "layer", "samples"}) {
    FUZZ_CHECK(record.contains(key) && record[key].is_number_unsigned(), line);
  }
  FUZZ_CHECK(record.contains("metrics") && record["metrics"].is_object(), line);
  FUZZ_CHECK(record.contains("verdicts") && record["verdicts"].is_array(), line);
}

void CheckChange(const AttnscopeVerdictChange& change) {
  FUZZ_CHECK(change.from != change.to && change.verdict != nullptr && change.verdict->message != nullptr, "a change");
  FUZZ_CHECK(change.to >= ATTNSCOPE_HEALTHY && change.to <= ATTNSCOPE_CRITICAL, "a severity");
}

// One that Create must refuse.
void BreakConfig(CallBytes* bytes, AttnscopeMonitorConfig* config) {
  switch (bytes->Below(9)) {
    case 0:
      config->layers = bytes->OneOf<uint64_t>({0, 65537, UINT64_MAX});
      break;
    case 1:
      config->lanes = bytes->OneOf<uint64_t>({0, 1025, UINT64_MAX});
      break;
    case 2:
      config->every_steps = 0;
      break;
    case 3:
      config->budget = bytes->OneOf({-1.0, kNan});
      break;
    case 4:
      config->recover_margin = bytes->OneOf({-0.5, 1.5, kNan});
      break;
    case 5:
      config->worsen_windows = 0;
      break;
    case 6:
      config->first_layer = bytes->OneOf<int64_t>({-1, INT64_MIN});
      break;
    case 7:
      config->watched_layers = nullptr;
      config->num_watched_layers = 1;
      break;
    default:
      config->layer = nullptr;
  }
}

}  // namespace

void Session::CreateMonitor(CallBytes bytes) {
  Monitor& slot = monitors_[bytes.Below(monitors_.size())];
  AttnscopeLayerConfig layer = {};
  layer.struct_size = sizeof(layer);
  AttnscopeLayerConfigDefaults(&layer);
  layer.heads = bytes.OneOf<uint64_t>({2, 1});
  layer.max_keys = bytes.OneOf<uint64_t>({64, 1, 33, 0});
  layer.max_batch = bytes.OneOf<uint64_t>({2, 1});
  layer.mean_matrix = bytes.OneIn(5) ? 1 : 0;
  AttnscopeMonitorConfig config = {};
  config.struct_size = sizeof(config);
  AttnscopeMonitorConfigDefaults(&config);
  config.layer = &layer;
  config.layers = bytes.OneOf<uint64_t>({2, 1, 3});
  config.first_layer = bytes.OneOf<int64_t>({0, 7, INT64_MAX - 3});
  const std::array<uint64_t, 2> watched = {bytes.Below(4), bytes.Below(4)};
  if (bytes.OneIn(2)) config.watched_layers = watched.data(), config.num_watched_layers = 1 + bytes.Below(2);
  config.lanes = bytes.OneOf<uint64_t>({1, 2});
  config.every_steps = bytes.OneOf<uint64_t>({1, 2, 16, UINT64_MAX});
  config.stagger_layers = bytes.OneIn(2) ? 1 : 0;
  config.budget = bytes.OneOf({0.0, 0.01, 1.0, 1e-300});
  config.window_steps = bytes.OneOf<uint64_t>({2, 1, 0, UINT64_MAX});
  config.window_tokens = bytes.OneOf<uint64_t>({0, 1, 100});
  config.per_head = bytes.OneIn(2) ? 1 : 0;
  config.stage = bytes.OneOf<const char*>({"serve", nullptr, "\x1b[31m\"\\\n\xff", ""});
  config.recover_windows = bytes.OneOf<uint32_t>({1, 2, UINT32_MAX});
  AttnscopeThresholds thresholds = {};
  thresholds.struct_size = sizeof(thresholds);  // all zero: everything is ill
  if (bytes.OneIn(2)) config.thresholds = &thresholds;
  config.on_window = [](void* opaque, const char* line, size_t length) {
    ++static_cast<Monitor*>(opaque)->records;
    CheckRecord(line, length);
  };
  config.on_change = [](void* opaque, const AttnscopeVerdictChange* change) {
    ++static_cast<Monitor*>(opaque)->changes;
    CheckChange(*change);
  };
  if (bytes.OneIn(2)) {
    config.now_nanoseconds = [](void* opaque) { return static_cast<Monitor*>(opaque)->clock += 1000; };
  }
  config.opaque = &slot;
  const bool is_broken = bytes.OneIn(6);
  if (is_broken) BreakConfig(&bytes, &config);
  AttnscopeMonitor* made = nullptr;
  const AttnscopeStatus status = AttnscopeMonitorCreate(&config, &made);
  CheckStatus(status);
  FUZZ_CHECK((made != nullptr) == (status == ATTNSCOPE_OK), "an output on success alone");
  if (made == nullptr) return;
  FUZZ_CHECK(!is_broken, "an error");
  AttnscopeMonitorDestroy(slot.handle);
  slot = {};
  slot.handle = made;
  slot.config = layer;
}

void Session::FeedMonitor(CallBytes bytes) {
  Monitor& to = monitors_[bytes.Below(monitors_.size())];
  const uint64_t layer = bytes.OneOf<uint64_t>({0, 1, 2, 3, UINT64_MAX});
  const auto kind = bytes.OneOf({AttentionKind::kWeights, AttentionKind::kLogits, AttentionKind::kQueriesKeys});
  const AttnscopeRunner* const runner = RunnerOf(&bytes);
  AttnscopeMonitorShouldSample(to.handle, layer, to.step);
  if (to.handle == nullptr) return;
  const AttentionCall call(kind, to.config, bytes, 1);
  const AttnscopeStatus status = call.Add({.monitor = to.handle, .layer = layer}, 0, call.queries(), runner);
  CheckStatus(status);
  FUZZ_CHECK(status != ATTNSCOPE_OK || !call.must_fail(), "an error");
  const float values[6] = {1.0f, -2.0f, 0.0f, 3e38f, 0.5f, kNan};
  AttnscopeActivationView before = {};
  before.struct_size = sizeof(before);
  AttnscopeContiguousActivation(values, ATTNSCOPE_FLOAT32, 1, 2, 3, &before);
  AttnscopeActivationView after = before;
  after.token_stride = 0;
  CheckStatus(AttnscopeMonitorAddResidual(to.handle, layer, &before, &after));
  const AttnscopeBufferView gradient = {sizeof(gradient), ATTNSCOPE_FLOAT32, values, 6};
  CheckStatus(AttnscopeMonitorAddGradient(to.handle, layer, &gradient));
}

void Session::StepMonitor(CallBytes bytes) {
  Monitor& of = monitors_[bytes.Below(monitors_.size())];
  switch (bytes.Below(5)) {
    case 1:
      return CheckStatus(AttnscopeMonitorCloseWindow(of.handle));
    case 2:
      return CheckStatus(AttnscopeMonitorEndSequence(of.handle, bytes.OneOf<uint64_t>({0, 1, 2, UINT64_MAX})));
    case 3:
      return CheckStatus(AttnscopeMonitorReserve(of.handle, RunnerOf(&bytes)));
    case 4:  // the schedule starts anew, or ends
      of.step = bytes.OneOf<uint64_t>({0, UINT64_MAX, UINT64_MAX - 1, uint64_t{1} << 63});
      return CheckStatus(AttnscopeMonitorEndStep(of.handle, of.step, bytes.OneOf<uint64_t>({1, 0, UINT64_MAX})));
    default:
      return CheckStatus(AttnscopeMonitorEndStep(of.handle, of.step++, bytes.Next()));
  }
}

void Session::MergeMonitor(CallBytes bytes) {
  const Monitor& from = monitors_[bytes.Below(monitors_.size())];
  const uint64_t layer = bytes.OneOf<uint64_t>({0, 1, 2, UINT64_MAX});
  if (bytes.OneIn(3) || from.handle == nullptr) {
    Accumulator& into = AccumulatorOf(&bytes);
    into.most_keys = into.config.max_keys;
    return CheckStatus(AttnscopeMonitorMergeInto(from.handle, layer, into.handle));
  }
  Accumulator& to = AccumulatorOf(&bytes);
  AttnscopeAccumulator* made = nullptr;
  FUZZ_CHECK(AttnscopeAccumulatorCreate(&from.config, &made) == ATTNSCOPE_OK, AttnscopeLastError());
  AttnscopeAccumulatorDestroy(to.handle);
  to = {made, from.config, from.config.max_keys};
  CheckStatus(AttnscopeMonitorMergeInto(from.handle, layer, to.handle));
}

}  // namespace attnscope::fuzz

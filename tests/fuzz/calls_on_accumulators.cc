// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/session.h"

namespace attnscope::fuzz {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

AttnscopeAccumulator* Fresh(const AttnscopeLayerConfig& config) {
  AttnscopeAccumulator* accumulator = nullptr;
  FUZZ_CHECK(AttnscopeAccumulatorCreate(&config, &accumulator) == ATTNSCOPE_OK, AttnscopeLastError());
  return accumulator;
}

struct Destroy {
  void operator()(AttnscopeAccumulator* accumulator) const { AttnscopeAccumulatorDestroy(accumulator); }
};
using Owned = std::unique_ptr<AttnscopeAccumulator, Destroy>;

bool SameConfig(const AttnscopeLayerConfig& a, const AttnscopeLayerConfig& b) {
  return a.heads == b.heads && a.max_keys == b.max_keys && a.max_batch == b.max_batch &&
         a.mean_matrix == b.mean_matrix && a.saturation_bound == b.saturation_bound;
}

double RowsOf(const std::vector<double>& stats) {
  const double rows = stats[ATTNSCOPE_ROWS];
  return std::isnan(rows) ? 0.0 : rows;
}

// One that Create must refuse.
void BreakConfig(CallBytes* bytes, AttnscopeLayerConfig* config) {
  switch (bytes->Below(6)) {
    case 0:
      config->heads = bytes->OneOf<uint64_t>({0, 65537, UINT64_MAX});
      break;
    case 1:
      config->max_keys = bytes->OneOf<uint64_t>({uint64_t{1} << 31, UINT64_MAX});
      break;
    case 2:
      config->max_batch = bytes->OneOf<uint64_t>({0, 65537, UINT64_MAX});
      break;
    case 3:
      config->tolerance_half = bytes->OneOf({-1.0, kInf, kNan});
      break;
    case 4:  // each is within its range, but not all together
      config->heads = config->max_batch = 65536;
      config->max_keys = (uint64_t{1} << 31) - 1;
      config->mean_matrix = 0;
      break;
    default:
      config->struct_size = bytes->OneOf<uint32_t>({0, 7, 4097, UINT32_MAX});
  }
}

// Numbers that no accumulator has, as an all-reduce of another kind leaves them.
void BreakState(CallBytes bytes, AttnscopeAccumulator* accumulator) {
  for (size_t i = 0; i < 4; ++i) {
    size_t count = 0;
    double* const numbers = bytes.OneIn(2) ? AttnscopeAccumulatorMaxima(accumulator, &count, nullptr)
                                           : AttnscopeAccumulatorSums(accumulator, &count, nullptr);
    const size_t at = 256 * bytes.Next() + bytes.Next();
    numbers[at % count] = bytes.OneOf({1000.0, 0.5, -3.0, 1e19, 1e300, kInf, -kInf, kNan});
  }
}

}  // namespace

void Session::CreateAccumulator(CallBytes bytes) {
  Accumulator& slot = AccumulatorOf(&bytes);
  AttnscopeLayerConfig config = {};
  config.struct_size = sizeof(config);
  AttnscopeLayerConfigDefaults(&config);
  config.heads = bytes.OneOf<uint64_t>({4, 1, 2, 3});
  config.max_keys = bytes.OneOf<uint64_t>({64, 1, 2, 17, 130, 300, 0, 513});
  config.max_batch = bytes.OneOf<uint64_t>({2, 1});  // scratch is for each thread and matrix
  config.mean_matrix = bytes.OneIn(4) ? 1 : 0;
  if (bytes.OneIn(4)) config.saturation_bound = bytes.OneOf({0.0, 1.0, 1e300});
  if (bytes.OneIn(6)) {
    BreakConfig(&bytes, &config);
    AttnscopeAccumulator* out = nullptr;
    CheckRefused(AttnscopeAccumulatorCreate(&config, &out));
    FUZZ_CHECK(out == nullptr, "untouched output");
    return;
  }
  AttnscopeAccumulatorDestroy(slot.handle);
  slot = {Fresh(config), config};
}

void Session::AddAttention(AttentionKind kind, CallBytes bytes) {
  Accumulator& to = AccumulatorOf(&bytes);
  const AttnscopeRunner* const runner = RunnerOf(&bytes);
  const bool checks_cuts = bytes.OneIn(4);
  CallBytes cuts = bytes;
  if (to.handle == nullptr) return;
  const AttentionCall call(kind, to.config, bytes, 1);
  const std::vector<double> before = StatsOf(to.handle);
  const AttnscopeStatus status = call.Add({.accumulator = to.handle}, 0, call.queries(), runner);
  CheckStatus(status);
  const std::vector<double> after = StatsOf(to.handle);
  if (status != ATTNSCOPE_OK) {
    const bool has_lost_keys = call.FewestKeys() < to.most_keys;
    FUZZ_CHECK(call.must_fail() || call.is_resized() || has_lost_keys, AttnscopeLastError());
    CheckSameStats(before, after, "a failed call that adds nothing");
    return;
  }
  FUZZ_CHECK(!call.must_fail(), "an error");
  to.most_keys = std::max(to.most_keys, call.is_resized() ? to.config.max_keys : call.keys());
  if (call.is_resized()) return;
  const size_t rows = to.config.mean_matrix != 0 ? call.queries() : call.rows();
  FUZZ_CHECK(RowsOf(after) == RowsOf(before) + static_cast<double>(rows), "every row counted");
  if (checks_cuts) CheckCuts(kind, to.config, bytes, cuts);
}

// The same rows in one call, and cut into several, by another runner and with other junk in what must not be read.
void Session::CheckCuts(AttentionKind kind, const AttnscopeLayerConfig& config, CallBytes bytes, CallBytes cuts) {
  const AttentionCall whole(kind, config, bytes, 1);
  const AttentionCall cut(kind, config, bytes, 2);
  const Owned a(Fresh(config));
  const Owned b(Fresh(config));
  CheckStatus(whole.Add({.accumulator = a.get()}, 0, whole.queries(), nullptr));
  for (size_t first = 0; first < cut.queries();) {
    const size_t rows = std::min(cut.queries() - first, 1 + cuts.Below(7));
    const AttnscopeRunner* const runner = RunnerOf(&cuts);
    const AttnscopeStatus status = cut.Add({.accumulator = b.get()}, first, rows, runner);
    FUZZ_CHECK(status == ATTNSCOPE_OK, AttnscopeLastError());
    first += rows;
  }
  CheckSameStats(StatsOf(a.get()), StatsOf(b.get()), "results that do not depend on the cuts");
  AttnscopeAccumulatorEndSequences(b.get());
  CheckSameStats(StatsOf(a.get()), StatsOf(b.get()), "stats as if the sequences had ended");
}

void Session::AddResidual(CallBytes bytes) {
  Accumulator& to = AccumulatorOf(&bytes);
  const auto type = bytes.OneOf({ElementType::kFloat32, ElementType::kFloat16, ElementType::kBFloat16});
  const size_t batch = bytes.OneOf<size_t>({1, 2, 3, 0});
  const size_t tokens = bytes.OneOf<size_t>({3, 1, 7, 0});
  const size_t channels = bytes.OneOf<size_t>({16, 1, 5, 33, 130, 0});
  const size_t lie = bytes.Next();
  const auto all = [channels](size_t, size_t) { return channels; };
  HeapTensor tensors[2];
  AttnscopeActivationView views[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    const Layout layout = ChooseLayout(batch, 1, tokens, channels, &bytes);
    const auto fill = static_cast<Fill>((1 + bytes.Below(kNumFills)) % kNumFills);
    tensors[i] = HeapTensor(layout, {.type = type, .fill = fill, .seed = bytes.Next()}, all);
    views[i].struct_size = sizeof(views[i]);
    AttnscopeContiguousActivation(tensors[i].data(), static_cast<int32_t>(type), batch, tokens, channels, &views[i]);
    views[i].batch_stride = layout.strides[0];
    views[i].token_stride = layout.strides[2];
  }
  const bool is_lie = lie >= 192;
  if (is_lie) {
    AttnscopeActivationView& view = views[lie % 2];
    if (lie % 3 == 0) view.type = lie % 5 == 0 ? 99 : -5;
    if (lie % 3 == 1) view.tokens += lie % 5 == 0 ? UINT64_MAX / 2 : 1;
    if (lie % 3 == 2) view.struct_size = 3;
  }
  const AttnscopeStatus status = AttnscopeAccumulatorAddResidual(to.handle, &views[0], &views[1]);
  CheckStatus(status);
  if (to.handle != nullptr) FUZZ_CHECK((status == ATTNSCOPE_OK) != is_lie, AttnscopeLastError());
}

void Session::AddGradient(CallBytes bytes) {
  Accumulator& to = AccumulatorOf(&bytes);
  const auto type = bytes.OneOf({ElementType::kFloat32, ElementType::kFloat16, ElementType::kBFloat16});
  const size_t size = bytes.Next() + bytes.Next();
  Layout layout;
  layout.sizes = {1, 1, 1, size};
  const auto fill = static_cast<Fill>((1 + bytes.Below(kNumFills)) % kNumFills);
  const HeapTensor tensor(layout, {.type = type, .fill = fill, .seed = bytes.Next(), .shift = bytes.Below(5)},
                          [size](size_t, size_t) { return size; });
  AttnscopeBufferView view = {sizeof(view), static_cast<int32_t>(type), tensor.data(), size};
  const size_t lie = bytes.Below(8);
  if (lie == 5) view.size = UINT64_MAX;
  if (lie == 6) view.type = 3;
  if (lie == 7) view = {sizeof(view), 0, nullptr, size + 1};
  const AttnscopeStatus status = AttnscopeAccumulatorAddGradient(to.handle, &view);
  CheckStatus(status);
  if (to.handle != nullptr) FUZZ_CHECK((status == ATTNSCOPE_OK) == (lie < 5), AttnscopeLastError());
}

void Session::EndSequences(CallBytes bytes) {
  Accumulator& of = AccumulatorOf(&bytes);
  if (of.handle == nullptr) return CheckRefused(AttnscopeAccumulatorEndSequences(of.handle));
  const std::vector<double> before = StatsOf(of.handle);
  const uint64_t sequence = bytes.OneOf<uint64_t>({UINT64_MAX, 0, 1, 2, 3});
  if (sequence == UINT64_MAX) {
    CheckStatus(AttnscopeAccumulatorEndSequences(of.handle));
    of.most_keys = 0;
    CheckSameStats(before, StatsOf(of.handle), "stats as if the sequences had ended");
  } else {
    const AttnscopeStatus status = AttnscopeAccumulatorEndSequence(of.handle, sequence);
    CheckStatus(status);
    const uint64_t open = of.config.mean_matrix != 0 ? 1 : of.config.max_batch;
    FUZZ_CHECK((status == ATTNSCOPE_OK) == (sequence < open), AttnscopeLastError());
    FUZZ_CHECK(RowsOf(before) == RowsOf(StatsOf(of.handle)), "every row kept");
  }
}

void Session::ResetOrReserve(CallBytes bytes) {
  Accumulator& of = AccumulatorOf(&bytes);
  if (bytes.OneIn(2)) {
    CheckStatus(AttnscopeAccumulatorReset(of.handle));
    of.most_keys = 0;
    if (of.handle == nullptr) return;
    const Owned fresh(Fresh(of.config));
    CheckSameStats(StatsOf(of.handle), StatsOf(fresh.get()), "nothing left");
  } else {
    const AttnscopeRunner* const runner = RunnerOf(&bytes);
    uint64_t before = 0;
    uint64_t after = 0;
    CheckStatus(AttnscopeAccumulatorScratchBytes(of.handle, runner, &before));
    CheckStatus(AttnscopeAccumulatorReserve(of.handle, runner));
    CheckStatus(AttnscopeAccumulatorScratchBytes(of.handle, runner, &after));
    FUZZ_CHECK(before == after && (before != 0) == (of.handle != nullptr), "scratch that depends on the runner alone");
  }
  AttnscopeLayerConfig config = {};
  config.struct_size = bytes.OneOf<uint32_t>({sizeof(config), 0, sizeof(config) - 8, sizeof(config) + 1, 5000});
  const AttnscopeStatus status = AttnscopeAccumulatorConfig(of.handle, &config);
  CheckStatus(status);
  // One that is shorter may be of a caller that was compiled with an older header.
  const bool is_whole = config.struct_size == sizeof(config);
  const bool is_size = is_whole || config.struct_size == sizeof(config) - 8;
  FUZZ_CHECK((status == ATTNSCOPE_OK) == (of.handle != nullptr && is_size), AttnscopeLastError());
  if (status == ATTNSCOPE_OK && is_whole)
    FUZZ_CHECK(SameConfig(config, of.config), "the configuration it was made with");
}

void Session::Merge(CallBytes bytes) {
  Accumulator& to = AccumulatorOf(&bytes);
  Accumulator& from = AccumulatorOf(&bytes);
  if (to.handle == nullptr || from.handle == nullptr) {
    return CheckRefused(AttnscopeAccumulatorMerge(to.handle, from.handle));
  }
  const double rows = RowsOf(StatsOf(to.handle)) + RowsOf(StatsOf(from.handle));
  const AttnscopeStatus status = AttnscopeAccumulatorMerge(to.handle, from.handle);
  CheckStatus(status);
  FUZZ_CHECK((status == ATTNSCOPE_OK) == SameConfig(to.config, from.config), AttnscopeLastError());
  to.most_keys = std::max(to.most_keys, from.most_keys);
  if (status == ATTNSCOPE_OK) FUZZ_CHECK(RowsOf(StatsOf(to.handle)) == rows, "every row of both");
}

// Saves the state's arrays, loads them into another accumulator, and reduces both by hand as ranks do.
void Session::CopyState(CallBytes bytes) {
  Accumulator& of = AccumulatorOf(&bytes);
  size_t counts[2] = {};
  size_t closed[2] = {};
  if (of.handle == nullptr) {
    FUZZ_CHECK(AttnscopeAccumulatorSums(nullptr, &counts[0], &closed[0]) == nullptr, "null");
    FUZZ_CHECK(AttnscopeAccumulatorMaxima(nullptr, &counts[1], &closed[1]) == nullptr, "null");
    return;
  }
  const double* const sums = AttnscopeAccumulatorSums(of.handle, &counts[0], &closed[0]);
  const double* const maxima = AttnscopeAccumulatorMaxima(of.handle, &counts[1], &closed[1]);
  FUZZ_CHECK(closed[0] <= counts[0] && closed[1] <= counts[1], "no more than all");
  const Owned copy(Fresh(of.config));
  std::copy_n(sums, counts[0], AttnscopeAccumulatorSums(copy.get(), nullptr, nullptr));
  std::copy_n(maxima, counts[1], AttnscopeAccumulatorMaxima(copy.get(), nullptr, nullptr));
  const std::vector<double> stats = StatsOf(of.handle);
  CheckSameStats(StatsOf(copy.get()), stats, "the same from its arrays");
  const Owned merged(Fresh(of.config));
  FUZZ_CHECK(AttnscopeAccumulatorMerge(merged.get(), of.handle) == ATTNSCOPE_OK, AttnscopeLastError());
  CheckSameStats(StatsOf(merged.get()), stats, "the same merged into nothing");
  double* const copied = AttnscopeAccumulatorSums(copy.get(), nullptr, nullptr);
  for (size_t i = 0; i < counts[0]; ++i) copied[i] += sums[i];
  FUZZ_CHECK(RowsOf(StatsOf(copy.get())) == 2.0 * RowsOf(stats), "the rows of two ranks");
  BreakState(bytes, copy.get());
  StatsOf(copy.get());
  CheckStatus(AttnscopeAccumulatorMerge(merged.get(), copy.get()));
  CheckStatus(AttnscopeAccumulatorEndSequences(copy.get()));
  StatsOf(copy.get());
}

}  // namespace attnscope::fuzz

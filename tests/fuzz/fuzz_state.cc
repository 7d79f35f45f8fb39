// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as one or two states of accumulators, with honest sizes and checksums: what is read is written again to the
// same bytes and gives a report; two are merged, or refused with a reason, in either order.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/report.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/support/signed_state.h"
#include "tools/state/saved_state.h"
#include "tools/state/state_file.h"
#include "tools/state/state_format.h"

namespace attnscope::fuzz {
namespace {

using tools::SavedState;

Status Read(std::string_view bytes, SavedState* state) {
  return tools::StateFromBytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, state);
}

// The first state ends where its header says.
std::pair<std::string_view, std::string_view> Split(std::string_view input) {
  if (input.size() < tools::kHeaderBytes) return {input, {}};
  uint64_t size = 0;
  std::memcpy(&size, input.data() + tools::kSizeAt, sizeof(size));
  if (size >= input.size()) return {input, {}};
  return {input.substr(0, size), input.substr(size)};
}

uint64_t NumberAt(std::string_view text, size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, text.data() + at, sizeof(value));
  return value;
}

// Where an accepted state says the names of its numbers: behind the stage's name and the shares.
size_t NamesAt(std::string_view text) {
  constexpr size_t kStageAt = 88;
  const size_t shares = kStageAt + 8 + (NumberAt(text, kStageAt) + 7) / 8 * 8 + 16;
  return shares + 8 + 8 * NumberAt(text, shares);
}

// Whether an accepted state is of this version, and names the numbers that this version keeps, in its order.
bool HasThisVersionsNumbers(std::string_view text) {
  static const std::string empty = tools::StateToBytes(SavedState());
  const std::string_view names = std::string_view(empty).substr(NamesAt(empty));
  // Behind the names stands the number of layers.
  return text[tools::kVersionAt] == empty[tools::kVersionAt] &&
         text.substr(NamesAt(text)).starts_with(names.substr(0, names.size() - 8));
}

// Honest in size and checksum, as no random input is. What is accepted is the same after a round trip; what has other
// numbers is, once they are left out.
bool ReadAndCheck(std::string_view text, SavedState* state) {
  const Status status = Read(testing_tools::Signed(std::string(text)), state);
  if (!status.ok()) {
    FUZZ_CHECK(status.code() == StatusCode::kDataLoss && !status.message().empty(), status.message());
    FUZZ_CHECK(state->layers.empty() && state->shares.empty() && state->settings.stage.empty(), "unchanged");
    return false;
  }
  const std::string written = tools::StateToBytes(*state);
  FUZZ_CHECK(written.size() == text.size() || !HasThisVersionsNumbers(text), "the same size");
  SavedState again;
  const Status reread = Read(written, &again);
  FUZZ_CHECK(reread.ok(), reread.message());
  FUZZ_CHECK(tools::StateToBytes(again) == written, "the same bytes");
  return true;
}

// Sums, which may be anything, added in another order have the same bits, but for NaN of two kinds and negative zeros.
// Settings are equal or refused, and the first state's stay: zeros are equal.
void MakePlain(std::vector<double>* values) {
  for (double& value : *values) {
    value = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0;  // -0 + 0 is 0
  }
}

SavedState Plain(SavedState state) {
  tools::StateSettings& settings = state.settings;
  for (double* value : {&settings.scale, &settings.soft_cap, &settings.tolerance_float32, &settings.tolerance_half,
                        &settings.saturation_bound}) {
    *value += 0.0;
  }
  for (tools::SavedLayer& layer : state.layers) {
    MakePlain(&layer.sums);
    MakePlain(&layer.maxima);
    for (tools::OpenMatrix& matrix : layer.matrices) {
      for (std::vector<double>* values : {&matrix.maxima, &matrix.row_sums, &matrix.columns, &matrix.partial})
        MakePlain(values);
    }
  }
  return state;
}

// It is there, and survives JSON.
void CheckReport(const SavedState& state) {
  Report report;
  const Status status = tools::ReportOf(state, &report);
  FUZZ_CHECK(status.ok(), status.message());
  FUZZ_CHECK(report.layers.size() == state.layers.size(), "every layer");
  Report back;
  const Status parsed = ReportFromJson(ReportToJson(report), &back);
  FUZZ_CHECK(parsed.ok(), parsed.message());
}

Status Merge(const SavedState& first, const SavedState& second, SavedState* merged) {
  tools::StateMerger merger;
  Status status = merger.Add("first", first);
  if (status.ok()) status = merger.Add("second", second);
  if (!status.ok()) {
    FUZZ_CHECK(status.code() == StatusCode::kInvalidArgument, status.message());
    FUZZ_CHECK(status.message().find("first") != std::string::npos, status.message());
    return status;
  }
  const bool is_complete = merger.Missing().empty();
  status = merger.Take(merged);
  FUZZ_CHECK(status.ok(), status.message());
  FUZZ_CHECK(!is_complete || (merged->share_count == 0 && merged->shares.empty()), "complete by itself");
  return status;
}

void CheckMerge(const SavedState& a, const SavedState& b) {
  SavedState ab;
  SavedState ba;
  const Status status = Merge(a, b, &ab);
  const Status other_way = Merge(b, a, &ba);
  FUZZ_CHECK(status.ok() == other_way.ok(), status.message() + other_way.message());
  if (!status.ok()) return;
  FUZZ_CHECK(tools::StateToBytes(Plain(ab)) == tools::StateToBytes(Plain(ba)), "the order does not matter");
  CheckReport(ab);
}

void Run(std::string_view input) {
  SavedState unsigned_state;
  if (const Status status = Read(input, &unsigned_state); !status.ok()) {
    FUZZ_CHECK(status.code() == StatusCode::kDataLoss && !status.message().empty(), status.message());
  }
  const auto [first, second] = Split(input);
  SavedState a;
  if (!ReadAndCheck(first, &a)) return;
  CheckReport(a);
  CheckMerge(a, a);
  SavedState b;
  if (second.empty() || !ReadAndCheck(second, &b)) return;
  CheckMerge(Plain(a), Plain(b));
}

}  // namespace
}  // namespace attnscope::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  attnscope::fuzz::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

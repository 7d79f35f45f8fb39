// SPDX-License-Identifier: Apache-2.0
//
// Bytes of states: the documented format, and that whatever is no state, or a damaged or dishonest one, is refused with
// a reason.
#include "tools/state/state_file.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/accumulator/state_layout.h"
#include "tests/support/data_file.h"
#include "tests/support/signed_state.h"

namespace attnscope::tools {
namespace {

using testing_tools::Signed;

constexpr size_t kHeader = 32;

Bytes BytesOf(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// Two layers; the second has an open sequence, of which two heads have seen five rows and three keys.
SavedState Example() {
  SavedState state;
  state.settings.causal = true;
  state.settings.epoch = -3;
  state.settings.stage = "validation";
  state.settings.row_options = "--window 4";
  state.share_by = ShareBy::kRows;
  state.share_count = 8;
  state.shares = {2, 5};
  for (const int64_t index : std::initializer_list<int64_t>{1, 4}) {
    SavedLayer layer;
    layer.layer = index;
    layer.kind = AttentionKind::kLogits;
    layer.model_heads = layer.heads = 2;
    layer.sums.assign(StateLayout(2, 1, 0).closed_sums(), 3.0);
    layer.maxima.assign(StateLayout(2, 1, 0).closed_maxima(), 7.0);
    state.layers.push_back(layer);
  }
  state.layers[1].open = {{6, 3}};
  for (const size_t head : std::initializer_list<size_t>{0, 1}) {
    OpenMatrix matrix = {.sequence = 0, .head = head, .maxima = {9.0, 1.0, 2.0}};
    matrix.row_sums.assign(kNumRowSums, 0.0);
    matrix.row_sums[static_cast<size_t>(RowSum::kMeasured)] = 5.0;
    matrix.columns = {0.5, 0.25, 4.0};
    matrix.partial = {0.0, 0.125, 0.125};
    state.layers[1].matrices.push_back(matrix);
  }
  return state;
}

// The names of layers, rows, matrices and maxima, as docs/state-format.md lists them: the first that were ever written.
// Names stay what they are, since they say how states are read; new ones are added.
constexpr std::array<std::string_view, 5> kNames = {
    "residual_sequences residual_tokens gradient_buffers gradient_squares residual_ratio token_residual_ratio "
    "infinite_residuals",
    "measured_rows rows_of_several_keys null_mass_rows entropy effective_rank max_row_weight normalized_entropy "
    "invalid_rows empty_rows unnormalized_rows masked_rows null_mass top5 top10 top50 logit_rows logits logit_squares "
    "logit_mean saturation_ratio logsumexp",
    "col_entropy max_col_sum sink_mass first_token_mass matrices",
    "sink keys max_abs_logit max_logit",
    "max_abs_logit max_logit first_key",
};

Status Refuse(const std::string& bytes) {
  SavedState unchanged;
  const Status status = StateFromBytes(BytesOf(bytes), &unchanged);
  EXPECT_TRUE(status.ok() || unchanged.layers.empty());
  return status;
}

void ExpectRefusal(const std::string& bytes, const std::string& part) {
  const Status status = Refuse(bytes);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
}

// Example() with a field changed before it is written.
template <typename Change>
void ExpectMalformed(const Change& change, const std::string& part) {
  SavedState state = Example();
  change(state);
  ExpectRefusal(StateToBytes(state), "is malformed: " + part);
}

TEST(StateFileTest, ReadsWhatItWrote) {
  const std::string bytes = StateToBytes(Example());
  SavedState state;
  const Status status = StateFromBytes(BytesOf(bytes), &state);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(StateToBytes(state), bytes);
  EXPECT_EQ(state.settings.epoch, -3);
  EXPECT_EQ(state.settings.stage, "validation");
  EXPECT_EQ(state.settings.row_options, "--window 4");
  EXPECT_EQ(state.shares, (std::vector<size_t>{2, 5}));
  ASSERT_EQ(state.layers.size(), 2u);
  EXPECT_EQ(state.layers[1].matrices[1].columns, (std::vector<double>{0.5, 0.25, 4.0}));
}

// The table of docs/state-format.md, for a reader in another language.
TEST(StateFileTest, BytesAreAsDocumented) {
  const std::string bytes = StateToBytes(Example());
  const auto u64 = [&](size_t at) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
  };
  EXPECT_EQ(bytes.substr(0, 8), "ATTNSTAT");
  EXPECT_EQ(bytes.substr(8, 8), std::string("\4\0\0\0\x0D\x0C\x0B\x0A", 8));
  EXPECT_EQ(u64(16), bytes.size());
  EXPECT_EQ(u64(24) >> 32, 0u);
  EXPECT_EQ(u64(32), 5u) << "flags: causal, epoch";
  EXPECT_EQ(static_cast<int64_t>(u64(80)), -3) << "epoch";
  EXPECT_EQ(u64(88), 10u);
  EXPECT_EQ(bytes.substr(96, 16), std::string("validation\0\0\0\0\0\0", 16));
  EXPECT_EQ(u64(112), 10u);
  EXPECT_EQ(bytes.substr(120, 16), std::string("--window 4\0\0\0\0\0\0", 16));
  EXPECT_EQ(u64(136), 3u) << "top-k masses";
  EXPECT_EQ(u64(144), 5u);
  EXPECT_EQ(u64(152), 10u);
  EXPECT_EQ(u64(160), 50u);
  EXPECT_EQ(u64(168), 3u) << "by rows";
  EXPECT_EQ(u64(176), 8u);
  EXPECT_EQ(u64(184), 2u);
  EXPECT_EQ(u64(200), 5u) << "the second share";
  // The names of the numbers, each list behind its length.
  size_t at = 208;
  for (const std::string_view names : kNames) {
    EXPECT_EQ(u64(at), names.size());
    EXPECT_EQ(bytes.substr(at + 8, names.size()), names);
    at += 8 + (names.size() + 7) / 8 * 8;
  }
  EXPECT_EQ(u64(at), 2u) << "layers";
  EXPECT_EQ(u64(at + 8), 1u) << "index of the first";
  const size_t second = at + 8 + size_t{8} * (5 + (7 + 2 * 26) + 2 * 4 + 1);
  EXPECT_EQ(u64(second), 4u);
  EXPECT_EQ(u64(second + 32), 1u) << "open sequences";
  EXPECT_EQ(bytes.size(), second + size_t{8} * (5 + 2 + 59 + 8 + 1 + 2 * (3 + 3 + 21 + 2 * 3)));
}

TEST(StateFileTest, TruncationAtEveryByte) {
  const std::string bytes = StateToBytes(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    ExpectRefusal(bytes.substr(0, size), size < 8 ? "is no state" : "is truncated: " + std::to_string(size) + " bytes");
    if (size < kHeader) continue;
    // The same with an honest header: it ends within a record, or what is left is none.
    const Status status = Refuse(Signed(bytes.substr(0, size)));
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << size;
  }
  ExpectRefusal(bytes + "x", "has bytes behind its end");
  ExpectRefusal(Signed(bytes + "12345678"), "bytes behind the last layer");
}

TEST(StateFileTest, DamageOfEveryByte) {
  const std::string bytes = StateToBytes(Example());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {1, 128}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      if (at >= 28 && at < kHeader) continue;  // reserved
      EXPECT_EQ(Refuse(damaged).code(), StatusCode::kDataLoss) << at;
      if (at < kHeader) continue;
      // With a checksum to match it may be another state; it may not crash or hang. What is accepted gives a report.
      SavedState state;
      if (!StateFromBytes(BytesOf(Signed(damaged)), &state).ok()) continue;
      Report report;
      EXPECT_TRUE(ReportOf(state, &report).ok()) << at;
    }
  }
  std::string other_version = bytes;
  other_version[8] = 5;
  ExpectRefusal(other_version, "is a state of version 5, this program reads versions 1 to 4");
  other_version[8] = 0;
  ExpectRefusal(other_version, "is a state of version 0, this program reads versions 1 to 4");
  std::string other_order = bytes;
  std::swap(other_order[12], other_order[15]);
  std::swap(other_order[13], other_order[14]);
  ExpectRefusal(other_order, "byte order");
  std::string damaged = bytes;
  damaged[100] = 'X';
  ExpectRefusal(damaged, "is damaged: wrong checksum");
}

// Every 8 bytes of the body claim the largest, a huge and a small number: nothing is allocated for what is not there.
TEST(StateFileTest, LiesAboutEverySize) {
  const std::string bytes = StateToBytes(Example());
  for (size_t at = kHeader; at < bytes.size(); at += 8) {
    for (const uint64_t claim : {UINT64_MAX, uint64_t{1} << 62, uint64_t{1} << 40, uint64_t{65536}, uint64_t{9}}) {
      std::string lie = bytes;
      std::memcpy(lie.data() + at, &claim, sizeof(claim));
      SavedState state;
      if (!StateFromBytes(BytesOf(Signed(lie)), &state).ok()) continue;
      StateMerger merger;
      Report report;
      EXPECT_TRUE(merger.Add("a lie", state).ok() || true);
      EXPECT_TRUE(ReportOf(state, &report).ok()) << at;
      EXPECT_FALSE(merger.Missing().empty());
    }
  }
}

TEST(StateFileTest, NumbersThatCannotBe) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double bad : {kNaN, kInfinity, -1.0}) {
    ExpectMalformed([&](SavedState& s) { s.layers[0].maxima[2] = bad; }, "a maximum is negative or not finite");
    ExpectMalformed([&](SavedState& s) { s.layers[0].sums[7] = bad; }, "numbers of rows are none");
    ExpectMalformed([&](SavedState& s) { s.layers[1].matrices[0].columns[2] = bad; }, "an open sequence holds numbers");
    ExpectMalformed([&](SavedState& s) { s.layers[1].matrices[0].partial[0] = bad; }, "an open sequence holds numbers");
    ExpectMalformed([&](SavedState& s) { s.layers[1].matrices[1].row_sums[10] = bad; }, "an open sequence holds numb");
    ExpectMalformed([&](SavedState& s) { s.layers[1].matrices[1].maxima[0] = bad; }, "an open sequence holds numb");
  }
  ExpectMalformed([&](SavedState& s) { s.layers[0].sums[7] = 2.5; }, "numbers of rows are none");
  ExpectMalformed([&](SavedState& s) { s.settings.scale = kNaN; }, "a setting is not finite");
  ExpectMalformed([](SavedState& s) { s.layers[0].layer = -1; }, "layer -1 is negative");
  ExpectMalformed([](SavedState& s) { s.layers[0].layer = 4; }, "layers are out of order");
  ExpectMalformed([](SavedState& s) { s.layers[0].model_heads = 3; }, "wrong number of heads");
  ExpectMalformed([](SavedState& s) { s.layers[0].kind.reset(); }, "layer 1 has heads, but no attention was measured");
  ExpectMalformed(
      [](SavedState& s) {
        s.layers[0].heads = 70000;
        s.layers[0].sums.resize(StateLayout(70000, 1, 0).closed_sums());
        s.layers[0].maxima.resize(StateLayout(70000, 1, 0).closed_maxima());
      },
      "heads is 70000, more than 65536");
  ExpectMalformed([](SavedState& s) { s.shares = {5, 2}; }, "shares are out of order");
  ExpectMalformed([](SavedState& s) { s.shares = {8}; }, "share is 8, more than 7");
  ExpectMalformed([](SavedState& s) { s.share_count = 2'000'000; }, "number of shares is 2000000, more than 1000000");
  ExpectMalformed([](SavedState& s) { s.layers[1].open[0].queries = 0; }, "an open sequence has no rows to come");
  ExpectMalformed([](SavedState& s) { s.layers[1].open[0].keys = 2; }, "keys is 3, more than 2");
  ExpectMalformed([](SavedState& s) { s.layers[1].matrices[1].sequence = 1; }, "sequence is 1, more than 0");
  ExpectMalformed([](SavedState& s) { s.layers[1].matrices[1].head = 2; }, "head is 2, more than 1");
  ExpectMalformed([](SavedState& s) { s.layers[1].matrices[1].head = 0; }, "open sequences are out of order");
}

// A layer without attention is merged into any other: heads and sequences of its own would stand beside that one's.
TEST(StateFileTest, NoAttentionHasNoSequences) {
  SavedState honest = Example();
  honest.layers.resize(1);
  SavedLayer& layer = honest.layers[0];
  layer.kind.reset();
  layer.model_heads = layer.heads = 1;
  layer.sums.resize(StateLayout(1, 1, 0).closed_sums());
  layer.maxima.resize(StateLayout(1, 1, 0).closed_maxima());
  EXPECT_TRUE(Refuse(StateToBytes(honest)).ok());
  SavedState lie = honest;
  lie.layers[0].open = {{6, 3}};
  ExpectRefusal(StateToBytes(lie), "layer 1 has open sequences, but no attention was measured");
}

TEST(StateFileTest, AFilesErrorsNameIt) {
  SavedState state;
  EXPECT_EQ(ReadStateFile("/no/such/file", &state).code(), StatusCode::kNotFound);
  const std::string tensor = DataFile("use_short_L0_attn.npy");
  EXPECT_EQ(ReadStateFile(tensor, &state).message(), tensor + ": is no state: it does not begin with ATTNSTAT");
}

}  // namespace
}  // namespace attnscope::tools

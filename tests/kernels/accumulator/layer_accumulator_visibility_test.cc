// SPDX-License-Identifier: Apache-2.0
//
// Each field of Visibility alone: first what rows see, drawn by hand, then what layers measure of it from weights,
// logits, and queries and keys, against the oracle, whole and cut, on every target.
#include "attnscope/visibility.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "tests/support/accumulator_checks.h"
#include "tests/support/target_test.h"
#include "tests/support/visibility_oracle.h"
#include "tests/support/visible_attention.h"

namespace attnscope::test {
namespace {

using VisibilityTest = TargetTest;
ATTNSCOPE_FOR_EACH_TARGET(VisibilityTest);

void Check(const Visibility& visibility, const std::string& what, const AttentionSizes& sizes = {}) {
  ExpectExactOfAllInputs(sizes, {.mask = visibility}, 1, what);
}

// Rows of X where the key is seen.
std::string Drawing(const Visibility& visibility, const MatrixSizes& sizes) {
  std::string drawing;
  for (size_t row = 0; row < sizes.queries; ++row) {
    for (size_t key = 0; key < sizes.keys; ++key) drawing += Sees(visibility, sizes, 0, 0, row, key) ? 'X' : '.';
    drawing += ' ';
  }
  return drawing;
}

// The oracle itself, by eye.
TEST(VisibilityOracleTest, Drawings) {
  EXPECT_EQ(Drawing({}, {2, 3}), "XXX XXX ");
  EXPECT_EQ(Drawing({.causal = true}, {4, 4}), "X... XX.. XXX. XXXX ");
  EXPECT_EQ(Drawing({.causal = true}, {2, 4}), "XXX. XXXX ") << "the last query sees the last key";
  EXPECT_EQ(Drawing({.causal = true}, {4, 2}), ".. .. X. XX ");
  EXPECT_EQ(Drawing({.causal = true, .causal_offset = 0}, {2, 4}), "X... XX.. ");
  // sliding_window = 2 of Hugging Face is the pair (1, 0) of FlashAttention.
  EXPECT_EQ(Drawing({.causal = true, .window = 2}, {4, 4}), "X... XX.. .XX. ..XX ");
  EXPECT_EQ(Drawing({.window = 1 + 1, .window_after = 0}, {4, 4}), "X... XX.. .XX. ..XX ");
  EXPECT_EQ(Drawing({.window = 1 + 1, .window_after = 1}, {4, 4}), "XX.. XXX. .XXX ..XX ");
  EXPECT_EQ(Drawing({.window = 1}, {3, 3}), "XXX .XX ..X ");
  EXPECT_EQ(Drawing({.causal = true, .window = 2, .window_kind = WindowKind::kChunked}, {5, 5}),
            "X.... XX... ..X.. ..XX. ....X ");
  EXPECT_EQ(Drawing({.causal = true, .window = 3}, {1, 5}), "..XXX ");
  const int64_t segments[] = {0, 2, 2, 3, 5};
  EXPECT_EQ(Drawing({.causal = true, .segments = segments, .num_segments = 4}, {5, 5}),
            "X.... XX... ..X.. ...X. ...XX ");
  EXPECT_EQ(Drawing({.segments = segments, .num_segments = 3}, {4, 4}), "XX.. XX.. ..X. .... ");
  const int64_t two[] = {2};
  EXPECT_EQ(Drawing({.first_keys = two}, {2, 4}), "..XX ..XX ");
  EXPECT_EQ(Drawing({.key_lengths = two}, {2, 4}), "XX.. XX.. ");
  EXPECT_EQ(Drawing({.query_lengths = two}, {3, 2}), "XX XX .. ");
  const uint8_t bytes[] = {1, 0, 2, 1};
  EXPECT_EQ(Drawing({.key_mask = {.data = bytes, .query_stride = 1}}, {2, 3}), "X.X .XX ");
  // A ring of three cells that holds positions 4, 5 and 3, and one empty cell.
  const int64_t positions[] = {4, 5, 3, -1};
  EXPECT_EQ(Drawing({.causal = true, .key_positions = positions}, {2, 4}), "X.X. XXX. ");
  EXPECT_EQ(Drawing({.causal = true, .window = 2, .key_positions = positions}, {1, 4}), "XX.. ");
}

TEST_P(VisibilityTest, CausalOffsets) {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  for (const int64_t offset :
       std::initializer_list<int64_t>{kLastQuerySeesLastKey, kLeast + 1, -100, -18, -1, 0, 1, 17, 18, 19, 36, 37,
                                      std::numeric_limits<int64_t>::max() - 30}) {
    Check({.causal = true, .causal_offset = offset}, "causal");
  }
  // More queries than keys, and one of each.
  for (const size_t queries : std::initializer_list<size_t>{1, 36, 37, 38, 60}) {
    Check({.causal = true}, "causal", {.queries = queries});
  }
  Check({.causal = true}, "causal", {.queries = 20, .keys = 1});
}

TEST_P(VisibilityTest, SlidingWindows) {
  for (int64_t window = 1; window <= 40; window += window < 5 || window > 34 ? 1 : 3) {
    Check({.causal = true, .window = window}, "sliding window");
  }
  for (const int64_t window : {int64_t{16}, std::numeric_limits<int64_t>::max()}) {
    Check({.causal = true, .causal_offset = 0, .window = window}, "sliding window");
    Check({.window = window}, "window without causality");
    Check({.causal = true, .causal_offset = std::numeric_limits<int64_t>::min() + 1, .window = window}, "far before");
    Check({.causal = true, .causal_offset = std::numeric_limits<int64_t>::max() - 30, .window = window}, "far behind");
  }
}

TEST_P(VisibilityTest, TwoSidedWindows) {
  for (const int64_t left : std::initializer_list<int64_t>{0, 1, 2, 7, 16, 40}) {
    for (const int64_t right : std::initializer_list<int64_t>{0, 1, 3, 15, 40, std::numeric_limits<int64_t>::max()}) {
      Check({.window = left + 1, .window_after = right}, "FlashAttention's window");
    }
  }
  Check({.window_after = 2}, "keys behind without a window before");
  Check({.causal = true, .causal_offset = -17, .window_after = std::numeric_limits<int64_t>::max()}, "all keys behind");
  Check({.causal = true, .window = 3, .window_after = 2}, "causality rules out what is behind");
}

TEST_P(VisibilityTest, Chunks) {
  for (const int64_t window : std::initializer_list<int64_t>{1, 2, 3, 8, 16, 17, 36, 37, 100}) {
    Check({.causal = true, .window = window, .window_kind = WindowKind::kChunked}, "chunks");
    Check({.causal = true, .causal_offset = -5, .window = window, .window_kind = WindowKind::kChunked},
          "chunks of negative positions");
    Check({.window = window, .window_kind = WindowKind::kChunked}, "chunks without causality");
  }
}

TEST_P(VisibilityTest, LengthsOfSequences) {
  for (const auto& [first, second] : {std::pair<int64_t, int64_t>{0, 37}, {37, 0}, {1, 36}, {16, 17}, {37, 37}}) {
    const int64_t lengths[] = {first, second};
    for (const bool causal : {false, true}) {
      Check({.causal = causal, .key_lengths = lengths}, "key lengths");
      Check({.causal = causal, .first_keys = lengths}, "first keys");
      Check({.causal = causal, .key_lengths = lengths, .first_keys = lengths}, "nothing is between them");
    }
  }
  for (const auto& [first, second] : {std::pair<int64_t, int64_t>{0, 19}, {19, 0}, {1, 18}, {16, 15}}) {
    const int64_t lengths[] = {first, second};
    for (const bool causal : {false, true}) Check({.causal = causal, .query_lengths = lengths}, "query lengths");
  }
}

TEST_P(VisibilityTest, Segments) {
  const std::vector<std::vector<int64_t>> all = {
      {0},         {0, 37}, {0, 0, 37}, {0, 37, 37}, {0, 1, 2, 3, 37}, {0, 16, 32, 37}, {0, 5, 5, 5, 20, 37},
      {0, 10, 30},  // the tail is in no segment
      {0, 0, 0},    // nothing is in one
  };
  for (const std::vector<int64_t>& segments : all) {
    for (const bool causal : {false, true}) {
      Check({.causal = causal, .segments = segments.data(), .num_segments = segments.size() - 1}, "segments");
      Check({.causal = causal, .causal_offset = -3, .segments = segments.data(), .num_segments = segments.size() - 1},
            "segments, from before the first");
    }
  }
}

TEST_P(VisibilityTest, ByteMasks) {
  const AttentionSizes sizes;
  const auto batch = static_cast<int64_t>(sizes.batch);
  const auto heads = static_cast<int64_t>(sizes.heads);
  const auto queries = static_cast<int64_t>(sizes.queries);
  const auto keys = static_cast<int64_t>(sizes.keys);
  Random random(5);
  std::vector<uint8_t> bytes(sizes.batch * sizes.heads * sizes.queries * sizes.keys * 2);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(3) == 0 ? 0 : 1 + random.Below(255));
  const uint8_t* first = bytes.data();
  const uint8_t* last = bytes.data() + bytes.size() - 1;
  const KeyMaskView views[] = {
      {.data = first},                                                       // one row for all
      {.data = first, .query_stride = keys},                                 // one matrix for all
      {.data = first, .batch_stride = keys},                                 // one row a sequence
      {.data = first, .head_stride = queries * keys, .query_stride = keys},  // of the heads
      {.data = first, .query_stride = 1, .key_stride = 0},                   // one byte a query
      {.data = first, .head_stride = 1, .key_stride = 0},                    // one byte a head
      {.data = first, .batch_stride = heads * queries * keys, .head_stride = queries * keys, .query_stride = keys},
      {.data = first,
       .batch_stride = 1,
       .head_stride = batch,
       .query_stride = batch * heads,
       .key_stride = batch * heads * queries},  // the other way around
      {.data = last,
       .batch_stride = -heads * queries * keys,
       .head_stride = -queries * keys,
       .query_stride = -keys,
       .key_stride = -1},
      {.data = first,
       .batch_stride = 2 * heads * queries * keys,
       .head_stride = 2 * queries * keys,
       .query_stride = 2 * keys,
       .key_stride = 2},
      {.data = first + (keys - 1), .query_stride = keys, .key_stride = -1},
  };
  for (const KeyMaskView& view : views) {
    Check({.key_mask = view}, "bytes");
    Check({.causal = true, .window = 9, .key_mask = view}, "bytes and a window");
  }
  // All or nothing.
  for (const uint8_t byte : {uint8_t{0}, uint8_t{1}}) {
    Check({.key_mask = {.data = &byte, .key_stride = 0}}, "one byte");
  }
}

// A ring buffer that has come around, with gaps.
TEST_P(VisibilityTest, Positions) {
  const AttentionSizes sizes;
  std::vector<uint8_t> cell_bytes(sizes.queries + 2 * sizes.keys);
  for (size_t i = 0; i < cell_bytes.size(); ++i) cell_bytes[i] = i % 3 == 0 ? 0 : 1;
  for (const int64_t oldest : {0, 20, 63}) {
    for (const int64_t turn : {1, 36}) {
      std::vector<int64_t> positions(sizes.batch * sizes.keys);
      for (size_t i = 0; i < positions.size(); ++i) {
        const auto cell = static_cast<int64_t>(i % sizes.keys);
        positions[i] = i % 7 == 3 ? -1 : oldest + (cell + turn * static_cast<int64_t>(1 + i / sizes.keys)) % 37;
      }
      for (const int64_t stride : {int64_t{0}, int64_t{37}}) {
        const Visibility cells = {.key_positions = positions.data(), .key_positions_stride = stride};
        Visibility visibility = cells;
        Check(visibility, "positions");
        visibility.causal = true;
        visibility.causal_offset = oldest + 15;
        Check(visibility, "positions, causal");
        visibility.window = 8;
        Check(visibility, "positions, window");
        visibility = cells;
        const int64_t lengths[] = {oldest + 30, oldest + 5};
        visibility.key_lengths = lengths;
        Check(visibility, "positions, lengths");
        visibility = cells;
        visibility.first_keys = lengths;
        Check(visibility, "positions, first keys");
        visibility = cells;
        visibility.key_mask = {.data = cell_bytes.data(), .query_stride = 1, .key_stride = 2};
        Check(visibility, "positions, bytes of cells");
      }
    }
  }
}

// The default offset of positions is that of each sequence's own last one.
TEST_P(VisibilityTest, LastPositionOfEachSequence) {
  const AttentionSizes sizes;
  std::vector<int64_t> positions(sizes.batch * sizes.keys);
  for (size_t i = 0; i < positions.size(); ++i) {
    positions[i] = static_cast<int64_t>((i % sizes.keys + 11) % sizes.keys + 20 * (i / sizes.keys));
  }
  const SoftmaxParams params = {
      .mask = {.causal = true, .window = 9, .key_positions = positions.data(), .key_positions_stride = 37}};
  for (const InputKind kind : kAllInputs) {
    VisibleAttention(sizes, params, ElementType::kFloat32, 3).ExpectExact(kind, "positions of each sequence");
  }
  // Nothing but empty cells: no row sees anything.
  std::fill(positions.begin(), positions.end(), -1);
  for (const InputKind kind : kAllInputs) {
    VisibleAttention(sizes, params, ElementType::kFloat32, 3).ExpectExact(kind, "empty cells");
  }
}

}  // namespace
}  // namespace attnscope::test

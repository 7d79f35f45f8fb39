// SPDX-License-Identifier: Apache-2.0
//
// A server as a monitor sees it: requests that come and go, prompts and then one token a step, caches that grow, and
// now and then rows with NaN, without keys or off their sum. Included by soak_monitor.cc.
#ifndef ATTNSCOPE_TESTS_SOAK_DECODING_ENGINE_H_
#define ATTNSCOPE_TESTS_SOAK_DECODING_ENGINE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "tests/soak/window_oracle.h"
#include "tests/support/row_inputs.h"

namespace attnscope::test {

// What was fed, counted where it was made.
struct FedRows {
  uint64_t calls = 0;
  uint64_t rows = 0;
  uint64_t invalid = 0;
  uint64_t empty = 0;
};

class DecodingEngine {
 public:
  // One layer of each input: weights of every element type, logits, queries and keys with fewer heads of keys.
  static constexpr size_t kLayers = 3;
  static constexpr size_t kHeads = 4;
  static constexpr size_t kKvHeads = 2;
  static constexpr size_t kHeadDim = 16;
  static constexpr size_t kSlots = 4;  // requests at once
  static constexpr size_t kMostPrompt = 48;
  static constexpr size_t kMostKeys = 192;

  explicit DecodingEngine(uint64_t seed);

  // Takes one step of all requests: asks the monitor about each layer, feeds it and the oracles, and ends requests.
  // Returns the tokens of the step, for EndStep. On failure `*status` tells.
  uint64_t Step(uint64_t step, AttentionMonitor* monitor, std::vector<WindowOracle>* oracles, Status* status);

  const FedRows& fed() const { return fed_; }
  uint64_t requests() const { return requests_; }

 private:
  struct Request {
    size_t queries = 0;  // of this step; 0: the slot is idle
    size_t keys = 0;     // with this step's
    size_t left = 0;     // steps to come
  };

  void Begin(size_t slot);
  void Grow(size_t slot);
  Status FeedLayer(size_t layer, AttentionMonitor* monitor, WindowOracle* oracle);
  Status FeedWeights(size_t slot, AttentionMonitor* monitor, WindowOracle* oracle);
  Status FeedLogits(size_t slot, AttentionMonitor* monitor, WindowOracle* oracle);
  // All slots in one call, with a key length each; idle ones see no key.
  Status FeedLogitsOfAll(AttentionMonitor* monitor, WindowOracle* oracle);
  Status FeedQueriesKeys(size_t slot, AttentionMonitor* monitor, WindowOracle* oracle);
  void FillLogits(size_t visible, float* row);
  void FillWeights(size_t visible, float* row);

  Random random_;
  std::array<Request, kSlots> slots_;
  std::vector<float> cache_;     // keys [slots, kv_heads, most_keys, head_dim]
  std::vector<float> queries_;   // [heads, most_prompt, head_dim]
  std::vector<float> rows_;      // [heads, queries, keys], or [slots, heads, keys]
  std::vector<uint8_t> stored_;  // rows_ as another element type
  FedRows fed_;
  uint64_t requests_ = 0;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SOAK_DECODING_ENGINE_H_

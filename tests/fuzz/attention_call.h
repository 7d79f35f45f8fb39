// SPDX-License-Identifier: Apache-2.0
//
// A call that adds attention through the C interface: honest buffers of every layout, or a lie that must be refused.
// Included by the parts of fuzz_c_interface.
#ifndef ATTNSCOPE_TESTS_FUZZ_ATTENTION_CALL_H_
#define ATTNSCOPE_TESTS_FUZZ_ATTENTION_CALL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "attnscope/attnscope_c.h"
#include "tests/fuzz/call_bytes.h"
#include "tests/fuzz/heap_tensor.h"

namespace attnscope::fuzz {

enum class AttentionKind : uint8_t { kWeights, kLogits, kQueriesKeys };

// What takes the attention: an accumulator, or a layer of a monitor.
struct AttentionSink {
  AttnscopeAccumulator* accumulator = nullptr;
  AttnscopeMonitor* monitor = nullptr;
  uint64_t layer = 0;
};

class AttentionCall {
 public:
  // Sizes fit the configuration, unless a lie says otherwise. The same bytes with another `junk` give the same call on
  // buffers that differ only in what must not be read.
  AttentionCall(AttentionKind kind, const AttnscopeLayerConfig& config, CallBytes bytes, uint64_t junk);
  AttentionCall(const AttentionCall&) = delete;
  AttentionCall& operator=(const AttentionCall&) = delete;

  // Whether the call must be refused.
  bool must_fail() const { return is_resized() ? is_struct_refused_ : is_lie_; }
  // Whether the struct has not the size of this header's, so that what it says may be another thing.
  bool is_resized() const { return is_resized_; }
  size_t queries() const { return queries_; }
  size_t keys() const { return keys_; }
  // Of the sequence that has the fewest.
  size_t FewestKeys() const;
  size_t rows() const { return batch_ * heads_ * queries_; }

  // Adds the rows from `first` on.
  AttnscopeStatus Add(const AttentionSink& sink, size_t first, size_t rows, const AttnscopeRunner* runner) const;

 private:
  void MakeMask(CallBytes* bytes);
  void MakeMatrices(CallBytes* bytes);
  void MakeQueriesKeys(const AttnscopeLayerConfig& config, CallBytes* bytes);
  void MakePages(size_t kv_heads, size_t head_dim, CallBytes* bytes);
  void MakeParams(CallBytes* bytes);
  // Hides some of what the rows saw before, so that nothing more is read.
  void HideMore(size_t choice);
  // What is said of rows, of those from `first` on.
  AttnscopeMask MaskFrom(size_t first, size_t rows, std::vector<int64_t>* query_lengths,
                         AttnscopeKeyMaskView* key_mask) const;
  void Lie(const AttnscopeLayerConfig& config, CallBytes* bytes);
  Content ContentOf(ElementType type, CallBytes* bytes);
  size_t VisibleKeys(size_t sequence, size_t row) const;

  AttentionKind kind_;
  uint64_t junk_;
  bool is_lie_ = false;
  uint32_t struct_bytes_ = 0;
  bool is_resized_ = false;
  uint8_t struct_filler_ = 0;
  bool is_struct_refused_ = false;
  size_t batch_ = 1;
  size_t heads_ = 1;
  size_t queries_ = 0;
  size_t keys_ = 0;
  std::vector<HeapTensor> buffers_;
  AttnscopeAttentionView matrices_ = {};
  AttnscopeQueryKeyView queries_keys_ = {};
  std::vector<AttnscopeKeyPage> pages_;
  bool has_mask_ = false;
  AttnscopeMask mask_ = {};
  std::vector<int64_t> key_lengths_;
  std::vector<int64_t> first_keys_;
  std::vector<int64_t> query_lengths_;
  std::vector<int64_t> segments_;
  std::vector<uint8_t> shown_;
  AttnscopeKeyMaskView key_mask_ = {};
  std::vector<float> sinks_;
  bool has_params_ = false;
  bool has_bias_ = false;
  AttnscopeBiasView bias_ = {};
  AttnscopeSoftmaxParams params_ = {};
};

}  // namespace attnscope::fuzz

#endif  // ATTNSCOPE_TESTS_FUZZ_ATTENTION_CALL_H_
